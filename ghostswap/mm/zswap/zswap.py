# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zswap.c without the bytes: which pages it holds, what it refuses, what it writes back.

Modelled: Linux 6.1, 6.6, 6.12, 6.18, and the ghost swapfile RFC on top of them; the differences
are in :mod:`ghostswap.kernels`. Two things of the kernel's are left to the caller: the shrink
worker is only queued, and runs when :meth:`Zswap.shrink_worker` is called; and a page that is
refused, or written back, is the caller's to write to disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ghostswap.kernels.rules import Kernel
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.zpool.api import Evictable, TooLarge
from ghostswap.mm.zpool.zsmalloc import ClassStat
from ghostswap.mm.zswap.writeback import Places, Writeback
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME

#: The module parameters as the kernel sets them.
MAX_POOL_PERCENT = 20
ACCEPT_THRESHOLD_PERCENT = 90
#: Not the kernel's, which is lzo, but what is most often chosen.
COMPRESSOR = "lz4"


class Zswap(Writeback):
    """The zswap of *kernel* on a machine with *ram* bytes.

    :param ram: ``MemTotal`` in bytes.
    :param swap: what the slots belong to.
    :param max_pool_percent: the module parameter of that name; so *accept_threshold_percent*.
    :param compressor: likewise; pages come measured by it.
    :param zpool: likewise: one of ``kernel.zswap.zpools``, by default its first.
    :param cgroups: a store names its own by the position here; the first stands for all else.
    :param seed: of what addresses decide in the kernel, where there is more than one allocator.
    :ivar counters: gauges and counters; those that *kernel* shows are in :meth:`debugfs`.
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
        super().__init__(kernel, zpool or kernel.zswap.zpools[0], cgroups, seed, swap, accept_pages)
        self._full = False
        self._exclusive_loads = kernel.zswap.exclusive_loads
        self._stale_first = kernel.zswap.stale_first
        self._says_no_space = compressor in kernel.zswap.poor_compressors

    @property
    def pool_pages(self) -> int:
        """Pages of the pool, as the limit and debugfs see them."""
        return self._pool_pages

    def debugfs(self) -> dict[str, int]:
        """/sys/kernel/debug/zswap, a file a key."""
        self.counters.pool_total_size = self._pool_pages * PAGE_SIZE
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
        return () if isinstance(self._pool, Evictable) else self._pool.classes()

    def store(self, slot: int, length: int, cgroup: int = 0, *, checked: bool = False) -> bool:
        """``zswap_store()``: offer the page of *slot*; whether it was taken.

        A page that is not taken leaves no entry behind, and may have queued the shrink worker.

        :param length: zswap's view of the page (:mod:`ghostswap.page`), not ``ZEROS``.
        :param cgroup: whose page it is.
        :param checked: its folio has been held against the limits already.
        """
        if self._stale_first:
            self.invalidate(slot)
        memcg, counters = self.cgroups[cgroup], self.counters
        is_limited = memcg.zswap_limited and not checked
        if is_limited and not memcg.may_zswap() and not self._shrink_memcg(cgroup):
            counters.refused_cgroup += 1
            return self._reject(slot)
        if not checked and (self._full or self._pool_pages >= self._full_pages):
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
        if self._filling is not None:
            if slot > self._highest:
                self._fill(slot, array("H", (length,)), cgroup)
                return True
            self._make_entries()
        if length == SAME:
            length = 0
        try:
            handle = self._pool.malloc(length) if length else 0
        except TooLarge:
            counters.reject_compress_poor += 1
            return self._reject(slot)
        if slot > self._highest:
            self._highest = slot
            self._make_room()
        elif self._length[slot] >= 0:
            self._free_entry(slot)
        self._link_entry(slot, length, handle, cgroup)
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
        if self._full and (is_hit or not self._has_pool_lru):
            self._queue_shrink()
        return False

    def _check_limits(self) -> bool:
        """The hysteresis: from ``max_pool_percent`` on full, until down to the accept threshold."""
        if self._pool_pages >= self._full_pages:
            self.counters.pool_limit_hit += 1
            self._full = True
        elif self._full and self._pool_pages <= self.accept_pages:
            self._full = False
        return self._full

    def _compress(self, length: int, memcg: Cgroup) -> int:
        """``zswap_compress()``: how much of a page goes to the allocator, if it is not refused."""
        if length < PAGE_SIZE or not self.kernel.zswap.stores_incompressible:
            return length
        return PAGE_SIZE if memcg.may_write_back() else INCOMPRESSIBLE

    def load(self, slot: int) -> bool:
        """``zswap_load()``: bring the page of *slot* back; whether it is here to be brought."""
        if self._filling is not None:
            self._make_entries()
        if slot > self._highest or self._length[slot] < 0:
            return False
        self.counters.zswpin += 1
        if self._exclusive_loads:
            self._free_entry(slot)
        elif not self._has_pool_lru and self._length[slot]:
            self._note(slot, self._list_of[self._cgroup_of[slot]])
        return True

    # Many stores at once

    def is_far_from_limits(self, count: int, cgroup: int = 0) -> bool:
        """Whether the next *count* stores cannot meet a limit, whatever their lengths."""
        if self._filling is None or self._full:
            return False
        most = self._pool_pages + count * self._filling.largest_zspage
        return most < self.max_pages and self.cgroups[cgroup].may_zswap(count)

    def takes(self, length: int, cgroup: int = 0) -> bool:
        """Whether a page that compresses to *length* is stored while the limits are far."""
        return self._compress(length, self.cgroups[cgroup]) != INCOMPRESSIBLE

    def store_run(self, slot: int, lengths: array[int], cgroup: int = 0) -> None:
        """Store a page of each length that zswap takes, where :meth:`is_far_from_limits`.

        Zero pages that the kernel keeps in the zeromap may be among them, and are passed over.

        :param slot: the first page's, above all slots so far; the others' follow.
        """
        self._fill(slot, lengths, cgroup)
