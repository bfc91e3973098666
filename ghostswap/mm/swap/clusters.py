# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots of one area from lists of clusters, as mm/swapfile.c gives them since Linux 6.12.

Not modelled: slots of pages that are in the swap cache only, which a kernel whose swap is half
full takes back while it looks for others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from functools import cached_property

from ghostswap.mm.swap.scan_swap_map import ScanSwapMap
from ghostswap.mm.swap.slot_map import (
    CLUSTER_SHIFT,
    PMD_ORDER,
    SWAPFILE_CLUSTER,
    Allocator,
    SlotMap,
    SlotRules,
)

#: ``struct list_head`` of clusters, by number: taken off at either end or in the middle.
_List = OrderedDict[int, None]
_INVALID = 0  # SWAP_NEXT_INVALID, SWAP_ENTRY_INVALID: the header's page is nobody's


def create(
    pages: int,
    rules: SlotRules,
    *,
    rotational: bool = False,
    cpus: int = 1,
    discard: bool = False,
    blkdev: bool = True,
    badpages: Collection[int] = (),
    seed: int = 0,
) -> SlotMap:
    """The slots of a new area, as the kernel of *rules* gives them.

    :param pages: slots that it can give: neither its header nor bad pages.
    :param rotational: not solid state; a ghost always is.
    :param cpus: that swap; they are numbered from 0.
    :param discard: clusters are discarded when they become free (``SWAP_FLAG_DISCARD_PAGES``).
        The worker that does so is taken to come before the next allocation.
    :param blkdev: a device, not a file, which the kernels give no more than one slot at a time.
    :param badpages: the header's list of them, page numbers.
    :param seed: of what the kernel draws.
    :raises ValueError: for bad pages that are not in the area.
    """
    kind = rules.rotational if rotational else rules.solid_state
    if kind is Allocator.SCAN:
        return ScanSwapMap(
            pages,
            rules,
            rotational=rotational,
            cpus=cpus,
            discard=discard,
            blkdev=blkdev,
            badpages=badpages,
            seed=seed,
        )
    cls = Clusters if kind is Allocator.CLUSTERS else IsolatedClusters
    return cls(
        pages,
        rules,
        rotational=rotational,
        cpus=cpus,
        discard=discard,
        blkdev=blkdev,
        badpages=badpages,
    )


class Clusters(SlotMap):
    """The allocator of 6.12: ``cluster_alloc_swap_entry()``. For the parameters see `create`."""

    def __init__(
        self,
        pages: int,
        rules: SlotRules,
        *,
        rotational: bool = False,
        cpus: int = 1,
        discard: bool = False,
        blkdev: bool = True,
        badpages: Collection[int] = (),
    ) -> None:
        super().__init__(pages, badpages=badpages, discard=discard, blkdev=blkdev)
        self.rotational = rotational
        orders = range(PMD_ORDER + 1)
        self._free: _List = OrderedDict()
        self._nonfull: list[_List] = [OrderedDict() for _ in orders]
        self._frag: list[_List] = [OrderedDict() for _ in orders]
        self._full: _List = OrderedDict()
        self._pending: _List = OrderedDict()
        self._order = bytearray(self._nr_clusters)
        self._next = [[_INVALID] * len(orders) for _ in range(cpus)]
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
        count = self._count[cluster] = self._count[cluster] - 1
        if not count:
            self._free_cluster(cluster)
        else:
            nonfull = self._nonfull[self._order[cluster]]
            if self._on[cluster] is not nonfull:
                self._move(cluster, nonfull)

    def _lists(self) -> tuple[int, int, int, int, int]:
        nonfull, frag = sum(map(len, self._nonfull)), sum(map(len, self._frag))
        return len(self._free), nonfull, frag, len(self._full), len(self._pending)

    def _move(self, cluster: int, target: _List) -> None:
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
        offset = self._next[cpu][order]
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
        following = _INVALID
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
        self._next[cpu][order] = following
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


class IsolatedClusters(Clusters):
    """The allocator of 6.18: a cluster that gives slots is on no list, and goes to frag or full.

    On solid state each CPU has one current cluster over all areas, which the caller keeps: it asks
    the area that has it by :meth:`alloc_fast`, and any by :meth:`alloc_slow`. A rotational area
    has one current cluster of its own for all CPUs.
    """

    def alloc(self, cpu: int = 0, order: int = 0) -> int | None:
        return self.alloc_fast(cpu, order) or self.alloc_slow(cpu, order) or None

    def alloc_slots(self, wanted: int, cpu: int = 0, order: int = 0) -> list[int]:
        taken: list[int] = []
        while len(taken) < wanted and (offset := self.alloc(cpu, order)) is not None:
            taken.append(offset)
        return taken

    def alloc_fast(self, cpu: int, order: int) -> int:
        """``swap_alloc_fast()``: slots of the CPU's current cluster; the first, or 0."""
        return 0 if self.rotational else self._scan_current(cpu, order)

    def alloc_slow(self, cpu: int, order: int) -> int:
        """``cluster_alloc_swap_entry()``: slots of a new cluster; the first, or 0."""
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
        offset = self._next[cpu][order]
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
            self._next[cpu][0] = following
            return offset
        if on is self._full or on is self._free or on is self._pending:
            return 0
        if order and self._order[cluster] != order:
            return 0
        return self._scan_cluster(offset, cpu, order)

    def _new_cluster(self, cpu: int, order: int) -> int:
        for clusters, scan_all in self._lists_to_try[order]:
            if clusters and (found := self._scan_list(clusters, scan_all, cpu, order)):
                return found
        return 0

    @cached_property
    def _lists_to_try(self) -> tuple[tuple[tuple[_List, bool], ...], ...]:
        """By order: where a cluster is looked for, and whether in the whole list."""
        return tuple(map(self._lists_for, range(PMD_ORDER + 1)))

    def _lists_for(self, order: int) -> tuple[tuple[_List, bool], ...]:
        lists = [(self._nonfull[order], True)] if order < PMD_ORDER else []
        # What is to be discarded is rather spread over the area.
        lists.insert(0 if self._discard else len(lists), (self._free, False))
        if order < PMD_ORDER:
            lists.append((self._frag[order], False))
        if not order:
            for other in range(1, PMD_ORDER + 1):
                lists += (self._frag[other], True), (self._nonfull[other], True)
        return tuple(lists)

    def _scan_list(self, clusters: _List, scan_all: bool, cpu: int, order: int) -> int:
        """``alloc_swap_scan_list()``"""
        while clusters:
            cluster = next(iter(clusters))
            if found := self._scan_cluster(cluster << CLUSTER_SHIFT, cpu, order, isolate=True):
                return found
            if not scan_all:
                break
        return 0

    def _scan_cluster(self, offset: int, cpu: int, order: int, isolate: bool = False) -> int:
        cluster = offset >> CLUSTER_SHIFT
        end = min(cluster + 1 << CLUSTER_SHIFT, self.max)
        found = self._find(offset, end, order)
        following = _INVALID
        nr_pages = 1 << order
        if found:
            if not self._count[cluster]:
                self._order[cluster] = order
            self._take(found, nr_pages)
            if self._count[cluster] < SWAPFILE_CLUSTER and found + nr_pages < end:
                following = found + nr_pages
        self._next[cpu][order] = following
        # relocate_cluster()
        if self._count[cluster] == SWAPFILE_CLUSTER:
            self._move(cluster, self._full)
        else:
            frag = self._frag[self._order[cluster]]
            if isolate or self._on[cluster] is not frag:
                self._move(cluster, frag)
        return found
