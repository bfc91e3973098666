# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact LRU: the page that leaves is the one whose last touch is the longest ago."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from ghostswap.mm.noted_lists import NotedLists
from ghostswap.mm.vmscan.chooser import Chooser
from ghostswap.mm.vmscan.lruvec import ACCESSED, DIRTY, EVICTED, PRESENT, Lruvec, Pages
from ghostswap.mm.vmscan.pageout import ACTIVATE, Backing, Mapper


class ExactLru(Chooser):
    """Which pages leave, if the order of all touches were known, which no kernel can afford.

    A page that goes to disk is gone at once. Where a limit is reached that several groups share,
    they give pages in turn.

    :param lruvecs: all there are, by index.
    """

    def __init__(self, pages: Pages, backing: Backing, lruvecs: Sequence[Lruvec]) -> None:
        self._pages = pages
        self._backing = backing
        self._lists = NotedLists(len(lruvecs))
        self._sharers = [
            [below for below in lruvec.subtree() if below.group >= 0] for lruvec in lruvecs
        ]
        self._turn = [0] * len(lruvecs)  # of those that share a limit, who is next

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes, mapper: Mapper) -> None:
        """See :class:`Chooser`."""
        state, lists = self._pages.state, self._lists
        for number in range(len(pages)):
            page = pages[number]
            if state[page] & PRESENT:
                lists.add(page, lruvec.index)
            else:
                mapper.fault(page, lruvec, writes[number])
            if writes[number]:
                state[page] |= DIRTY

    def add(self, page: int, lruvec: Lruvec) -> None:
        """See :class:`Chooser`: it is the last one touched."""
        self._lists.add(page, lruvec.index)
        self._pages.state[page] = PRESENT | ACCESSED

    def write_back(self, page: int, lruvec: Lruvec) -> None:
        """See :class:`Chooser`: here a page that goes to disk is gone at once."""

    def coldest_first(self, lruvec: Lruvec) -> Iterator[int]:
        """See :class:`Chooser`."""
        return self._lists.walk(lruvec.index)

    def forget(self, lruvec: Lruvec) -> None:
        """See :class:`Chooser`."""
        self._lists.clear(lruvec.index)

    def try_to_free_pages(self, target: Lruvec) -> int:
        """See :class:`Chooser`: one page, where one can go."""
        sharers, turn = self._sharers[target.index], self._turn[target.index]
        for _ in sharers:
            lruvec = sharers[turn]
            turn = self._turn[target.index] = (turn + 1) % len(sharers)
            if self._free_one(lruvec):
                return 1
        return 0

    def _free_one(self, lruvec: Lruvec) -> bool:
        state, lists = self._pages.state, self._lists
        for _ in range(lruvec.resident):
            page = lists.coldest(lruvec.index)
            lruvec.events.pgscan += 1
            out = self._backing.swap_out(page, lruvec.group, state[page] & DIRTY > 0)
            if out != ACTIVATE:
                lists.remove(page)
                state[page] = EVICTED
                lruvec.resident -= 1
                lruvec.charge(-1)
                lruvec.events.pgsteal += 1
                self._backing.submit()
                return True
            lists.add(page, lruvec.index)
        return False
