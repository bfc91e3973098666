# SPDX-License-Identifier: GPL-2.0-or-later
"""What every allocator of an area's slots has in common, and how the kernels' differ."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

#: Slots of a cluster: ``HPAGE_PMD_NR``, as x86-64 has it with CONFIG_THP_SWAP.
SWAPFILE_CLUSTER = 512
CLUSTER_SHIFT = 9
#: The largest order of a folio that is swapped in one piece, a cluster's.
PMD_ORDER = 9
#: Slots that have one address space, ``SWAP_ADDRESS_SPACE_PAGES``.
SWAP_ADDRESS_SPACE_SHIFT = 14
#: Clusters that are far enough apart on the free list to share neither a cache line nor an
#: address space: ``SWAP_CLUSTER_COLS``.
SWAP_CLUSTER_COLS = 1 << SWAP_ADDRESS_SPACE_SHIFT - CLUSTER_SHIFT

_FREE_RUN = re.compile(b"\0+")


class Allocator(Enum):
    """Which code of mm/swapfile.c finds a slot."""

    SCAN = "scan_swap_map_slots"
    CLUSTERS = "clusters"  # 6.12: lists of clusters, and each CPU's own per area
    ISOLATED_CLUSTERS = "isolated clusters"  # 6.14: off its list while used, nonfull ones first


@dataclass(frozen=True, slots=True)
class SlotRules:
    """One kernel's way to give slots (mm/swapfile.c and mm/swap_slots.c).

    :ivar solid_state: who finds slots of areas that count as solid state.
    :ivar rotational: who finds those of others.
    :ivar columns: the free list of a new area starts with every so manieth cluster.
    :ivar mthp: folios of all orders can be swapped in one piece, not only of ``PMD_ORDER``.
    :ivar slots_cache: slots that a CPU takes at a time, ``SWAP_SLOTS_CACHE_SIZE``; 0 where each
        is taken when it is wanted, and a CPU has one cluster over all areas.
    :ivar slots_kept_back: freed slots that a CPU keeps until it has so many; 0 also where their
        data is kept with them, which :class:`ghostswap.mm.swap.in_order.SlotsReturn` does in front.
    :ivar rations_first: a search counts a slot against its ration before it looks at it.
    """

    name: str
    solid_state: Allocator
    rotational: Allocator
    columns: int
    mthp: bool
    slots_cache: int
    slots_kept_back: int
    rations_first: bool

    def batch(self, rotational: bool) -> int:
        """Slots that an area gives before one of equal priority has its turn, if it is empty."""
        if self.slots_cache:
            return self.slots_cache
        return 1 if rotational else SWAPFILE_CLUSTER


RULES = {
    rules.name: rules
    for rules in (
        SlotRules(
            "6.1",
            solid_state=Allocator.SCAN,
            rotational=Allocator.SCAN,
            columns=SWAP_CLUSTER_COLS,
            mthp=False,
            slots_cache=64,
            slots_kept_back=0,
            rations_first=False,
        ),
        SlotRules(
            "6.6",
            solid_state=Allocator.SCAN,
            rotational=Allocator.SCAN,
            columns=SWAP_CLUSTER_COLS,
            mthp=False,
            slots_cache=64,
            slots_kept_back=0,
            rations_first=False,
        ),
        SlotRules(
            "6.12",
            solid_state=Allocator.CLUSTERS,
            rotational=Allocator.SCAN,
            columns=SWAP_CLUSTER_COLS,
            mthp=True,
            slots_cache=64,
            slots_kept_back=64,
            rations_first=True,
        ),
        SlotRules(
            "6.18",
            solid_state=Allocator.ISOLATED_CLUSTERS,
            rotational=Allocator.ISOLATED_CLUSTERS,
            columns=1,
            mthp=True,
            slots_cache=0,
            slots_kept_back=0,
            rations_first=False,
        ),
    )
}
#: The ghost swapfile RFC was posted against 6.18.
RULES["ghost"] = RULES["6.18"]


@dataclass(frozen=True, slots=True)
class SlotStat:
    """How an area's slots lie.

    :ivar free: clusters with no slot taken; so *nonfull*, *frag*, *full* and *discard* on the
        kernel's lists. Where it has no such list: nonfull are those with slots taken and free.
    :ivar used: clusters with a slot taken, bad ones too: each has a swap table (6.18: 4096 bytes).
    :ivar fill: share of the slots of *used* clusters that are taken, 0 to 1.
    :ivar longest_free: slots of the longest run of free ones.
    :ivar discards: clusters that were discarded.
    :ivar seeks: allocations that did not follow the one before.
    :ivar failures: allocations that failed, by order.
    """

    free: int
    nonfull: int
    frag: int
    full: int
    discard: int
    used: int
    fill: float
    longest_free: int
    discards: int
    seeks: int
    failures: tuple[int, ...]


class SlotMap:
    """The slots of one area; page numbers are the area's, and its header is page 0.

    :param pages: slots that can be given, ``si->pages``: no header, no bad pages.
    :param badpages: page numbers that are never given.
    :ivar max: pages of the area with header and bad ones, ``si->max``.
    :ivar inuse_pages: slots taken.
    """

    def __init__(
        self, pages: int, *, badpages: Collection[int], discard: bool, blkdev: bool
    ) -> None:
        self.pages = pages
        self.max = pages + len(badpages) + 1
        self.inuse_pages = 0
        if pages < 1 or not all(0 < page < self.max for page in badpages):
            raise ValueError(f"no area of {self.max} pages has {len(badpages)} such bad ones")
        self._discard = discard
        self._blkdev = blkdev
        self._nr_clusters = -(-self.max // SWAPFILE_CLUSTER)
        self._map = bytearray(self._nr_clusters * SWAPFILE_CLUSTER)
        self._count = [0] * self._nr_clusters
        for page in (0, *badpages, *range(self.max, len(self._map))):
            self._map[page] = 1
            self._count[page >> CLUSTER_SHIFT] += 1
        self._discards = 0
        self._seeks = 0
        self._last = -1
        self._failures = [0] * (PMD_ORDER + 1)

    def alloc(self, cpu: int = 0, order: int = 0) -> int | None:
        """Take 2 to the *order* slots that follow each other; the first's page number.

        ``None`` where there are none, or the kernel does not look for them.
        """
        taken = self.alloc_slots(1, cpu, order)
        return taken[0] if taken else None

    def alloc_slots(self, wanted: int, cpu: int = 0, order: int = 0) -> list[int]:
        """Take as many as *wanted* times 2 to the *order* slots, ``scan_swap_map_slots()``."""
        raise NotImplementedError

    def free(self, offset: int) -> None:
        """Give page *offset*, which is taken, back."""
        raise NotImplementedError

    def has_room(self, count: int = 1) -> bool:
        """Whether *count* more slots are free, wherever they are."""
        return self.inuse_pages + count <= self.pages

    def stat(self) -> SlotStat:
        """Take stock; looks at every slot."""
        free, nonfull, frag, full, discard = self._lists()
        used = sum(1 for count in self._count if count) + discard
        runs = (len(run[0]) for run in _FREE_RUN.finditer(self._map))
        return SlotStat(
            free,
            nonfull,
            frag,
            full,
            discard,
            used,
            fill=self.inuse_pages / (used * SWAPFILE_CLUSTER) if used else 0.0,
            longest_free=max(runs, default=0),
            discards=self._discards,
            seeks=self._seeks,
            failures=tuple(self._failures),
        )

    def _lists(self) -> tuple[int, int, int, int, int]:
        """Clusters that are free, nonfull, frag, full, waiting to be discarded."""
        raise NotImplementedError

    def _free_order(self, columns: int) -> list[int]:
        """The clusters in the order in which swapon looks at them (``setup_clusters()``)."""
        return [
            cluster
            for column in range(min(columns, self._nr_clusters))
            for cluster in range(column, self._nr_clusters, columns)
        ]

    def _take(self, offset: int, nr_pages: int) -> None:
        """Mark slots as taken."""
        if nr_pages == 1:
            self._map[offset] = 1
        else:
            self._map[offset : offset + nr_pages] = b"\1" * nr_pages
        self._count[offset >> CLUSTER_SHIFT] += nr_pages
        self.inuse_pages += nr_pages
        if offset != self._last + 1:
            self._seeks += 1
        self._last = offset + nr_pages - 1
