# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact LRU: the page that leaves is the one whose last touch is the longest ago."""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence

from ghostswap.mm.backing import Backing, Out
from ghostswap.mm.lruvec import EVICTED, YOUNG, Fault, Lruvec, Pages


class ExactLru:
    """Which pages leave, if the order of all touches were known, which no kernel can afford.

    A page that goes to disk is gone at once. Where a limit is reached that several groups share,
    they give pages in turn.

    :param lruvecs: all there are, by index.
    """

    def __init__(self, pages: Pages, backing: Backing, lruvecs: Sequence[Lruvec]) -> None:
        self._pages = pages
        self._swap_out = backing.swap_out
        self._orders: list[OrderedDict[int, None]] = [OrderedDict() for _ in lruvecs]
        self._turns = [
            deque(below for below in lruvec.subtree() if below.group >= 0) for lruvec in lruvecs
        ]

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes | None, fault: Fault) -> None:
        """Touch *pages* of *lruvec* in order; *fault* maps one that is not."""
        pte, dirty = self._pages.pte, self._pages.dirty
        to_end = self._orders[lruvec.index].move_to_end
        for page, write in zip(pages, writes or bytes(len(pages)), strict=True):
            if pte[page]:
                to_end(page)
            else:
                fault(page, lruvec)
            if write:
                dirty[page] = 1

    def add(self, page: int, lruvec: Lruvec) -> None:
        """*page*, new or brought back, is the last one touched."""
        self._orders[lruvec.index][page] = None
        self._pages.pte[page] = YOUNG

    def coldest_first(self, lruvec: Lruvec) -> Iterator[int]:
        """Pages of *lruvec* itself in the order in which they would leave."""
        return iter(self._orders[lruvec.index])

    def forget(self, lruvec: Lruvec) -> None:
        """The processes of *lruvec* are gone."""
        self._orders[lruvec.index].clear()

    def try_to_free_pages(self, target: Lruvec) -> int:
        """Free one page below *target*; 0 where none can go."""
        turns = self._turns[target.index]
        for _ in range(len(turns)):
            turns.rotate(-1)
            if self._free_one(turns[-1]):
                return 1
        return 0

    def _free_one(self, lruvec: Lruvec) -> bool:
        order, pages = self._orders[lruvec.index], self._pages
        for _ in range(len(order)):
            page = next(iter(order))
            lruvec.events.pgscan += 1
            if self._swap_out(page, lruvec.group, pages.dirty[page] == 1) is not Out.ACTIVATE:
                del order[page]
                pages.pte[page] = 0
                pages.flags[page] = EVICTED
                lruvec.resident -= 1
                lruvec.charge(-1)
                lruvec.events.pgsteal += 1
                return True
            order.move_to_end(page)
        return False
