# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages behind the slots of swap areas: disks, ghosts and zram devices, with zswap before them.

Modelled: ``add_to_swap``, ``swap_writepage``, ``swap_read_folio``, ``do_swap_page`` and
``folio_free_swap`` (mm/vmscan.c, page_io.c, memory.c and swapfile.c, Linux 6.1 to 6.18) for single
pages. A page keeps its slot when it comes back, until swap runs short.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ghostswap.designs.backend import ORIGINS, Backend, Contents, View
from ghostswap.designs.folios import Folios
from ghostswap.kernels.rules import Kernel
from ghostswap.mm.columns import appended, counted, grown, zeros
from ghostswap.mm.swap.slot_map import NO_SLOT
from ghostswap.mm.swap.slots_cache import SlotsReturn
from ghostswap.mm.swap.space import SwapSpace
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
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, ZEROS


class Slotted(Backend):
    """Slots of *swap*, taken when a page leaves and kept while it is out.

    :param zram: the device that the area of type ``zram`` is.
    :param zram_view: what that device gets to see of pages; as *view* where ``None``.
    :param has_backing_dev: whether that device has one.
    """

    def __init__(
        self,
        kernel: Kernel,
        contents: Contents,
        view: View,
        swap: SwapSpace,
        zswap: Zswap | None,
        zram: Zram | None = None,
        *,
        zram_view: View | None = None,
        has_backing_dev: bool = False,
    ) -> None:
        super().__init__(contents, view, zswap)
        number = len(contents.measured)
        # What zswap lets go of is compressed again by zram, which sees it otherwise.
        self._zram_view = zram_view
        self._behind = None if zram_view is None else memoryview(zram_view(contents.measured))
        self._exclusive_loads = kernel.zswap.exclusive_loads
        self._swap = swap
        self._zram = zram
        self._has_backing_dev = has_backing_dev
        self._slot = zeros("I", number)  # by page
        self._page = zeros("I", 64)  # by slot
        self._cgroup_of = zeros("H", number)  # by page, that its slot is charged to
        self._keeps_back = kernel.swap.slots_returned > 0
        self._returned = SlotsReturn(kernel.swap.slots_returned)
        self._cursor, self._searched_at = 0, -1

    def _swap_out(self, page: int, cgroup: int, view: int) -> Out:
        slot = self._slot[page]
        if slot == NO_SLOT:
            slot = self._alloc(page, cgroup)
            if slot == NO_SLOT:
                self.no_slot[cgroup] += 1
                return ACTIVATE
        if view == ZEROS:
            self.vmstat.swpout_zero += 1
            self._set_copy(page, ZERO)
            if self._has_witness:
                self._witness.zeroed(page)
            return FREED
        if self._zswap is not None and self._zswap.store(slot, view, cgroup):
            self._set_copy(page, ZSWAP)
            if self._has_witness:
                self._witness.stored(page)
            return FREED
        if self._zram is not None and self._is_zram(slot):
            self._note_alone()
            if self._zram.write(self._swap.offset_of(slot), self._view_behind(page)):
                self._set_copy(page, ZRAM)
                if self._has_witness:
                    self._witness.stored(page)
                return FREED
        elif self._can_write(slot, cgroup):
            self._written(slot)
            self._note_write(slot)
            if self._has_witness:
                self._witness.written(page, self._swap.locate(slot))
            return WRITING
        self.refused[cgroup] += 1
        return ACTIVATE

    def _can_write(self, slot: int, cgroup: int) -> bool:
        """Whether what zswap refused may be written to the disk behind *slot*, if there is one."""
        # mem_cgroup_zswap_writeback_enabled() is only asked where zswap is on.
        may = self._zswap is None or self._cgroups[cgroup].may_write_back()
        return may and self._swap.can_write(slot)

    def swap_in(self, page: int, cgroup: int) -> Origin:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        copy, memcg = self.copy_of(page), self._cgroups[cgroup]
        self._came_back(cgroup, copy)
        if copy == ZSWAP and self._zswap is not None:
            self._zswap.load(self._slot[page])
            if self._exclusive_loads:
                self._set_copy(page, 0)
        elif copy == ZERO:
            self.vmstat.swpin_zero += 1
        else:
            self._note_read()
            if copy == DISK:
                memcg.nr_disk_swapins += 1
        # Behind SWP_SYNCHRONOUS_IO it goes round the swap cache, or (7.1) leaves it at once.
        is_synchronous = self._zram is not None and self._is_zram(self._slot[page])
        if is_synchronous or self._swap.vm_swap_full() or memcg.is_swap_full():
            self._free(page)
        return ORIGINS[copy]

    def can_write_back(self, page: int) -> bool:
        """See :class:`~ghostswap.designs.backend.Backend`."""
        slot = self._slot[page]
        return self._has_backing_dev if self._is_zram(slot) else self._swap.can_write(slot)

    def _is_zram(self, slot: int) -> bool:
        return self._swap.area_of(slot).type == "zram"

    def _view_behind(self, page: int) -> int:
        """What zram gets to see of *page*."""
        return self._views[page] if self._behind is None else self._behind[page]

    def _stuck(self, is_mapped: bytearray, compressed: int) -> int:
        can_write = {
            self._has_backing_dev if area.type == "zram" else area.type != "ghost"
            for area in self._swap.areas
        }
        if len(can_write) == 1:  # wherever they are
            return 0 if can_write.pop() else compressed
        return super()._stuck(is_mapped, compressed)

    def extend(self, measured: array[int]) -> int:
        """See :class:`~ghostswap.designs.backend.Backend`."""
        first = super().extend(measured)
        last = first + len(measured) - 1
        if last >= len(self._slot):
            self._slot = grown("I", self._slot, last)
            self._cgroup_of = grown("H", self._cgroup_of, last)
        if self._zram_view is not None and self._behind is not None:
            self._behind = appended("H", self._behind, first, self._zram_view(measured))
        return first

    def _see(self, page: int, measure: int) -> None:
        super()._see(page, measure)
        if self._zram_view is not None and self._behind is not None:
            self._behind[page] = self._zram_view(array("H", (measure,)))[0]

    def has_room(self, slots: int = 1) -> bool:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        return self._swap.has_room(slots) or (slots == 1 and self._reclaim_cached())

    def in_swap_cache(self, page: int) -> bool:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        return self._slot[page] != NO_SLOT

    def drop_slot(self, page: int) -> None:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        if self._slot[page] != NO_SLOT:
            self._free(page)

    def pool_pages(self) -> int:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        zram = 0 if self._zram is None else self._zram.mm_stat.mem_used_total // PAGE_SIZE
        return Backend.pool_pages(self) + zram

    def forget(self, first: int, pages: int) -> None:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        for page in range(first, first + pages):
            self._state[page] = self.copy_of(page)
            if self._slot[page] != NO_SLOT:
                self._free(page)

    def _alloc(self, page: int, cgroup: int) -> int:
        """``folio_alloc_swap()``: a slot for *page*, charged; ``NO_SLOT`` where there is none."""
        memcg = self._cgroups[cgroup]
        if not memcg.try_charge_swap():
            return NO_SLOT
        slot = self._swap.alloc(memcg.swap_tiers)
        while slot == NO_SLOT:
            if not self._reclaim_cached():
                memcg.charge_swap(-1)
                return NO_SLOT
            slot = self._swap.alloc(memcg.swap_tiers)
        self._give(slot, page, cgroup)
        return slot

    def _give(self, slot: int, page: int, cgroup: int) -> None:
        """Note that *page* has *slot*."""
        self.slots_at_swap_out += 1
        self._make_room(slot)
        self._page[slot] = page
        self._slot[page] = slot
        self._cgroup_of[page] = cgroup

    def _make_room(self, slot: int) -> None:
        """Have the column of slots reach to *slot*."""
        if slot >= len(self._page):
            self._page = grown("I", self._page, slot)

    def _reclaim_cached(self) -> bool:
        """``swap_reclaim_full_clusters()``: free the next slot that only the swap cache holds."""
        came_back = sum(self._swap_ins) + sum(self.refused)
        if came_back == self._searched_at:
            return False  # nothing new since the search that found none
        pages = len(self._state)
        for _ in range(pages):
            if self._slot[self._cursor] != NO_SLOT and self._mapper.is_mapped(self._cursor):
                self._free(self._cursor)
                return True
            self._cursor = (self._cursor + 1) % pages
        self._searched_at = came_back
        return False

    def _free(self, page: int) -> None:
        """``folio_free_swap()``: *page*, which is in memory, gives its slot back."""
        slot = self._slot[page]
        self._slot[page] = NO_SLOT
        self._set_copy(page, 0)
        memcg = self._cgroups[self._cgroup_of[page]]
        memcg.charge_swap(-1)
        if not self._keeps_back:
            self._release(slot)
            return
        for freed in self._returned.free(slot):
            self._release(freed)

    def _release(self, slot: int) -> None:
        """``swap_range_free()``: *slot* can be given again, and its data go."""
        if self._zswap is not None:
            self._zswap.invalidate(slot)
        if self._zram is not None and self._is_zram(slot):
            self._zram.slot_free_notify(self._swap.offset_of(slot))
        self._swap.free(slot)

    def _written(self, slot: int) -> None:
        page, place = self._page[slot], DISK
        if self._zram is not None and self._is_zram(slot):
            # zswap wrote it, for what passes zswap by is written as it leaves.
            self._zram.write(self._swap.offset_of(slot), self._view_behind(page))
            place = ZRAM
        else:
            self._swap.written(slot)
        if self._slot[page] == slot:  # else it was freed, and its entry kept back with it
            self._set_copy(page, place)

    def _written_back(self, slot: int) -> None:
        self._written(slot)
        self._note_alone()
        page = self._page[slot]
        if self._slot[page] == slot:
            self._mapper.write_back(page, self._cgroup_of[page])
            if self._has_witness:
                self._witness.written_back(page, self._swap.locate(slot))

    # Many pages at once

    def _store_run(self, first: int, count: int, cgroup: int) -> Sequence[int] | None:
        """See :class:`~ghostswap.designs.backend.Backend`."""
        if self._zswap is not None:
            may = self._zswap.takes_runs
        else:
            may = self._zram is not None and not self._zram.is_limited
            may = may and len(self._swap.areas) == 1
        may = may and self._swap.has_room(count) and not self._has_witness
        if not may or self._cgroups[cgroup].is_swap_limited:
            return None
        views = array("H", bytes(self._views[first : first + count]))
        counts = counted(views)
        if self._zswap is not None and not self._zswap.is_far_from_limits(counts, cgroup):
            return None
        refused: list[int] = []
        if self._zswap is not None:
            hard = (view for view in (PAGE_SIZE, INCOMPRESSIBLE) if view in counts)
            refused = [view for view in hard if not self._zswap.takes(view, cgroup)]
        # The others must find the slots that they would have found between these.
        taken = count - sum(map(counts.pop, refused))
        slot = self._swap.alloc_run(taken, count)
        if slot == NO_SLOT:
            return None
        takes = array("H", (view for view in views if view not in refused)) if refused else views
        if self._zswap is not None:
            self._zswap.store_run(slot, takes, counts, cgroup)
        elif self._zram is not None:
            self._zram.write_run(self._swap.offset_of(slot), takes)
            self.vmstat.pswpout += taken - counts[ZEROS]
            self.vmstat.nrswpout += taken - counts[ZEROS]
        self._note_run(slot, first, views, refused, cgroup)
        self._cgroups[cgroup].charge_swap(taken)
        self.slots_at_swap_out += taken
        self._count_run(counts, cgroup)
        return [first + at for at, view in enumerate(views) if view in refused] if refused else ()

    def _note_run(
        self, slot: int, first: int, views: array[int], refused: list[int], cgroup: int
    ) -> None:
        """Note that pages from *first* on, which look like *views*, left to *slot* and on.

        :param refused: views of those that did not.
        """
        self._make_room(slot + len(views) - 1)
        place = ZRAM if self._zswap is None else ZSWAP
        for number in range(len(views)):
            view, page = views[number], first + number
            if view >= PAGE_SIZE and view in refused:
                continue
            self._page[slot] = page
            self._slot[page] = slot
            self._cgroup_of[page] = cgroup
            self._set_copy(page, place if view != ZEROS else ZERO)
            slot += 1

    def store_folios(self, first: int, count: int, order: int, zero_length: int) -> Folios:
        """Let pages go as folios of 2 to the *order* pages each, in one piece where that can be.

        :param zero_length: what a page of zeros compresses to, as part of a larger folio.
        """
        folios, size = Folios(), 1 << order
        for start in range(first, first + count, size):
            pages = min(size, first + count - start)
            if pages < size or not self._store_folio(start, size, zero_length, folios):
                self.store(start, pages)
        return folios

    def _store_folio(self, first: int, size: int, zero_length: int, folios: Folios) -> bool:
        """Let one folio go; whether it did not have to be split for want of slots in a row."""
        slot = self._swap.alloc_run(size, 0, True)
        if slot == NO_SLOT:
            folios.split += 1
            return False
        pages = range(first, first + size)
        for page in pages:
            self._give(slot + page - first, page, 0)
        self._cgroups[0].charge_swap(size)
        views = list(self._views[first : first + size])
        lengths = [zero_length if view == ZEROS else view for view in views]
        if not any(views):  # ZEROS all
            for page in pages:
                self._set_copy(page, ZERO)
            self.vmstat.swpout_zero += size
            folios.zero += 1
        elif self._zswap is not None and self._zswap.store_folio(slot, lengths):
            for page in pages:
                self._set_copy(page, ZSWAP)
            self.stored.update(min(length, PAGE_SIZE) for length in lengths)
            folios.stored += 1
        elif self._can_write(slot, 0):
            for page in pages:
                self._written(self._slot[page])
            self._note_write(slot, size)
            folios.written += 1
        else:
            for page in pages:
                self._set_kept(page)
            folios.kept += 1
        if self._zswap is not None and self._zswap.shrink_queued:
            self._run_worker(self._zswap)
        return True

    def page_at(self, slot: int) -> int:
        """The page that *slot* was given to last."""
        return self._page[slot]

    def moved_to_disk(self, page: int, place: tuple[int, int]) -> None:
        """Note that zram moved *page*, at *place*, to its backing device."""
        self._set_copy(page, DISK)
        if self._has_witness:
            self._witness.written_back(page, place)
