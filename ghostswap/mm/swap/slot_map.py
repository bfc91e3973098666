# SPDX-License-Identifier: GPL-2.0-or-later
"""What every allocator of an area's slots has in common."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from ghostswap.kernels.rules import CLUSTER_SHIFT, SWAPFILE_CLUSTER
from ghostswap.mm.columns import zeros

#: Where there is none: page 0 is an area's header.
NO_SLOT = 0
#: The largest order of a folio that is swapped in one piece, a cluster's.
PMD_ORDER = 9
#: Pages that one reclaim wants, ``SWAP_CLUSTER_MAX`` (include/linux/swap.h).
SWAP_CLUSTER_MAX = 32

_FREE_RUN = re.compile(b"\0+")


class SlotStat(NamedTuple):
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
        self._count = zeros("H", self._nr_clusters)  # by cluster, pages taken
        for page in (0, *badpages, *range(self.max, len(self._map))):
            self._map[page] = 1
            self._count[page >> CLUSTER_SHIFT] += 1
        self._discards = 0
        self._seeks = 0
        self._last = -1
        self._failures = [0] * (PMD_ORDER + 1)

    def alloc(self, cpu: int = 0, order: int = 0) -> int:
        """Take 2 to the *order* slots that follow each other; the first's page number.

        ``NO_SLOT`` where there are none, or the kernel does not look for them.
        """
        taken = self.alloc_slots(1, cpu, order)
        return taken[0] if taken else NO_SLOT

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
