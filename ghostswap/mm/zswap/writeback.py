# SPDX-License-Identifier: GPL-2.0-or-later
"""How zswap gets rid of pages: its shrink worker, and the shrinker that reclaim calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Protocol

from ghostswap.kernels.rules import Kernel, Reclaim
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.zpool.api import Evictable
from ghostswap.mm.zswap.entries import Entries
from ghostswap.page import PAGE_SIZE

MAX_RECLAIM_RETRIES = 16
_POOL = 0  # the one list, where cgroups have none


class Places(Protocol):
    """What zswap asks of whatever the slots belong to."""

    @property
    def has_ghost(self) -> bool:
        """Whether some slots have no place to write to."""
        ...

    def may_shrink(self) -> bool:
        """Whether the shrink worker may be queued at all."""
        ...

    def has_places(self) -> bool:
        """Whether any page has a place to be written to, or could take one now."""
        ...

    def can_write(self, slot: int) -> bool:
        """Whether the page of *slot* has a place to be written to, or takes one now."""
        ...


class Writeback(Entries):
    """Entries that can be written to what their slots belong to.

    :param swap: what the slots belong to.
    :param accept_pages: the shrink worker is done when the pool is down to so many pages.
    :ivar shrink_queued: the shrink worker waits to be run.
    :ivar on_writeback: called with the slot of each page that is written back.
    """

    def __init__(
        self,
        kernel: Kernel,
        zpool: str,
        cgroups: Sequence[Cgroup],
        seed: int,
        swap: Places,
        accept_pages: int,
    ) -> None:
        super().__init__(kernel, zpool, cgroups, seed)
        self.accept_pages = accept_pages
        self.shrink_queued = False
        self.on_writeback: Callable[[int], None] | None = None
        self._swap = swap
        self._next_shrink = cycle((*range(len(self.cgroups)), None))

    def _queue_shrink(self) -> None:
        self.shrink_queued = self._swap.may_shrink()

    def shrink_worker(self) -> Iterator[None]:
        """``shrink_worker()``: write pages back until the pool is at its accept threshold.

        It waits, that is yields, before each page that it would write; stores may come between.
        """
        self.shrink_queued = False
        self._make_entries()
        match self.kernel.zswap.reclaim:
            case Reclaim.ZPOOL:
                return self._shrink_zpool()
            case Reclaim.POOL_LRU:
                return self._shrink_pool_lru()
            case Reclaim.MEMCG_LRU:
                return self._shrink_memcgs()

    def _shrink_zpool(self) -> Iterator[None]:
        # What is evicted with a page must all be written, which no page with a ghost's is sure of.
        if self._swap.has_ghost or not isinstance(self._pool, Evictable) or not self._pool.pages:
            self.counters.reject_reclaim_fail += 1
            return
        yield
        before = self._pool.pages
        for handle in self._pool.reclaim_page():
            slot = self._slot_by_handle[handle]
            self._free_entry(slot, is_evicted=True)
            self._written_back(slot)
        # The page goes after its last object, so that object's free did not see it go.
        self._pool_pages = before

    def _shrink_pool_lru(self) -> Iterator[None]:
        failures = 0
        while failures < MAX_RECLAIM_RETRIES:
            slot = self._coldest(_POOL)
            if slot is None:
                self.counters.reject_reclaim_fail += 1
                return
            yield
            failures += not self._writeback_entry(slot)
            if self._pool_pages <= self.accept_pages:
                return

    def _shrink_memcgs(self) -> Iterator[None]:
        failures = attempts = 0
        for cgroup in self._next_shrink:
            if cgroup is None:  # once round
                failures += not attempts
                attempts = 0
            elif self._can_shrink(cgroup):
                attempts += 1
                written = 0
                for _ in range(self.kernel.zswap.writeback_step):
                    if not written and not self._has_second_chance(cgroup):
                        yield
                    written += self._visit(cgroup)
                failures += not written
            if failures == MAX_RECLAIM_RETRIES or self._pool_pages <= self.accept_pages:
                return

    def _can_shrink(self, cgroup: int) -> bool:
        """Whether *cgroup* has entries that may be written back."""
        if self.kernel.zswap.reclaim is not Reclaim.MEMCG_LRU:
            return False  # cgroups have no lists
        self._make_entries()
        return self._nr_items[cgroup] > 0 and self.cgroups[cgroup].may_write_back()

    def _has_second_chance(self, cgroup: int) -> bool:
        slot = self._coldest(cgroup)
        return slot is not None and self._referenced[slot] == 1

    def _shrink_memcg(self, cgroup: int) -> bool:
        """``shrink_memcg()`` on a machine of one node: visit entries; whether any went."""
        visits = (self._visit(cgroup) for _ in range(self.kernel.zswap.writeback_step))
        return sum(visits) > 0

    def _visit(self, cgroup: int) -> bool:
        """``shrink_memcg_cb()`` of the coldest entry, if there is one; whether it went."""
        slot = self._coldest(cgroup) if self._can_shrink(cgroup) else None
        if slot is None:
            return False
        if self._referenced[slot]:
            self._referenced[slot] = 0
            self.counters.second_chances += 1
            self._note(slot, cgroup)
            return False
        return self._writeback_entry(slot)

    def _writeback_entry(self, slot: int) -> bool:
        """``zswap_writeback_entry()``: a ghost has no place to write to, so its entries stay."""
        if not self._swap.can_write(slot):
            self._note(slot, self._list_of[self._cgroup_of[slot]])
            self.counters.reject_reclaim_fail += 1
            return False
        self._free_entry(slot)
        self._written_back(slot)
        return True

    def _written_back(self, slot: int) -> None:
        self.counters.written_back_pages += 1
        if self.on_writeback is not None:
            self.on_writeback(slot)

    # The dynamic shrinker: what memory pressure does where shrinker_enabled is set

    def shrinker_count(self, cgroup: int = 0) -> int:
        """``zswap_shrinker_count()``: how many entries of *cgroup* are worth offering.

        The better they are compressed, the fewer; and none for pages that had to be read from
        disk again since the last look.
        """
        memcg = self.cgroups[cgroup]
        if not self._can_shrink(cgroup) or not self._swap.has_places():
            return 0
        spared = min(memcg.nr_disk_swapins, self._nr_items[cgroup])
        memcg.nr_disk_swapins -= spared
        freeable = self._nr_items[cgroup] - spared
        return freeable * (memcg.zswap_bytes // PAGE_SIZE) // memcg.zswapped

    def shrinker_scan(self, nr_to_scan: int, cgroup: int = 0) -> int:
        """``zswap_shrinker_scan()``: visit so many of *cgroup*'s entries; how many were written."""
        before = self.counters.written_back_pages
        for _ in range(nr_to_scan):
            self._visit(cgroup)
        return self.counters.written_back_pages - before
