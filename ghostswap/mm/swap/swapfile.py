# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots of all areas as a kernel's CPUs get them: ``folio_alloc_swap()``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable

from ghostswap.kernels.rules import Allocator, SwapRules
from ghostswap.mm.columns import zeros
from ghostswap.mm.swap.clusters import ORDERS, Clusters
from ghostswap.mm.swap.isolated_clusters import IsolatedClusters
from ghostswap.mm.swap.scan_swap_map import ScanSwapMap
from ghostswap.mm.swap.slot_map import NO_SLOT, SWAP_CLUSTER_MAX, SlotMap, SlotStat
from ghostswap.mm.swap.space import ANY_CPU, SwapSpace
from ghostswap.mm.swap.swap_info import ALL_TIERS, SwapArea

SWAP_BATCH = 64
# include/linux/swap_slots.h: in slots of the cache, per CPU
_THRESHOLD_ACTIVATE = 5
_THRESHOLD_DEACTIVATE = 2


def create(
    pages: int,
    rules: SwapRules,
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


class ExactSwapSpace(SwapSpace):
    """All areas of a machine, with the very slots that the kernel of *rules* gives.

    :param areas: in the order of swapon, all with ``pages``.
    :param cpus: that swap; they are numbered from 0. Where an allocation names none, each has its
        turn for as many slots as one reclaim wants.
    :param seed: of what the kernel draws.
    :ivar maps: the slots of each area.
    :raises ValueError: for an area without size, or with bad pages beyond its end.
    """

    def __init__(
        self, areas: Iterable[SwapArea], rules: SwapRules, *, cpus: int = 1, seed: int = 0
    ) -> None:
        given = tuple(areas)
        super().__init__(given, rules)
        self.maps = tuple(
            create(
                area.pages or 0,
                rules,
                rotational=area.seeks,
                cpus=cpus,
                discard=area.discard,
                blkdev=area.blkdev,
                badpages=area.badpages,
                seed=seed + number,
            )
            for number, area in enumerate(given)
        )
        self._isolated = tuple(slots for slots in self.maps if isinstance(slots, IsolatedClusters))
        self._cpus = cpus
        self._slots_cache, self._slots_kept_back = rules.slots_cache, rules.slots_kept_back
        self._asked = 0  # allocations that named no CPU
        self._nr_swap_pages = sum(slots.pages for slots in self.maps)
        # Areas that have a free slot, by priority (plist swap_avail_head).
        self._avail = list(self._by_prio)
        # percpu_swap_cluster
        self._current = zeros("i", cpus * ORDERS)  # by CPU and order: the area's number and one
        # mm/swap_slots.c
        self._is_cache_active = False
        self._cached: list[list[int]] = [[] for _ in range(cpus)]  # the last one is the next
        self._kept_back: list[list[int]] = [[] for _ in range(cpus)]

    def alloc(self, mask: int = ALL_TIERS, cpu: int = ANY_CPU, order: int = 0) -> int:
        """Take 2 to the *order* slots in a row; the first.

        ``NO_SLOT`` where there are none, which is counted, and with *order* says no more than that
        the folio is to be split.
        """
        if cpu == ANY_CPU:
            cpu = self._asked // SWAP_CLUSTER_MAX % self._cpus
            self._asked += 1
        if not self._slots_cache:
            slot = self._alloc_fast(mask, cpu, order) or self._alloc_slow(mask, cpu, order)
        elif order or mask != ALL_TIERS or not self._check_cache_active():
            slot = next(iter(self._get_swap_pages(1, mask, cpu, order)), NO_SLOT)
        else:
            slot = self._alloc_cached(cpu)
        if slot == NO_SLOT and not order:
            self._refuse(mask)
        return slot

    def free(self, slot: int, cpu: int = 0) -> None:
        """Give *slot*, which is taken, back; some kernels keep it until there are more."""
        kept = self._kept_back[cpu]
        if self._slots_kept_back and self._is_cache_active:
            if len(kept) == self._slots_kept_back:
                for other in kept:
                    self._free(other)
                kept.clear()
            kept.append(slot)
        else:
            self._free(slot)

    def slots(self) -> tuple[SlotStat | None, ...]:
        """How the slots of each area lie."""
        return tuple(slots.stat() for slots in self.maps)

    def _free(self, slot: int) -> None:
        number = self.number_of(slot)
        area, slots = self.areas[number], self.maps[number]
        if slots.inuse_pages == slots.pages:
            self._add_to_avail(number)
        slots.free(slot - self._first_slots[number])
        area.inuse_pages -= 1
        self.inuse_pages -= 1
        self._nr_swap_pages += 1

    # The list of areas

    def _add_to_avail(self, number: int) -> None:
        """``plist_add()``: after those of equal priority."""
        place = bisect_right(
            self._avail, -self.areas[number].prio, key=lambda other: -self.areas[other].prio
        )
        self._avail.insert(place, number)

    def _requeue(self, number: int) -> None:
        """``plist_requeue()``: behind those of equal priority."""
        if len(self._avail) > 1:
            self._avail.remove(number)
            self._add_to_avail(number)

    def _took(self, number: int, nr_pages: int) -> None:
        area, slots = self.areas[number], self.maps[number]
        area.inuse_pages += nr_pages
        self.inuse_pages += nr_pages
        self._nr_swap_pages -= nr_pages
        if slots.inuse_pages == slots.pages:
            self._avail.remove(number)

    # Since 6.15: each CPU has one current cluster, of whichever area

    def _alloc_fast(self, mask: int, cpu: int, order: int) -> int:
        number = self._current[cpu * ORDERS + order] - 1
        if number < 0:
            return NO_SLOT
        area, slots = self.areas[number], self._isolated[number]
        offset = slots.alloc_fast(cpu, order) if area.tier_mask & mask else NO_SLOT
        if offset == NO_SLOT:
            return NO_SLOT
        self._took(number, 1 << order)
        return self._first_slots[number] + offset

    def _alloc_slow(self, mask: int, cpu: int, order: int) -> int:
        for number in tuple(self._avail):
            if not self.areas[number].tier_mask & mask:
                continue
            self._requeue(number)
            slots = self._isolated[number]
            offset = slots.alloc_slow(cpu, order)
            if not slots.rotational:
                self._current[cpu * ORDERS + order] = number + 1
            if offset != NO_SLOT:
                self._took(number, 1 << order)
                return self._first_slots[number] + offset
            if order:
                break
        return NO_SLOT

    # Until 6.14: each CPU takes a batch of slots

    def _get_swap_pages(self, wanted: int, mask: int, cpu: int, order: int = 0) -> list[int]:
        """``get_swap_pages()``: slots of one area."""
        wanted = min(wanted, SWAP_BATCH, self._nr_swap_pages >> order)
        if wanted <= 0:
            return []
        for number in tuple(self._avail):
            if not self.areas[number].tier_mask & mask:
                continue
            self._requeue(number)
            taken = self.maps[number].alloc_slots(wanted, cpu, order)
            if taken:
                self._took(number, len(taken) << order)
                first = self._first_slots[number]
                return [first + offset for offset in taken]
            if order:
                return []
        return []

    def _alloc_cached(self, cpu: int) -> int:
        cached = self._cached[cpu]
        if not cached:
            cached += reversed(self._get_swap_pages(self._slots_cache, ALL_TIERS, cpu))
        return cached.pop() if cached else NO_SLOT

    def _check_cache_active(self) -> bool:
        """``check_cache_active()``: no CPU hoards slots when they are few."""
        unit = self._cpus * self._slots_cache
        if self._is_cache_active:
            if self._nr_swap_pages < _THRESHOLD_DEACTIVATE * unit:
                self._is_cache_active = False
                for cached in self._cached:
                    cached.reverse()
                for kept in (*self._cached, *self._kept_back):
                    for slot in kept:
                        self._free(slot)
                    kept.clear()
        elif self._nr_swap_pages > _THRESHOLD_ACTIVATE * unit:
            self._is_cache_active = True
        return self._is_cache_active
