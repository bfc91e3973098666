# SPDX-License-Identifier: GPL-2.0-or-later
"""What memory under limits asks of whoever chooses the pages that leave."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Literal

from ghostswap.mm.vmscan.lruvec import Lruvec
from ghostswap.mm.vmscan.pageout import Mapper

#: Which page leaves memory: by the kernel's two lists, by its generations, or by exact LRU.
Policy = Literal["two-lists", "mglru", "lru"]

DEF_PRIORITY = 12


class Subtrees:
    """``mem_cgroup_iter()``: whose pages are asked for, below each lruvec.

    :param below: by index of an lruvec, all that are below it, itself included.
    """

    def __init__(self, below: list[tuple[Lruvec, ...]]) -> None:
        self._below = below
        self._positions = [0] * len(below)  # struct mem_cgroup_reclaim_iter

    def below(self, target: Lruvec) -> tuple[Lruvec, ...]:
        """All below *target*."""
        return self._below[target.index]

    def to_visit(self, target: Lruvec, full_walk: bool) -> tuple[Lruvec, ...]:
        """All below *target* on a full walk, else those that are left of the last other one."""
        below = self._below[target.index]
        position = 0 if full_walk else self._positions[target.index]
        return below[position:] if position else below

    def visit(self, target: Lruvec, full_walk: bool) -> None:
        """Note that a walk below *target* has come by one more; full ones leave no trace."""
        if full_walk:
            return
        self._positions[target.index] += 1
        if self._positions[target.index] == len(self._below[target.index]):
            self._positions[target.index] = 0


class Chooser:
    """Which pages leave. A page is a number; whose it is comes with it."""

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes, mapper: Mapper) -> None:
        """Touch *pages* of *lruvec* in order; *mapper* maps those that are not.

        :param writes: for each touch one of ``READS``, ``WRITES`` and ``READS_THEN_WRITES``.
        """
        raise NotImplementedError

    def add(self, page: int, lruvec: Lruvec) -> None:
        """Put *page*, new or brought back, where it belongs, and map it."""
        raise NotImplementedError

    def write_back(self, page: int, lruvec: Lruvec) -> None:
        """Have *page* in memory once more, while zswap writes it to disk."""
        raise NotImplementedError

    def coldest_first(self, lruvec: Lruvec) -> Iterator[int]:
        """Pages of *lruvec* itself that are in memory, in the order in which they would leave."""
        raise NotImplementedError

    def forget(self, lruvec: Lruvec) -> None:
        """The processes of *lruvec* are gone."""
        raise NotImplementedError

    def try_to_free_pages(self, target: Lruvec) -> int:
        """Free pages below *target*; how many."""
        raise NotImplementedError
