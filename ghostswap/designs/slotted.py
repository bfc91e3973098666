# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages behind the slots of swap areas: disks, ghosts and zram devices, with zswap before them.

Modelled: ``add_to_swap``, ``swap_writepage``, ``swap_read_folio``, ``do_swap_page`` and
``folio_free_swap`` (mm/vmscan.c, page_io.c, memory.c and swapfile.c, Linux 6.1 to 6.18) for single
pages. A page keeps its slot when it comes back, until swap runs short.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain

from ghostswap.designs.backend import NO_COPY, ORIGINS, Redraws, Swapping
from ghostswap.kernels import Filled, Kernel
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.in_order import SlotsReturn, SwapSpace
from ghostswap.mm.vmscan.pageout import (
    ACTIVATE,
    DISK,
    FREED,
    WRITING,
    ZERO,
    ZRAM,
    ZSWAP,
    Origin,
    Out,
)
from ghostswap.mm.zram import Zram
from ghostswap.mm.zswap.zswap import Zswap

#: A page of one word over and over, other than zero, where zram is the area: no page compresses
#: to so little.
SAME_FILLED = 1
_NO_SLOT = -1


class SwapState(Swapping):
    """Slots of *swap*, taken when a page leaves and kept while it is out.

    :param zram: the device that the area of type ``zram`` is, which :data:`SAME_FILLED` is for.
    :ivar has_backing_dev: whether that device has one.
    """

    def __init__(
        self,
        kernel: Kernel,
        lengths: array[int],
        swap: SwapSpace,
        zswap: Zswap | None,
        cgroups: Sequence[Cgroup],
        redraws: Redraws = (),
        zram: Zram | None = None,
    ) -> None:
        super().__init__(lengths, zswap, cgroups, redraws)
        self._has_zeromap = kernel.zswap_filled is Filled.ZERO
        self._exclusive_loads = kernel.exclusive_loads
        self._swap = swap
        self._zram = zram
        self.has_backing_dev = False
        self._slot = array("i", [_NO_SLOT]) * len(lengths)
        self._page = array("i")  # by slot
        self._cgroup_of = array("H", [0]) * len(lengths)  # that the slot is charged to
        self._returned = SlotsReturn(kernel.slots_returned)
        self._cursor = 0
        self._searched_at = -1

    def _swap_out(self, page: int, cgroup: int, length: int) -> Out:
        slot = self._slot[page]
        if slot < 0:
            slot = self._alloc(page, cgroup)
            if slot < 0:
                self.no_slot[cgroup] += 1
                return ACTIVATE
        if length == 0 and self._has_zeromap:
            self.vmstat.swpout_zero += 1
            self._copy[page] = ZERO
            return FREED
        if self._zswap is not None and self._zswap.store(slot, length, cgroup):
            self._copy[page] = ZSWAP
            return FREED
        area, offset = self._swap.locate(slot)
        if self._swap.areas[area].type == "zram":
            assert self._zram is not None
            self.vmstat.pswpout += 1
            if self._zram.write(offset, 0 if length == SAME_FILLED else length):
                self._copy[page] = ZRAM
                return FREED
        # mem_cgroup_zswap_writeback_enabled() is only asked where zswap is on.
        elif self._swap.can_write(slot) and (
            self._zswap is None or self._cgroups[cgroup].may_write_back()
        ):
            self._written(slot)
            return WRITING
        self.refused[cgroup] += 1
        return ACTIVATE

    def swap_in(self, page: int, cgroup: int) -> Origin:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        copy = self._copy[page]
        origin = ORIGINS[copy]
        self.swap_ins[cgroup][copy] += 1
        keeps_slot = True
        if origin is ZSWAP:
            assert self._zswap is not None
            self._zswap.load(self._slot[page])
            if self._exclusive_loads:
                self._copy[page] = NO_COPY
        elif origin is ZERO:
            self.vmstat.swpin_zero += 1
            keeps_slot = self._zram is None or not self._is_zram(self._slot[page])
        else:
            self.vmstat.pswpin += 1
            if origin is DISK:
                self._cgroups[cgroup].nr_disk_swapins += 1
            else:
                keeps_slot = False  # SWP_SYNCHRONOUS_IO: it goes round the swap cache
        if not keeps_slot or self._swap.vm_swap_full() or self._cgroups[cgroup].is_swap_full():
            self._free(page)
        return origin

    def can_write_back(self, page: int) -> bool:
        """See :class:`~ghostswap.designs.backend.Swapping`."""
        slot = self._slot[page]
        if self._is_zram(slot):
            return self.has_backing_dev
        return self._swap.can_write(slot)

    def _is_zram(self, slot: int) -> bool:
        return self._swap.area_of(slot).type == "zram"

    def has_room(self) -> bool:
        """See :class:`~ghostswap.designs.backend.Swapping`."""
        return self._swap.has_room() or self._reclaim_cached()

    def forget(self, pages: Iterable[int]) -> None:
        """See :class:`~ghostswap.designs.backend.Swapping`."""
        for page in pages:
            self._kept[page] = 0
            if self._slot[page] >= 0:
                self._free(page)

    def _alloc(self, page: int, cgroup: int) -> int:
        """``folio_alloc_swap()``: a slot for *page*, charged; -1 where there is none."""
        memcg = self._cgroups[cgroup]
        if not memcg.try_charge_swap():
            return _NO_SLOT
        slot = self._swap.alloc(memcg.swap_tiers)
        while slot is None:
            if not self._reclaim_cached():
                memcg.charge_swap(-1)
                return _NO_SLOT
            slot = self._swap.alloc(memcg.swap_tiers)
        self.slots_at_swap_out += 1
        if slot >= len(self._page):
            missing = slot + 1 - len(self._page) + slot // 8
            self._page.frombytes(bytes(missing * self._page.itemsize))
        self._page[slot] = page
        self._slot[page] = slot
        self._cgroup_of[page] = cgroup
        return slot

    def _reclaim_cached(self) -> bool:
        """``swap_reclaim_full_clusters()``: free the next slot that only the swap cache holds."""
        slots, resident = self._slot, self.resident
        came_back = sum(map(sum, self.swap_ins)) + sum(self.refused)
        if came_back == self._searched_at:
            return False  # nothing new since the search that found none
        for page in chain(range(self._cursor, len(slots)), range(self._cursor)):
            if slots[page] >= 0 and resident[page]:
                self._cursor = page
                self._free(page)
                return True
        self._searched_at = came_back
        return False

    def _free(self, page: int) -> None:
        """``folio_free_swap()``: *page*, which is in memory, gives its slot back."""
        slot = self._slot[page]
        self._slot[page] = _NO_SLOT
        self._copy[page] = NO_COPY
        self._cgroups[self._cgroup_of[page]].charge_swap(-1)
        for freed in self._returned.free(slot):
            self._release(freed)

    def _release(self, slot: int) -> None:
        """``swap_range_free()``: *slot* can be given again, and its data go."""
        if self._zswap is not None:
            self._zswap.invalidate(slot)
        if self._zram is not None:
            area, offset = self._swap.locate(slot)
            if self._swap.areas[area].type == "zram":
                self._zram.slot_free_notify(offset)
        self._swap.free(slot)

    def _written(self, slot: int) -> None:
        self._swap.written(slot)
        self.vmstat.pswpout += 1
        page = self._page[slot]
        if self._slot[page] == slot:  # else it was freed, and its entry kept back with it
            self._copy[page] = DISK

    def _written_back(self, slot: int) -> None:
        self._written(slot)
        page = self._page[slot]
        if self._slot[page] == slot:
            self.on_writeback(page, self._cgroup_of[page])
