# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots of one area from lists of clusters, as mm/swapfile.c gave them in Linux 6.12.

Not modelled: slots of pages that are in the swap cache only, which a kernel whose swap is half
full takes back while it looks for others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from ghostswap.kernels.rules import CLUSTER_SHIFT, SWAPFILE_CLUSTER, SwapRules
from ghostswap.mm.columns import zeros
from ghostswap.mm.swap.slot_map import (
    NO_SLOT,
    PMD_ORDER,
    SlotMap,
)

#: ``struct list_head`` of clusters, by number: taken off at either end or in the middle.
ClusterList = OrderedDict[int, None]
#: Orders that a folio can have.
ORDERS = PMD_ORDER + 1


class Clusters(SlotMap):
    """The allocator of 6.12, ``cluster_alloc_swap_entry()``.

    For the parameters see :func:`ghostswap.mm.swap.swapfile.create`.
    """

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
    ) -> None:
        super().__init__(pages, badpages=badpages, discard=discard, blkdev=blkdev)
        self.rotational = rotational
        orders = range(ORDERS)
        self._free: ClusterList = OrderedDict()
        self._nonfull: list[ClusterList] = [OrderedDict() for _ in orders]
        self._frag: list[ClusterList] = [OrderedDict() for _ in orders]
        self._full: ClusterList = OrderedDict()
        self._pending: ClusterList = OrderedDict()
        self._order = bytearray(self._nr_clusters)
        self._next = zeros("I", cpus * ORDERS)  # by CPU and order
        self._on = [self._free] * self._nr_clusters
        for cluster in self._free_order(rules.columns):
            target = self._nonfull[0] if self._count[cluster] else self._free
            target[cluster] = None
            self._on[cluster] = target

    def alloc_slots(self, wanted: int, cpu: int = 0, order: int = 0) -> list[int]:
        taken: list[int] = []
        if not order or self._blkdev:
            while len(taken) < wanted:
                offset = self._alloc_swap_entry(cpu, order)
                if not offset:
                    break
                taken.append(offset)
        self._failures[order] += not taken
        return taken

    def free(self, offset: int) -> None:
        self._map[offset] = 0
        self.inuse_pages -= 1
        cluster = offset >> CLUSTER_SHIFT
        self._count[cluster] -= 1
        if not self._count[cluster]:
            self._free_cluster(cluster)
        else:
            nonfull = self._nonfull[self._order[cluster]]
            if self._on[cluster] is not nonfull:
                self._move(cluster, nonfull)

    def _lists(self) -> tuple[int, int, int, int, int]:
        nonfull, frag = sum(map(len, self._nonfull)), sum(map(len, self._frag))
        return len(self._free), nonfull, frag, len(self._full), len(self._pending)

    def _move(self, cluster: int, target: ClusterList) -> None:
        """``list_move_tail()``"""
        del self._on[cluster][cluster]
        target[cluster] = None
        self._on[cluster] = target

    def _free_cluster(self, cluster: int) -> None:
        if not self._discard:
            self._order[cluster] = 0
            self._move(cluster, self._free)
            return
        start = cluster << CLUSTER_SHIFT
        self._map[start : start + SWAPFILE_CLUSTER] = b"\1" * SWAPFILE_CLUSTER
        self._move(cluster, self._pending)

    def _do_scheduled_discard(self) -> None:
        for cluster in list(self._pending):
            start = cluster << CLUSTER_SHIFT
            self._map[start : start + SWAPFILE_CLUSTER] = bytes(SWAPFILE_CLUSTER)
            self._discards += 1
            self._order[cluster] = 0
            self._move(cluster, self._free)

    def _alloc_swap_entry(self, cpu: int, order: int) -> int:
        """Slots for one folio; the first, or 0."""
        if self._pending:
            self._do_scheduled_discard()
        offset = self._next[cpu * ORDERS + order]
        found = self._scan_cluster(offset, cpu, order) if offset else 0
        return found or self._new_cluster(cpu, order)

    def _new_cluster(self, cpu: int, order: int) -> int:
        if self._free:
            return self._scan_cluster(next(iter(self._free)) << CLUSTER_SHIFT, cpu, order)
        found = self._scan_fragmented(cpu, order) if order < PMD_ORDER else 0
        if found or order:
            return found
        for other in range(1, PMD_ORDER + 1):
            for clusters in (self._frag[other], self._nonfull[other]):
                if clusters:  # each has a slot free at least
                    return self._scan_cluster(next(iter(clusters)) << CLUSTER_SHIFT, cpu, 0)
        return 0

    def _scan_fragmented(self, cpu: int, order: int) -> int:
        nonfull, frag = self._nonfull[order], self._frag[order]
        visits = 0
        while nonfull:
            cluster = next(iter(nonfull))
            self._move(cluster, frag)
            visits += 1
            if found := self._scan_cluster(cluster << CLUSTER_SHIFT, cpu, order):
                return found
        while visits < len(frag):
            cluster = next(iter(frag))
            frag.move_to_end(cluster)
            visits += 1
            if found := self._scan_cluster(cluster << CLUSTER_SHIFT, cpu, order):
                return found
        return 0

    def _scan_cluster(self, offset: int, cpu: int, order: int) -> int:
        """``alloc_swap_scan_cluster()``: look from *offset* to the cluster's end; 0 for none."""
        cluster = offset >> CLUSTER_SHIFT
        end = min(cluster + 1 << CLUSTER_SHIFT, self.max)
        found = self._find(offset, end, order)
        following = NO_SLOT
        if found:
            if self._on[cluster] is self._free:
                self._order[cluster] = order
                if order < PMD_ORDER:
                    self._move(cluster, self._nonfull[order])
            nr_pages = 1 << order
            self._take(found, nr_pages)
            if self._count[cluster] == SWAPFILE_CLUSTER:
                self._move(cluster, self._full)
            elif found + nr_pages < end:
                following = found + nr_pages
        self._next[cpu * ORDERS + order] = following
        return found

    def _find(self, offset: int, end: int, order: int) -> int:
        """The first slots from *offset* on that are free and aligned for *order*, else 0."""
        if not order:
            return max(self._map.find(0, offset, end), 0)
        nr_pages = 1 << order
        if self._count[offset >> CLUSTER_SHIFT] + nr_pages > SWAPFILE_CLUSTER:
            return 0
        wanted = bytes(nr_pages)
        for start in range(offset, end - nr_pages + 1, nr_pages):
            if self._map.startswith(wanted, start):
                return start
        return 0
