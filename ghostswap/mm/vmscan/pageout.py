# SPDX-License-Identifier: GPL-2.0-or-later
"""Where reclaim meets a design: pages that leave memory, and pages that come back."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol


class Out(IntEnum):
    """What became of a page that reclaim wanted to go (``shrink_folio_list()``)."""

    FREED = 0  # its frame is free: zeromap, zswap, zram, or a copy in the swap area is still good
    WRITING = 1  # on its way to disk: its frame is free once it has been written
    ACTIVATE = 2  # it stays: no slot, or refused and nowhere to write it


class Origin(IntEnum):
    """Where a page came back from."""

    ZERO = 1  # the zeromap
    ZSWAP = 2
    ZRAM = 3
    DISK = 4


# By themselves, too: Python 3.11 takes as long to look a member up as for two calls.
FREED, WRITING, ACTIVATE = Out.FREED, Out.WRITING, Out.ACTIVATE
ZERO, ZSWAP, ZRAM, DISK = Origin.ZERO, Origin.ZSWAP, Origin.ZRAM, Origin.DISK


class Mapper(Protocol):
    """Who has pages in memory, as a design sees it."""

    @property
    def is_mapped(self) -> bytearray:
        """By page, not 0 while its process has it in memory; to be looked at only."""
        ...

    def write_back(self, page: int, group: int) -> None:
        """Have *page* of *group* in memory once more, while zswap writes it to disk."""
        ...


class Backing(Protocol):
    """What reclaim asks of a design. Pages and cgroups are numbers from 0."""

    @property
    def charges_slots(self) -> bool:
        """Whether a page cannot leave without a slot that is charged to its cgroup."""
        ...

    @property
    def has_shrinker(self) -> bool:
        """Whether there is a zswap whose shrinker reclaim can call."""
        ...

    def swap_out(self, page: int, cgroup: int, dirty: bool) -> Out:
        """Try to let *page* go.

        :param dirty: written to since it came in, so that no copy that is still out there is good.
        """
        ...

    def submit(self) -> None:
        """``swap_write_submit()``: what goes to disk next is not of one piece with the last."""
        ...

    def swap_in(self, page: int, cgroup: int) -> Origin:
        """Bring *page*, which left before, back."""
        ...

    def has_room(self, slots: int = 1) -> bool:
        """Whether reclaim may hope to get rid of so many pages (``get_nr_swap_pages()``)."""
        ...

    def in_swap_cache(self, page: int) -> bool:
        """Whether *page*, which is in memory, has a place out there yet."""
        ...

    def drop_slot(self, page: int) -> None:
        """``folio_free_swap()`` at the end of a fault by writing: *page* is in memory alone."""
        ...

    def pool_pages(self) -> int:
        """Pages of memory that compressed pages take."""
        ...

    def shrink_slab(self, cgroup: int, priority: int) -> None:
        """Call zswap's shrinker for *cgroup*, reclaim being at *priority*."""
        ...

    def forget(self, first: int, pages: int) -> None:
        """Give up all that is kept of *pages* pages from *first* on, whose process is gone."""
        ...
