# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zswap.c without the bytes: which pages it holds, what it refuses, what it writes back.

Modelled: Linux 6.1, 6.6, 6.12, 6.18, and the ghost swapfile RFC on top of them; the differences
are in :mod:`ghostswap.kernels`. Two things of the kernel's are left to the caller: the shrink
worker is only queued, and runs when :meth:`Zswap.shrink_worker` is called; and a page that is
refused, or written back, is the caller's to write to disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence

from ghostswap.kernels.rules import Kernel
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.zpool.api import Evictable, TooLarge
from ghostswap.mm.zpool.zsmalloc import ClassStat
from ghostswap.mm.zswap.entries import ABSENT, Entries
from ghostswap.mm.zswap.writeback import STRATEGIES, Places
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME

#: The module parameters as the kernel sets them.
MAX_POOL_PERCENT = 20
ACCEPT_THRESHOLD_PERCENT = 90
#: Not the kernel's, which is lzo, but what is most often chosen.
COMPRESSOR = "lz4"


class Zswap:
    """The zswap of *kernel* on a machine with *ram* bytes.

    :param ram: ``MemTotal`` in bytes.
    :param swap: what the slots belong to.
    :param max_pool_percent: the module parameter of that name; so *accept_threshold_percent*.
    :param compressor: likewise; pages come measured by it.
    :param zpool: likewise: one of ``kernel.zswap.zpools``, by default its first.
    :param cgroups: a store names its own by the position here; the first stands for all else.
    :param seed: of what addresses decide in the kernel, where there is more than one allocator.
    :ivar counters: gauges and counters; those that *kernel* shows are in :meth:`debugfs`.
    :ivar shrink_queued: the shrink worker waits to be run.
    :ivar on_writeback: called with the slot of each page that is written back.
    """

    def __init__(
        self,
        kernel: Kernel,
        ram: int,
        swap: Places,
        max_pool_percent: int = MAX_POOL_PERCENT,
        accept_threshold_percent: int = ACCEPT_THRESHOLD_PERCENT,
        *,
        compressor: str = COMPRESSOR,
        zpool: str | None = None,
        cgroups: Sequence[Cgroup] = (),
        seed: int = 0,
    ) -> None:
        totalram = ram // PAGE_SIZE
        self.max_pages = totalram * max_pool_percent // 100
        if kernel.zswap.limit_is_allowed:
            self._full_pages = self.max_pages + 1
            accept = totalram * accept_threshold_percent // 100 * max_pool_percent // 100
            accept_pages = accept - 1
        else:
            self._full_pages = self.max_pages
            accept_pages = self.max_pages * accept_threshold_percent // 100
        self.kernel = kernel
        self.accept_pages = accept_pages
        self.shrink_queued = False
        self.on_writeback: Callable[[int], None] | None = None
        self._swap = swap
        self._entries = Entries(kernel, zpool or kernel.zswap.zpools[0], cgroups, seed)
        self.cgroups, self.counters = self._entries.cgroups, self._entries.counters
        self._writeback = STRATEGIES[kernel.zswap.reclaim](
            kernel.zswap, self._entries, swap, accept_pages, self._written_back
        )
        self._full = False
        self._exclusive_loads = kernel.zswap.exclusive_loads
        self._stale_first = kernel.zswap.stale_first
        self._stores_incompressible = kernel.zswap.stores_incompressible
        self._says_no_space = compressor in kernel.zswap.poor_compressors

    @property
    def pool_pages(self) -> int:
        """Pages of the pool, as the limit and debugfs see them."""
        return self._entries.pool_pages

    def debugfs(self) -> dict[str, int]:
        """/sys/kernel/debug/zswap, a file a key."""
        self.counters.pool_total_size = self._entries.pool_pages * PAGE_SIZE
        return {name: getattr(self.counters, name) for name in self.kernel.zswap.debugfs}

    def own(self) -> dict[str, int]:
        """What no kernel shows: its limits in pages, refusals by them, and second chances."""
        counters = self.counters
        return {
            "max_pages": self.max_pages,
            "accept_pages": self.accept_pages,
            "refused_cgroup": counters.refused_cgroup,
            "refused_full": counters.refused_full,
            "second_chances": counters.second_chances,
        }

    def classes(self) -> tuple[ClassStat, ...]:
        """/sys/kernel/debug/zsmalloc: take stock of every size class; none with other pools."""
        self._make_entries()
        pool = self._entries.pool
        return () if isinstance(pool, Evictable) else pool.classes()

    def holds(self, slot: int) -> bool:
        """Whether the page of *slot* is here."""
        if slot > self._entries.highest:
            return False
        self._make_entries()
        return self._entries.length(slot) != ABSENT

    def invalidate(self, slot: int) -> None:
        """``zswap_invalidate()``: the slot is free, so drop its entry if there is one."""
        if self.holds(slot):
            self._free_entry(slot)

    def store(self, slot: int, length: int, cgroup: int = 0, checked: bool = False) -> bool:
        """``zswap_store()``: offer the page of *slot*; whether it was taken.

        A page that is not taken leaves no entry behind, and may have queued the shrink worker.

        :param length: zswap's view of the page (:mod:`ghostswap.page`), not ``ZEROS``.
        :param cgroup: whose page it is.
        :param checked: its folio has been held against the limits already.
        """
        if self._stale_first:
            self.invalidate(slot)
        entries, memcg, counters = self._entries, self.cgroups[cgroup], self.counters
        is_limited = memcg.zswap_limited and not checked
        if is_limited and not memcg.may_zswap() and not self._shrink_memcg(cgroup):
            counters.refused_cgroup += 1
            return self._reject(slot)
        if not checked and (self._full or entries.pool_pages >= self._full_pages):
            hits = counters.pool_limit_hit
            if self._check_limits():
                is_hit = counters.pool_limit_hit > hits
                counters.refused_full += not is_hit
                return self._reject(slot, is_hit)
        if length >= PAGE_SIZE and length != SAME:
            found, length = length, self._compress(length, memcg)
            if length == INCOMPRESSIBLE:
                if found == INCOMPRESSIBLE and self._says_no_space:
                    counters.reject_compress_poor += 1
                else:
                    counters.reject_compress_fail += 1
                return self._reject(slot)
        if entries.is_put_off:
            if slot > entries.highest:
                entries.put_off(slot, array("H", (length,)), {length: 1}, cgroup)
                return True
            self._make_entries()
        if length == SAME:
            length = 0
        try:
            handle = entries.pool.malloc(length) if length else 0
        except TooLarge:
            counters.reject_compress_poor += 1
            return self._reject(slot)
        if entries.length(slot) != ABSENT:
            self._free_entry(slot)
        self._make_entry(slot, length, handle, cgroup)
        counters.zswpout += 1
        return True

    def store_folio(self, slot: int, lengths: Sequence[int], cgroup: int = 0) -> bool:
        """``zswap_store()`` of a folio of several pages: whether all were taken, or none."""
        if not self.kernel.zswap.stores_folios:
            return False
        for number, length in enumerate(lengths):
            if not self.store(slot + number, length, cgroup, checked=number > 0):
                for stored in range(slot, slot + number):
                    self.invalidate(stored)
                self.counters.zswpout -= number  # which only whole folios count in
                return False
        return True

    def _reject(self, slot: int, is_hit: bool = False) -> bool:
        """Drop what *slot* had; *is_hit* where the store met the limit."""
        self.invalidate(slot)
        if self._full and (is_hit or self._writeback.queues_while_full):
            self.shrink_queued = self._swap.may_shrink()
        return False

    def _check_limits(self) -> bool:
        """The hysteresis: from ``max_pool_percent`` on full, until down to the accept threshold."""
        pool_pages = self._entries.pool_pages
        if pool_pages >= self._full_pages:
            self.counters.pool_limit_hit += 1
            self._full = True
        elif self._full and pool_pages <= self.accept_pages:
            self._full = False
        return self._full

    def _compress(self, length: int, memcg: Cgroup) -> int:
        """``zswap_compress()``: how much of a page goes to the allocator, if it is not refused."""
        if length < PAGE_SIZE or not self._stores_incompressible:
            return length
        return PAGE_SIZE if memcg.may_write_back() else INCOMPRESSIBLE

    def load(self, slot: int) -> bool:
        """``zswap_load()``: bring the page of *slot* back; whether it is here to be brought."""
        if not self.holds(slot):
            return False
        self.counters.zswpin += 1
        if self._exclusive_loads:
            self._free_entry(slot)
        elif self._entries.length(slot):
            self._writeback.loaded(slot)
        return True

    # Entries, each with its place on a list if it has an object: nothing is gained by writing
    # back a page that is kept as a word

    def _make_entries(self) -> None:
        """Make the entries that were put off."""
        entries = self._entries
        if entries.is_put_off:
            for slot, length, cgroup in entries.take_put_off():
                self._make_entry(slot, length, length and entries.pool.malloc(length), cgroup)

    def _make_entry(self, slot: int, length: int, handle: int, cgroup: int) -> None:
        self._entries.make(slot, length, handle, cgroup)
        if length:
            self._writeback.made(slot)

    def _free_entry(self, slot: int) -> None:
        if self._entries.length(slot):
            self._writeback.freed(slot)
        self._entries.free(slot)

    # Writeback

    def shrink_worker(self) -> Iterator[None]:
        """``shrink_worker()``: write pages back until the pool is at its accept threshold.

        It waits, that is yields, before each page that it would write; stores may come between.
        """
        self.shrink_queued = False
        self._make_entries()
        return self._writeback.shrink_worker()

    def _shrink_memcg(self, cgroup: int) -> bool:
        self._make_entries()
        return self._writeback.shrink_memcg(cgroup)

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
        self._make_entries()
        memcg, nr_items = self.cgroups[cgroup], self._writeback.nr_items(cgroup)
        if not nr_items or not self._swap.has_places():
            return 0
        spared = min(memcg.nr_disk_swapins, nr_items)
        memcg.nr_disk_swapins -= spared
        return (nr_items - spared) * (memcg.zswap_bytes // PAGE_SIZE) // memcg.zswapped

    def shrinker_scan(self, nr_to_scan: int, cgroup: int = 0) -> int:
        """``zswap_shrinker_scan()``: visit so many of *cgroup*'s entries; how many were written."""
        self._make_entries()
        before = self.counters.written_back_pages
        for _ in range(nr_to_scan):
            self._writeback.visit(cgroup)
        return self.counters.written_back_pages - before

    # Many stores at once

    @property
    def takes_runs(self) -> bool:
        """Whether many stores at once are no other than one by one, as long as limits are far."""
        return self._entries.is_put_off and not self._full

    def is_far_from_limits(self, views: Mapping[int, int], cgroup: int = 0) -> bool:
        """Whether so many stores, by zswap's views, cannot meet a limit, in any order."""
        # A pool that is only stored to never shrinks: what it is in the end is the most.
        most = self._entries.pages_after(views)
        return most < self.max_pages and self.cgroups[cgroup].may_zswap(sum(views.values()))

    def takes(self, length: int, cgroup: int = 0) -> bool:
        """Whether a page that compresses to *length* is stored while the limits are far."""
        return self._compress(length, self.cgroups[cgroup]) != INCOMPRESSIBLE

    def store_run(
        self, slot: int, lengths: array[int], views: Mapping[int, int], cgroup: int = 0
    ) -> None:
        """Store a page of each length that zswap takes, where :meth:`is_far_from_limits`.

        Zero pages that the kernel keeps in the zeromap may be among them, and are passed over.

        :param slot: the first page's, above all slots so far; the others' follow.
        :param views: how many pages have each length.
        """
        self._entries.put_off(slot, lengths, views, cgroup)
