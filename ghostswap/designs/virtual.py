# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual swap: a slot that is only a number; behind it zero, zswap or a place on disk.

Modelled: mm/vswap.h and what goes with it, as posted (vswap v6 and its swap table edition, 2026,
not merged), over Linux 6.18's zswap. A place on disk is taken when a page is written, not before,
and only that is charged to ``memory.swap.max``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ghostswap.designs.backend import ORIGINS, Backend, Contents, View
from ghostswap.mm.columns import counted, grown, zeros
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.slot_map import NO_SLOT
from ghostswap.mm.swap.space import SwapSpace
from ghostswap.mm.vmscan.pageout import ACTIVATE, DISK, FREED, WRITING, ZERO, ZSWAP, Origin, Out
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, ZEROS

#: Views of pages that zswap may refuse however much room there is.
_HARD = (PAGE_SIZE, INCOMPRESSIBLE)


class VirtualPlaces:
    """Where a zswap over virtual slots writes back to; a :class:`~ghostswap.mm.zswap.zswap.Places`.

    :ivar has_ghost: whatever zswap holds can be written back, if there is a place on disk.
    """

    has_ghost = False

    def __init__(self, pages: int, swap: SwapSpace, cgroups: Sequence[Cgroup]) -> None:
        self.physical = zeros("I", pages)  # by page, its slot on disk
        self.cgroup_of = zeros("H", pages)
        self._swap = swap
        self._cgroups = cgroups

    def may_shrink(self) -> bool:
        """True: the worker is queued as ever, and fails where there is no slot on disk."""
        return True

    def has_places(self) -> bool:
        """Whether a slot on disk is free: the shrinker bails out where none is (v6 15/22)."""
        return self._swap.has_room()

    def can_write(self, slot: int) -> bool:
        """Take a place for the page of *slot*, which is the page's number; whether there is one."""
        return self.alloc(slot, self.cgroup_of[slot])

    def alloc(self, page: int, cgroup: int) -> bool:
        """Take a slot on disk for *page*, charged to *cgroup*; whether there is one."""
        memcg = self._cgroups[cgroup]
        if not memcg.try_charge_swap():
            return False
        slot = self._swap.alloc(memcg.swap_tiers)
        if slot == NO_SLOT:
            memcg.charge_swap(-1)
            return False
        self.physical[page] = slot
        self.cgroup_of[page] = cgroup
        return True

    def free(self, page: int) -> None:
        """Give *page*'s slot on disk back, if it has one."""
        slot = self.physical[page]
        if slot != NO_SLOT:
            self._swap.free(slot)
            memcg = self._cgroups[self.cgroup_of[page]]
            memcg.charge_swap(-1)
            self.physical[page] = NO_SLOT

    def reach(self, page: int) -> None:
        """Have pages up to *page*."""
        if page >= len(self.physical):
            self.physical = grown("I", self.physical, page)
            self.cgroup_of = grown("H", self.cgroup_of, page)


class VirtualSwap(Backend):
    """Virtual slots, one for each page and numbered as the pages are."""

    charges_slots = False

    def __init__(
        self,
        contents: Contents,
        view: View,
        swap: SwapSpace,
        places: VirtualPlaces,
        zswap: Zswap,
    ) -> None:
        super().__init__(contents, view, zswap)
        self._virtual_zswap = zswap
        self._has_slot = bytearray(len(contents.measured))  # by page, of virtual ones
        self._swap = swap
        self._places = places

    def _swap_out(self, page: int, cgroup: int, view: int) -> Out:
        self._has_slot[page] = 1
        self._places.free(page)  # the copy there is stale
        self._places.cgroup_of[page] = cgroup
        if view == ZEROS:
            self.vmstat.swpout_zero += 1
            self._set_copy(page, ZERO)
            if self._has_witness:
                self._witness.zeroed(page)
            return FREED
        if self._virtual_zswap.store(page, view, cgroup):
            self._set_copy(page, ZSWAP)
            if self._has_witness:
                self._witness.stored(page)
            return FREED
        if not self._cgroups[cgroup].may_write_back():
            self.refused[cgroup] += 1
            return ACTIVATE
        if not self._places.alloc(page, cgroup):
            self.no_slot[cgroup] += 1
            return ACTIVATE
        self.slots_at_swap_out += 1
        self._write(page)
        self._note_write(self._places.physical[page])
        if self._has_witness:
            self._witness.written(page, self._swap.locate(self._places.physical[page]))
        return WRITING

    def swap_in(self, page: int, cgroup: int) -> Origin:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        copy, memcg = self.copy_of(page), self._cgroups[cgroup]
        self._came_back(cgroup, copy)
        if copy == ZSWAP:
            self._virtual_zswap.load(page)
            self._set_copy(page, 0)
        elif copy == ZERO:
            self.vmstat.swpin_zero += 1
        else:
            self._note_read()
            memcg.nr_disk_swapins += 1
            if self._swap.vm_swap_full() or memcg.is_swap_full():
                self.drop_slot(page)
        return ORIGINS[copy]

    def extend(self, measured: array[int]) -> int:
        """See :class:`~ghostswap.designs.backend.Backend`."""
        first = super().extend(measured)
        self._places.reach(first + len(measured) - 1)
        self._has_slot.extend(bytes(len(measured)))
        return first

    def has_room(self, slots: int = 1) -> bool:  # noqa: ARG002  # as many as it takes
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`: there are always virtual slots."""
        return True

    def in_swap_cache(self, page: int) -> bool:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        return self._has_slot[page] == 1

    def drop_slot(self, page: int) -> None:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`: the virtual slot goes."""
        self._has_slot[page] = 0
        self._places.free(page)
        self._set_copy(page, 0)

    def forget(self, first: int, pages: int) -> None:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        for page in range(first, first + pages):
            self._state[page] = 0
            self._virtual_zswap.invalidate(page)
            self._places.free(page)

    def can_write_back(self, page: int) -> bool:  # noqa: ARG002  # all are alike
        """See :class:`~ghostswap.designs.backend.Backend`: wherever a disk is or comes to be."""
        return True

    def _stuck(self, is_mapped: bytearray, compressed: int) -> int:  # noqa: ARG002
        return 0

    def _store_run(self, first: int, count: int, cgroup: int) -> Sequence[int] | None:
        """See :class:`~ghostswap.designs.backend.Backend`."""
        zswap = self._virtual_zswap
        if self._has_witness or not zswap.takes_runs:
            return None
        views = array("H", bytes(self._views[first : first + count]))
        counts = counted(views)
        if not zswap.is_far_from_limits(counts, cgroup):
            return None
        if not all(zswap.takes(view, cgroup) for view in _HARD if view in counts):
            return None
        zswap.store_run(first, views, counts, cgroup)
        self._note_run(first, views, cgroup)
        self._count_run(counts, cgroup)
        return ()

    def _note_run(self, first: int, views: array[int], cgroup: int) -> None:
        """Note that pages from *first* on, which look like *views*, are with zswap, or zeros."""
        for number in range(len(views)):
            page = first + number
            self._has_slot[page] = 1
            self._places.cgroup_of[page] = cgroup
            self._set_copy(page, ZERO if views[number] == ZEROS else ZSWAP)

    def _written_back(self, slot: int) -> None:
        self.slots_at_writeback += 1
        self._write(slot)
        self._note_alone()
        self._mapper.write_back(slot, self._places.cgroup_of[slot])
        if self._has_witness:
            self._witness.written_back(slot, self._swap.locate(self._places.physical[slot]))

    def _write(self, slot: int) -> None:
        self._swap.written(self._places.physical[slot])
        self._set_copy(slot, DISK)
