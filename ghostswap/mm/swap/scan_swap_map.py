# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots of one area by ``scan_swap_map_slots()``: up to Linux 6.11, and rotational in 6.12.

Solid state has lists of clusters beside the map, and each CPU its own cluster; a rotational area
is filled from its start, an empty run of a cluster's length at a time. Not modelled: slots of
pages that are in the swap cache only, which a kernel whose swap is half full takes back.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection

from ghostswap.kernels.rules import CLUSTER_SHIFT, SWAPFILE_CLUSTER, SwapRules
from ghostswap.mm.swap.slot_map import (
    PMD_ORDER,
    SlotMap,
)

LATENCY_LIMIT = 256
#: Slots that have one address space, ``SWAP_ADDRESS_SPACE_PAGES``.
SWAP_ADDRESS_SPACE_SHIFT = 14
_EMPTY_CLUSTER = bytes(SWAPFILE_CLUSTER)


class _Scan:
    """One call's place: *offset*, where it began, and how long it may go on.

    :ivar ration: slots that may still be looked at before it has to give way.
    :ivar scanned_many: it had to.
    """

    def __init__(self, offset: int) -> None:
        self.base = self.offset = offset
        self.ration = LATENCY_LIMIT
        self.scanned_many = False

    def look(self, slots: int) -> None:
        """Count *slots* that were looked at."""
        if slots <= self.ration:
            self.ration -= slots
            return
        slots -= self.ration + 1
        self.ration = LATENCY_LIMIT - slots % (LATENCY_LIMIT + 1)
        self.scanned_many = True


class ScanSwapMap(SlotMap):
    """The allocator; for the parameters see :func:`ghostswap.mm.swap.swapfile.create`."""

    def __init__(
        self,
        pages: int,
        rules: SwapRules,
        *,
        rotational: bool = False,
        cpus: int = 1,
        discard: bool = False,
        blkdev: bool = True,
        badpages: Collection[int] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(pages, badpages=badpages, discard=discard, blkdev=blkdev)
        self.rotational = rotational
        self._rations_first = rules.rations_first
        self._random = random.Random(seed)
        self._lowest = 1
        self._highest = self.max - 1
        self._cluster_nr = 0
        # Wear levelling: where a CPU looks when there is no free cluster (left).
        self._cluster_next = [
            1 if rotational else 1 + self._random.randrange(self._highest) for _ in range(cpus)
        ]
        self._percpu: list[int | None] = [None] * cpus  # the CPU's cluster
        self._percpu_next = [0] * cpus
        self._pending: deque[int] = deque()
        self._free: deque[int] = deque()
        if not rotational:
            self._free.extend(
                cluster for cluster in self._free_order(rules.columns) if not self._count[cluster]
            )
        self._is_free = bytearray(self._nr_clusters)
        for cluster in self._free:
            self._is_free[cluster] = 1

    def alloc_slots(self, wanted: int, cpu: int = 0, order: int = 0) -> list[int]:
        if self._pending:
            self._do_scheduled_discard()
        taken = self._alloc_cluster(order) if order else self._scan(wanted, cpu)
        self._failures[order] += not taken
        return taken

    def free(self, offset: int) -> None:
        self._map[offset] = 0
        cluster = offset >> CLUSTER_SHIFT
        self._count[cluster] -= 1
        if not self._count[cluster] and not self.rotational:
            if self._discard:
                start = cluster << CLUSTER_SHIFT
                self._map[start : start + SWAPFILE_CLUSTER] = b"\1" * SWAPFILE_CLUSTER
                self._pending.append(cluster)
            else:
                self._is_free[cluster] = 1
                self._free.append(cluster)
        self._lowest = min(self._lowest, offset)
        self._highest = max(self._highest, offset)
        self.inuse_pages -= 1

    def _lists(self) -> tuple[int, int, int, int, int]:
        full = sum(1 for count in self._count if count >= SWAPFILE_CLUSTER)
        empty = sum(1 for count in self._count if not count)
        pending = len(self._pending)
        return empty - pending, self._nr_clusters - empty - full, 0, full, pending

    def _do_scheduled_discard(self) -> None:
        for cluster in self._pending:
            start = cluster << CLUSTER_SHIFT
            self._map[start : start + SWAPFILE_CLUSTER] = _EMPTY_CLUSTER
            self._is_free[cluster] = 1
        self._discards += len(self._pending)
        self._free.extend(self._pending)
        self._pending.clear()

    def _alloc_cluster(self, order: int) -> list[int]:
        """``swap_alloc_cluster()``: a folio gets a whole cluster or nothing."""
        if order != PMD_ORDER or not self._blkdev or not self._free:
            return []
        offset = self._free[0] << CLUSTER_SHIFT
        self._swap_range_alloc(offset, SWAPFILE_CLUSTER)
        return [offset]

    def _scan(self, wanted: int, cpu: int) -> list[int]:
        """``scan_swap_map_slots()``"""
        taken: list[int] = []
        scan = _Scan(self._cluster_next[0 if self.rotational else cpu])
        goes_on = self._start_hdd(scan) if self.rotational else self._try_ssd_cluster(scan, cpu)
        goes_on = goes_on or self._look_on(scan)
        while goes_on:
            if not self.rotational:
                goes_on = self._avoid_conflict(scan, cpu, bool(taken))
                if not goes_on and taken:
                    break
                if not goes_on and not self._look_on(scan):
                    return taken
            if not self._highest:
                return taken
            if scan.offset > self._highest:
                scan.base = scan.offset = self._lowest
            if self._map[scan.offset]:
                if taken:
                    break
                goes_on = self._look_on(scan)
                continue
            self._swap_range_alloc(scan.offset, 1)
            taken.append(scan.offset)
            if len(taken) == wanted or scan.offset >= self._highest:
                break
            scan.ration -= 1
            goes_on = scan.ration >= 0 and self._next_in_batch(scan, cpu)
        if taken:
            self._set_cluster_next(scan.offset + 1, cpu)
        return taken

    def _start_hdd(self, scan: _Scan) -> bool:
        if self._cluster_nr:
            self._cluster_nr -= 1
            return True
        self._cluster_nr = SWAPFILE_CLUSTER - 1
        if self.pages - self.inuse_pages < SWAPFILE_CLUSTER:
            return True
        scan.base = scan.offset = self._lowest
        start = self._map.find(_EMPTY_CLUSTER, self._lowest, self._highest + 1)
        if start >= 0:
            scan.look(start + SWAPFILE_CLUSTER - 1 - self._lowest)
            scan.offset = start
        elif self._lowest + SWAPFILE_CLUSTER <= self._highest + 1:
            # The search ends with the first slot taken that is too near the end.
            near = max(self._highest - SWAPFILE_CLUSTER + 1, self._lowest)
            scan.look(self._map.find(1, near) + 1 - self._lowest)
        scan.scanned_many = False
        return True

    def _try_ssd_cluster(self, scan: _Scan, cpu: int) -> bool:
        """``scan_swap_map_try_ssd_cluster()``: the next slot of the CPU's cluster, or a new one."""
        while True:
            cluster = self._percpu[cpu]
            if cluster is None:
                if not self._free:
                    return False
                cluster = self._percpu[cpu] = self._free[0]
                self._percpu_next[cpu] = cluster << CLUSTER_SHIFT
            end = cluster + 1 << CLUSTER_SHIFT
            offset = self._map.find(0, self._percpu_next[cpu], end)
            if offset >= 0:
                self._percpu_next[cpu] = offset + 1
                scan.base = scan.offset = offset
                return True
            self._percpu[cpu] = None

    def _avoid_conflict(self, scan: _Scan, cpu: int, has_some: bool) -> bool:
        """Do not start a free cluster that is not at the list's head; whether there is a slot."""
        while True:
            cluster = scan.offset >> CLUSTER_SHIFT
            if not self._free or cluster == self._free[0] or not self._is_free[cluster]:
                return True
            self._percpu[cpu] = None
            if has_some or not self._try_ssd_cluster(scan, cpu):
                return False

    def _next_in_batch(self, scan: _Scan, cpu: int) -> bool:
        """Where the next slot may be, after one was taken."""
        if not self.rotational:
            if self._try_ssd_cluster(scan, cpu):
                return True
        elif self._cluster_nr:
            scan.offset += 1
            if not self._map[scan.offset]:
                self._cluster_nr -= 1
                return True
        if scan.scanned_many:
            return False
        # Look a little further.
        limit = scan.base if scan.offset < scan.base else self._highest
        last = min(limit + 1, scan.offset + scan.ration - 1)
        offset = self._map.find(0, scan.offset, max(last, scan.offset))
        if offset < 0:
            scan.offset = max(last, scan.offset)
            return False
        scan.ration -= offset - scan.offset + 1
        scan.offset = offset
        return True

    def _look_on(self, scan: _Scan) -> bool:
        """From *scan* to the end, then from the start: whether there is a free slot.

        The kernel does not look at the very one where it starts, so it may miss the last.
        """
        for start, end in (
            (scan.offset + 1, self._highest + 1),
            (self._lowest, scan.base),
        ):
            offset = self._map.find(0, start, end) if start < end else -1
            if offset >= 0:
                scan.look(offset - start + self._rations_first)
                scan.offset = offset
                return True
            scan.look(max(end - start, 0))
        return False

    def _swap_range_alloc(self, offset: int, nr_pages: int) -> None:
        cluster = offset >> CLUSTER_SHIFT
        if self._is_free[cluster]:
            self._is_free[cluster] = 0
            self._free.popleft()
        self._take(offset, nr_pages)
        if offset == self._lowest:
            self._lowest += nr_pages
        if offset + nr_pages - 1 == self._highest:
            self._highest -= nr_pages
        if self.inuse_pages == self.pages:
            self._lowest, self._highest = self.max, 0

    def _set_cluster_next(self, following: int, cpu: int) -> None:
        if self.rotational:
            self._cluster_next[0] = following
            return
        shift = SWAP_ADDRESS_SPACE_SHIFT
        if self._cluster_next[cpu] >> shift != following >> shift:
            # Another address space: any one, so that CPUs keep out of each other's way.
            if self._highest <= self._lowest:
                return
            drawn = self._lowest + self._random.randrange(self._highest - self._lowest + 1)
            following = max(drawn >> shift << shift, self._lowest)
        self._cluster_next[cpu] = following
