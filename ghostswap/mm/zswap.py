# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zswap.c without the bytes: which pages it holds, what it refuses, what it writes back.

Modelled: Linux 6.1, 6.6, 6.12, 6.18, and the ghost swapfile RFC on top of them; the differences
are in :mod:`ghostswap.mm.kernels`. Two things of the kernel's are left to the caller: the shrink
worker is only queued, and runs when :meth:`Zswap.shrink_worker` is called; and a page that is
refused, or written back, is the caller's to write to disk.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Protocol

from ghostswap.mm import zpools
from ghostswap.mm.codecs import REFUSED
from ghostswap.mm.entries import Entries, Lru
from ghostswap.mm.kernels import Filled, Kernel, Reclaim
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.zpool import Evictable, TooLarge
from ghostswap.mm.zsmalloc import ClassStat
from ghostswap.pages.source import PAGE_SIZE

MAX_RECLAIM_RETRIES = 16
_POOL = 0  # the one list, where cgroups have none


@dataclass(slots=True)
class Counters:
    """Everything that some kernel shows in /sys/kernel/debug/zswap, and zswap's in /proc/vmstat."""

    stored_pages: int = 0
    pool_total_size: int = 0
    same_filled_pages: int = 0
    stored_incompressible_pages: int = 0
    pool_limit_hit: int = 0
    reject_reclaim_fail: int = 0
    reject_alloc_fail: int = 0
    reject_kmemcache_fail: int = 0
    reject_compress_fail: int = 0
    reject_compress_poor: int = 0
    written_back_pages: int = 0
    zswpin: int = 0
    zswpout: int = 0


@dataclass(slots=True)
class _Run:
    """Stores whose entries were put off: of *slot* and those that follow it."""

    slot: int
    cgroup: int
    lengths: array[int]


class Places(Protocol):
    """What zswap asks of whatever the slots belong to."""

    @property
    def has_ghost(self) -> bool:
        """Whether some slots have no place to write to."""
        ...

    def may_shrink(self) -> bool:
        """Whether the shrink worker may be queued at all."""
        ...

    def can_write(self, slot: int) -> bool:
        """Whether the page of *slot* has a place to be written to, or takes one now."""
        ...


class Zswap:
    """The zswap of *kernel* on a machine with *ram* bytes.

    While pages are only stored and the limits are far, nothing but the sum of their lengths
    matters, so that is all that is kept up to date; the entries are made when the first of them
    is wanted. With zbud and z3fold, where order matters at once, they are made at once.

    :param ram: ``MemTotal`` in bytes.
    :param swap: what the slots belong to.
    :param max_pool_percent: the module parameter of that name; so *accept_threshold_percent*.
    :param zpool: likewise: one of ``kernel.zpools``, by default its first.
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
        max_pool_percent: int = 20,
        accept_threshold_percent: int = 90,
        *,
        zpool: str | None = None,
        cgroups: Sequence[Cgroup] = (),
        seed: int = 0,
    ) -> None:
        self.kernel = kernel
        self.cgroups = tuple(cgroups) or (Cgroup(),)
        self.counters = Counters()
        self.shrink_queued = False
        self.on_writeback: Callable[[int], None] | None = None
        zpool = zpool or kernel.zpools[0]
        self._swap = swap
        self._pool = zpools.create(kernel, zpool, seed)
        self._filling = zpools.Fillings(kernel, seed) if zpool == "zsmalloc" else None
        self._put_off: list[_Run] = []
        self._highest = -1  # slot that was ever stored to
        self._entries = Entries()
        self._lru = Lru(len(self.cgroups) if kernel.reclaim is Reclaim.MEMCG_LRU else 1)
        self._slot_by_handle: dict[int, int] = {}  # where the allocator has the list
        self._next_shrink = cycle((*range(len(self.cgroups)), None))
        self._full = False
        self._pool_pages = 0  # as of the last store or free
        self._exclusive_loads = kernel.exclusive_loads
        self._stale_first = kernel.stale_first
        self._has_pool_lru = kernel.reclaim is Reclaim.ZPOOL
        self._has_memcg_lru = kernel.reclaim is Reclaim.MEMCG_LRU
        totalram = ram // PAGE_SIZE
        self.max_pages = totalram * max_pool_percent // 100
        if kernel.limit_is_allowed:
            self._full_pages = self.max_pages + 1
            accept = totalram * accept_threshold_percent // 100 * max_pool_percent // 100
            self.accept_pages = accept - 1
        else:
            self._full_pages = self.max_pages
            self.accept_pages = self.max_pages * accept_threshold_percent // 100

    @property
    def pool_pages(self) -> int:
        """Pages of the pool, as the limit and debugfs see them."""
        return self._pool_pages

    def debugfs(self) -> dict[str, int]:
        """/sys/kernel/debug/zswap, a file a key."""
        self.counters.pool_total_size = self._pool_pages * PAGE_SIZE
        return {name: getattr(self.counters, name) for name in self.kernel.debugfs}

    def classes(self) -> tuple[ClassStat, ...]:
        """/sys/kernel/debug/zsmalloc: take stock of every size class; none with other pools."""
        self._make_entries()
        return () if isinstance(self._pool, Evictable) else self._pool.classes()

    # zswap_store()

    def store(self, slot: int, length: int, cgroup: int = 0) -> bool:
        """Offer the page of *slot*; whether it was taken.

        A page that is not taken leaves no entry behind, and may have queued the shrink worker.

        :param length: what the codec's ``lengths`` say of the page; 0 for a same-filled one.
        :param cgroup: whose page it is.
        """
        if self._stale_first:
            self.invalidate(slot)
        hits = self.counters.pool_limit_hit
        if self._store(slot, length, cgroup):
            return True
        self.invalidate(slot)
        is_hit = self.counters.pool_limit_hit > hits
        if self._full and (is_hit or not self._has_pool_lru):
            self._queue_shrink()
        return False

    def _store(self, slot: int, length: int, cgroup: int) -> bool:
        memcg = self.cgroups[cgroup]
        if not memcg.may_zswap() and not self._shrink_memcg(cgroup):
            return False
        if self._check_limits():
            return False
        if length >= PAGE_SIZE:
            length = self._compress(length, memcg)
            if length == REFUSED:
                self.counters.reject_compress_fail += 1
                return False
        if self._filling is not None:
            if slot > self._highest:
                self._fill(slot, array("H", (length,)), cgroup)
                return True
            self._make_entries()
        try:
            handle = self._pool.malloc(length) if length else 0
        except TooLarge:
            self.counters.reject_compress_poor += 1
            return False
        if slot > self._highest:
            self._highest = slot
        elif slot in self._entries:
            self._free_entry(slot)
        self._link_entry(slot, length, handle, cgroup)
        self._account(cgroup, 1, length)
        self._pool_pages = self._pool.pages
        self.counters.zswpout += 1
        return True

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
        if length < PAGE_SIZE or not self.kernel.stores_incompressible:
            return length
        return PAGE_SIZE if memcg.may_write_back() else REFUSED

    # Many stores at once

    def is_far_from_limits(self, count: int, cgroup: int = 0) -> bool:
        """Whether the next *count* stores cannot meet a limit, whatever their lengths."""
        if self._filling is None or self._full:
            return False
        most = self._pool_pages + count * self._filling.largest_zspage
        return most < self.max_pages and self.cgroups[cgroup].may_zswap(count)

    def takes(self, length: int, cgroup: int = 0) -> bool:
        """Whether a page that compresses to *length* is stored while the limits are far."""
        return self._compress(length, self.cgroups[cgroup]) != REFUSED

    def store_run(self, slot: int, lengths: array[int], cgroup: int = 0) -> None:
        """Store a page of each length that zswap takes, where :meth:`is_far_from_limits`.

        Zero pages that the kernel keeps in the zeromap may be among them, and are passed over.

        :param slot: the first page's, above all slots so far; the others' follow.
        """
        if 0 in lengths or max(lengths, default=0) > PAGE_SIZE:
            zero = REFUSED if self.kernel.zswap_filled is Filled.ZERO else 0
            lengths = array("H", (min(length, PAGE_SIZE) or zero for length in lengths))
        self._fill(slot, lengths, cgroup)

    def _fill(self, slot: int, lengths: array[int], cgroup: int) -> None:
        """Store, but put the entries off; a length that is ``REFUSED`` stands for none."""
        assert self._filling is not None
        objects: Sequence[int] = lengths
        if 0 in lengths or REFUSED in lengths:
            objects = [length for length in lengths if 0 < length < REFUSED]
        self._filling.store(objects)
        self._pool_pages = self._filling.pages
        stored = len(lengths) - lengths.count(REFUSED)
        self.cgroups[cgroup].charge_zswap(stored, sum(objects))
        self.counters.stored_pages += stored
        self.counters.same_filled_pages += lengths.count(0)
        self.counters.stored_incompressible_pages += objects.count(PAGE_SIZE)
        self.counters.zswpout += stored
        last = self._put_off[-1] if self._put_off else None
        if last is not None and (slot, cgroup) == (self._highest + 1, last.cgroup):
            last.lengths.extend(lengths)
        else:
            self._put_off.append(_Run(slot, cgroup, lengths[:]))
        self._highest = slot + len(lengths) - 1

    def _make_entries(self) -> None:
        """Make the entries that were put off, in the order of their stores."""
        self._filling = None
        for run in self._put_off:
            for slot, length in enumerate(run.lengths, run.slot):
                if length != REFUSED:
                    handle = self._pool.malloc(length) if length else 0
                    self._link_entry(slot, length, handle, run.cgroup)
        self._put_off.clear()

    # Entries

    def holds(self, slot: int) -> bool:
        """Whether the page of *slot* is here."""
        if slot > self._highest:
            return False
        if self._filling is not None:
            self._make_entries()
        return slot in self._entries

    def _link_entry(self, slot: int, length: int, handle: int, cgroup: int) -> None:
        self._entries.insert(slot, length, handle, cgroup)
        if not length:
            return  # nothing to gain from writing it back, so it is on no list
        if self._has_pool_lru:
            self._slot_by_handle[handle] = slot
        else:
            self._lru.add(cgroup if self._has_memcg_lru else _POOL, slot)

    def _unlink_entry(self, slot: int) -> None:
        """Drop the entry, but for its object in the pool."""
        length, cgroup = self._entries.length[slot], self._entries.cgroup[slot]
        if length:
            if self._has_pool_lru:
                del self._slot_by_handle[self._entries.handle[slot]]
            else:
                self._lru.remove(cgroup if self._has_memcg_lru else _POOL, slot)
        self._entries.remove(slot)
        self._account(cgroup, -1, length)

    def _list_of(self, slot: int) -> int:
        return self._entries.cgroup[slot] if self._has_memcg_lru else _POOL

    def _free_entry(self, slot: int) -> None:
        """``zswap_entry_free()``"""
        length, handle = self._entries.length[slot], self._entries.handle[slot]
        self._unlink_entry(slot)
        if length:
            self._pool.free(handle)
        self._pool_pages = self._pool.pages

    def _account(self, cgroup: int, pages: int, length: int) -> None:
        """Count *pages* of the same *length* in; below 0 out."""
        self.cgroups[cgroup].charge_zswap(pages, pages * length)
        counters = self.counters
        counters.stored_pages += pages
        if length == 0:
            counters.same_filled_pages += pages
        elif length == PAGE_SIZE:
            counters.stored_incompressible_pages += pages

    def load(self, slot: int) -> bool:
        """``zswap_load()``: bring the page of *slot* back; whether it is here to be brought."""
        if not self.holds(slot):
            return False
        self.counters.zswpin += 1
        if self._exclusive_loads:
            self._free_entry(slot)
        elif not self._has_pool_lru and self._entries.length[slot]:
            self._lru.rotate(self._list_of(slot), slot)
        return True

    def invalidate(self, slot: int) -> None:
        """``zswap_invalidate()``: the slot is free, so drop its entry if there is one."""
        if self.holds(slot):
            self._free_entry(slot)

    # Writeback

    def _queue_shrink(self) -> None:
        self.shrink_queued = self._swap.may_shrink()

    def shrink_worker(self) -> Iterator[None]:
        """``shrink_worker()``: write pages back until the pool is at its accept threshold.

        It waits, that is yields, before each page that it would write; stores may come between.
        """
        self.shrink_queued = False
        self._make_entries()
        match self.kernel.reclaim:
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
            self._unlink_entry(slot)
            self._written_back(slot)
        # The page goes after its last object, so that object's free did not see it go.
        self._pool_pages = before

    def _shrink_pool_lru(self) -> Iterator[None]:
        failures = 0
        while failures < MAX_RECLAIM_RETRIES:
            slot = self._lru.coldest(_POOL)
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
                if not self._has_second_chance(cgroup):
                    yield
                failures += not self._shrink_memcg(cgroup)
            if failures == MAX_RECLAIM_RETRIES or self._pool_pages <= self.accept_pages:
                return

    def _can_shrink(self, cgroup: int) -> bool:
        """Whether *cgroup* has entries that may be written back."""
        if self.kernel.reclaim is not Reclaim.MEMCG_LRU:
            return False  # cgroups have no lists
        self._make_entries()
        return self._lru.count[cgroup] > 0 and self.cgroups[cgroup].may_write_back()

    def _has_second_chance(self, cgroup: int) -> bool:
        slot = self._lru.coldest(cgroup)
        return slot is not None and self._entries.referenced[slot] == 1

    def _shrink_memcg(self, cgroup: int) -> bool:
        """``shrink_memcg()`` on a machine of one node: visit one entry; whether it went."""
        slot = self._lru.coldest(cgroup) if self._can_shrink(cgroup) else None
        if slot is None:
            return False
        if self._entries.referenced[slot]:
            self._entries.referenced[slot] = 0
            self._lru.rotate(cgroup, slot)
            return False
        return self._writeback_entry(slot)

    def _writeback_entry(self, slot: int) -> bool:
        """``zswap_writeback_entry()``: a ghost has no place to write to, so its entries stay."""
        if not self._swap.can_write(slot):
            self._lru.rotate(self._list_of(slot), slot)
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
        if not self._can_shrink(cgroup):
            return 0
        spared = min(memcg.nr_disk_swapins, self._lru.count[cgroup])
        memcg.nr_disk_swapins -= spared
        freeable = self._lru.count[cgroup] - spared
        return freeable * (memcg.zswap_bytes // PAGE_SIZE) // memcg.zswapped

    def shrinker_scan(self, nr_to_scan: int, cgroup: int = 0) -> int:
        """``zswap_shrinker_scan()``: visit so many of *cgroup*'s entries; how many were written."""
        before = self.counters.written_back_pages
        for _ in range(nr_to_scan):
            self._shrink_memcg(cgroup)
        return self.counters.written_back_pages - before
