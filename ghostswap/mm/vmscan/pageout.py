# SPDX-License-Identifier: GPL-2.0-or-later
"""Where reclaim meets a design: pages that leave memory, and pages that come back."""

from __future__ import annotations

from enum import IntEnum

from ghostswap.mm.vmscan.lruvec import Lruvec


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


class Mapper:
    """Who has pages in memory, as a policy and a design see it."""

    def fault(self, page: int, lruvec: Lruvec, touch: int) -> None:
        """Map *page* of *lruvec*, which is not.

        :param touch: one of ``READS``, ``WRITES`` and ``READS_THEN_WRITES``.
        """
        raise NotImplementedError

    def is_mapped(self, page: int) -> bool:
        """Whether the process of *page* has it in memory."""
        raise NotImplementedError

    def write_back(self, page: int, group: int) -> None:
        """Have *page* of *group* in memory once more, while zswap writes it to disk."""
        raise NotImplementedError


class Backing:
    """What reclaim asks of a design. Pages and cgroups are numbers from 0.

    :cvar charges_slots: a page cannot leave without a slot that is charged to its cgroup.
    """

    charges_slots = True

    def swap_out(self, page: int, cgroup: int, dirty: bool) -> Out:
        """Try to let *page* go.

        :param dirty: written to since it came in, so that no copy that is still out there is good.
        """
        raise NotImplementedError

    def submit(self) -> None:
        """``swap_write_submit()``: what goes to disk next is not of one piece with the last."""

    def swap_in(self, page: int, cgroup: int) -> Origin:
        """Bring *page*, which left before, back."""
        raise NotImplementedError

    def has_room(self, slots: int = 1) -> bool:
        """Whether reclaim may hope to get rid of so many pages (``get_nr_swap_pages()``)."""
        raise NotImplementedError

    def in_swap_cache(self, page: int) -> bool:
        """Whether *page*, which is in memory, has a place out there yet."""
        raise NotImplementedError

    def drop_slot(self, page: int) -> None:
        """``folio_free_swap()`` at the end of a fault by writing: *page* is in memory alone."""
        raise NotImplementedError

    def pool_pages(self) -> int:
        """Pages of memory that compressed pages take."""
        raise NotImplementedError

    def has_shrinker(self) -> bool:
        """Whether there is a zswap whose shrinker reclaim can call."""
        return False

    def shrink_slab(self, cgroup: int, priority: int) -> None:
        """Call zswap's shrinker for *cgroup*, reclaim being at *priority*."""
        raise NotImplementedError

    def forget(self, first: int, pages: int) -> None:
        """Give up all that is kept of *pages* pages from *first* on, whose process is gone."""
        raise NotImplementedError
