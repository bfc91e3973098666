# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact LRU: the page that leaves is the one whose last touch is the longest ago."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from ghostswap.mm.noted_lists import NotedLists
from ghostswap.mm.vmscan.lruvec import EVICTED, YOUNG, Fault, Lruvec, Pages
from ghostswap.mm.vmscan.pageout import ACTIVATE, Backing


class ExactLru:
    """Which pages leave, if the order of all touches were known, which no kernel can afford.

    A page that goes to disk is gone at once. Where a limit is reached that several groups share,
    they give pages in turn.

    :param lruvecs: all there are, by index.
    """

    def __init__(self, pages: Pages, backing: Backing, lruvecs: Sequence[Lruvec]) -> None:
        self._pages = pages
        self._swap_out = backing.swap_out
        self._submit = backing.submit
        self._lists = NotedLists(len(lruvecs))
        self._sharers = [
            [below for below in lruvec.subtree() if below.group >= 0] for lruvec in lruvecs
        ]
        self._turn = [0] * len(lruvecs)  # of those that share a limit, who is next

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes | None, fault: Fault) -> None:
        """Touch *pages* of *lruvec* in order; *fault* maps one that is not."""
        pte, dirty = self._pages.pte, self._pages.dirty
        add, number = self._lists.add, lruvec.index
        for page, write in zip(pages, writes or bytes(len(pages)), strict=True):
            if pte[page]:
                add(page, number)
            else:
                fault(page, lruvec, write)
            if write:
                dirty[page] = 1

    def add(self, page: int, lruvec: Lruvec) -> None:
        """*page*, new or brought back, is the last one touched."""
        self._lists.add(page, lruvec.index)
        self._pages.pte[page] = YOUNG

    def write_back(self, page: int, lruvec: Lruvec) -> None:
        """Nothing: a page that goes to disk is gone at once."""

    def coldest_first(self, lruvec: Lruvec) -> Iterator[int]:
        """Pages of *lruvec* itself in the order in which they would leave."""
        return self._lists.walk(lruvec.index)

    def forget(self, lruvec: Lruvec) -> None:
        """The processes of *lruvec* are gone."""
        self._lists.clear(lruvec.index)

    def try_to_free_pages(self, target: Lruvec) -> int:
        """Free one page below *target*; 0 where none can go."""
        sharers, turn = self._sharers[target.index], self._turn[target.index]
        for _ in sharers:
            lruvec = sharers[turn]
            turn = self._turn[target.index] = (turn + 1) % len(sharers)
            if self._free_one(lruvec):
                return 1
        return 0

    def _free_one(self, lruvec: Lruvec) -> bool:
        pages, lists = self._pages, self._lists
        for _ in range(lruvec.resident):
            page = lists.coldest(lruvec.index)
            lruvec.events.pgscan += 1
            if self._swap_out(page, lruvec.group, pages.dirty[page] == 1) is not ACTIVATE:
                lists.remove(page)
                pages.pte[page] = 0
                pages.flags[page] = EVICTED
                lruvec.resident -= 1
                lruvec.charge(-1)
                lruvec.events.pgsteal += 1
                self._submit()
                return True
            lists.add(page, lruvec.index)
        return False
