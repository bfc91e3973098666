# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots of one area from clusters that are off their list while a CPU uses them (6.14)."""

from __future__ import annotations

from collections.abc import Collection

from ghostswap.kernels.rules import CLUSTER_SHIFT, SWAPFILE_CLUSTER, SwapRules
from ghostswap.mm.swap.clusters import ORDERS, ClusterList, Clusters
from ghostswap.mm.swap.slot_map import NO_SLOT, PMD_ORDER


class IsolatedClusters(Clusters):
    """The allocator of 6.18: a cluster that gives slots is on no list, and goes to frag or full.

    On solid state each CPU has one current cluster over all areas, which the caller keeps: it asks
    the area that has it by :meth:`alloc_fast`, and any by :meth:`alloc_slow`. A rotational area
    has one current cluster of its own for all CPUs.
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
        super().__init__(
            pages,
            rules,
            rotational=rotational,
            cpus=cpus,
            discard=discard,
            blkdev=blkdev,
            badpages=badpages,
        )
        # By order: where a cluster is looked for, and whether in the whole list.
        self._lists_to_try = tuple(map(self._lists_for, range(ORDERS)))

    def alloc(self, cpu: int = 0, order: int = 0) -> int:
        return self.alloc_fast(cpu, order) or self.alloc_slow(cpu, order)

    def alloc_slots(self, wanted: int, cpu: int = 0, order: int = 0) -> list[int]:
        taken: list[int] = []
        while len(taken) < wanted and (offset := self.alloc(cpu, order)) != NO_SLOT:
            taken.append(offset)
        return taken

    def alloc_fast(self, cpu: int, order: int) -> int:
        """``swap_alloc_fast()``: slots of the CPU's current cluster; the first, or none."""
        return 0 if self.rotational else self._scan_current(cpu, order)

    def alloc_slow(self, cpu: int, order: int) -> int:
        """``cluster_alloc_swap_entry()``: slots of a new cluster; the first, or none."""
        found = 0
        if not order or self._blkdev:
            found = self._alloc_swap_entry(cpu, order)
        self._failures[order] += not found
        return found

    def _alloc_swap_entry(self, cpu: int, order: int) -> int:
        if self._pending:
            self._do_scheduled_discard()
        if not self.rotational:
            return self._new_cluster(cpu, order)
        # The first CPU's stands for global_cluster.
        return self._scan_current(0, order) or self._new_cluster(0, order)

    def _scan_current(self, cpu: int, order: int) -> int:
        """Take from the cluster last used, unless it has become full, free or another order's."""
        offset = self._next[cpu * ORDERS + order]
        if not offset:
            return 0
        cluster = offset >> CLUSTER_SHIFT
        on = self._on[cluster]
        following = offset + 1
        if (
            not order
            and not self._map[offset]
            and following < self.max
            and following >> CLUSTER_SHIFT == cluster
            and self._count[cluster] < SWAPFILE_CLUSTER - 1
            and on is self._frag[self._order[cluster]]
        ):
            # Most often: the next slot is free, and the cluster stays where it is.
            self._take(offset, 1)
            self._next[cpu * ORDERS] = following
            return offset
        if on is self._full or on is self._free or on is self._pending:
            return 0
        if order and self._order[cluster] != order:
            return 0
        return self._scan_and_relocate(offset, cpu, order, False)

    def _new_cluster(self, cpu: int, order: int) -> int:
        for clusters, scan_all in self._lists_to_try[order]:
            if clusters and (found := self._scan_list(clusters, scan_all, cpu, order)):
                return found
        return 0

    def _lists_for(self, order: int) -> tuple[tuple[ClusterList, bool], ...]:
        lists = [(self._nonfull[order], True)] if order < PMD_ORDER else []
        # What is to be discarded is rather spread over the area.
        lists.insert(0 if self._discard else len(lists), (self._free, False))
        if order < PMD_ORDER:
            lists.append((self._frag[order], False))
        if not order:
            for other in range(1, PMD_ORDER + 1):
                lists += (self._frag[other], True), (self._nonfull[other], True)
        return tuple(lists)

    def _scan_list(self, clusters: ClusterList, scan_all: bool, cpu: int, order: int) -> int:
        """``alloc_swap_scan_list()``"""
        while clusters:
            cluster = next(iter(clusters))
            found = self._scan_and_relocate(cluster << CLUSTER_SHIFT, cpu, order, True)
            if found:
                return found
            if not scan_all:
                break
        return 0

    def _scan_and_relocate(self, offset: int, cpu: int, order: int, isolate: bool) -> int:
        """``alloc_swap_scan_cluster()``, which puts the cluster where it belongs then."""
        cluster = offset >> CLUSTER_SHIFT
        end = min(cluster + 1 << CLUSTER_SHIFT, self.max)
        found = self._find(offset, end, order)
        following = NO_SLOT
        nr_pages = 1 << order
        if found:
            if not self._count[cluster]:
                self._order[cluster] = order
            self._take(found, nr_pages)
            if self._count[cluster] < SWAPFILE_CLUSTER and found + nr_pages < end:
                following = found + nr_pages
        self._next[cpu * ORDERS + order] = following
        # relocate_cluster()
        if self._count[cluster] == SWAPFILE_CLUSTER:
            self._move(cluster, self._full)
        else:
            frag = self._frag[self._order[cluster]]
            if isolate or self._on[cluster] is not frag:
                self._move(cluster, frag)
        return found
