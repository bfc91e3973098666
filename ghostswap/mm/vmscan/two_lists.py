# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's choice of pages to reclaim: an inactive and an active list, without MGLRU.

After mm/vmscan.c, mm/workingset.c and mm/swap.c of Linux 6.1 and 6.12, anonymous pages only.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from ghostswap.kernels.rules import VmscanRules
from ghostswap.mm.columns import Ring, zeros
from ghostswap.mm.swap.slot_map import SWAP_CLUSTER_MAX
from ghostswap.mm.vmscan.chooser import DEF_PRIORITY, Chooser, Subtrees
from ghostswap.mm.vmscan.lruvec import (
    ACCESSED,
    DIRTY,
    EVICTED,
    PRESENT,
    REFERENCED,
    UNMAPPED,
    WORKINGSET,
    Lruvec,
    Pages,
)
from ghostswap.mm.vmscan.pageout import FREED, WRITING, Backing, Mapper

# A shadow is the age of the lruvec that evicted the page, its index (16 bits, as the kernel has
# for a cgroup), and WORKINGSET as one bit.
_INDEX_MASK = 0xFFFF
_AGE_SHIFT = 17
_AGE = 1 << _AGE_SHIFT

SWAPPINESS = 60
MAX_SWAPPINESS = 200

#: The time that a write to disk takes, in pages that reclaim visits meanwhile; and what it takes
#: to come to a list. As on a virtual disk (6.12): with them as many pages are under way, and as
#: many come back before they are there, as were recorded.
WRITE_TIME = 360
WALK_TIME = 50
#: More faults than there are.
_NEVER = 1 << 62


class TwoLists(Chooser):
    """Which pages leave: those that nobody touched on their way down the inactive list.

    :param lruvecs: all there are, by index; the first is the root's.
    :param flush_every: faults between two flushes of the statistics, 0 to flush as needed.
    :param flush_first: faults before the first.
    :param waits_for_writes: cgroup v1: reclaim waits for a write that it comes across.
    :param shrinker_enabled: when reclaim has been through a group's lists it calls zswap's
        shrinker, if there is one; what that shrinks flushes the statistics.
    :param one_cpu: as for :class:`ghostswap.mm.vmscan.memory.Setup`.
    """

    def __init__(
        self,
        rules: VmscanRules,
        pages: Pages,
        backing: Backing,
        lruvecs: Sequence[Lruvec],
        *,
        flush_every: int,
        flush_first: int,
        waits_for_writes: bool,
        shrinker_enabled: bool,
        one_cpu: bool,
    ) -> None:
        self._rules = rules
        self._pages = pages
        self._backing = backing
        self._lruvecs = lruvecs
        self._flush_every = flush_every
        self._to_flush = flush_first if flush_every else _NEVER
        self._charges_slots = backing.charges_slots
        self._waits_for_writes = waits_for_writes
        self._has_shrinker = shrinker_enabled and backing.has_shrinker()
        self._one_cpu = one_cpu
        self._pagevec = zeros("I", rules.pagevec_size)  # pages on their way to a list
        self._pagevec_lists = [lruvecs[0].inactive] * rules.pagevec_size
        self._in_pagevec = 0
        self._clock = 0
        self._subtrees = Subtrees([tuple(lruvec.subtree()) for lruvec in lruvecs])
        # From 6.8 on only zswap flushes: where there is a limit to look at, or its shrinker does.
        self._is_fresh = [
            not flush_every
            or (self._has_shrinker and rules.shrinker_flushes)
            or (not waits_for_writes and any(above.cgroup.zswap_max for above in lruvec.lineage))
            for lruvec in lruvecs
        ]

    # What processes do

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes, mapper: Mapper) -> None:
        """See :class:`Chooser`."""
        state = self._pages.state
        if self._one_cpu:
            self._touch_translated(lruvec, pages, writes, mapper)
            return
        for number in range(len(pages)):
            page = pages[number]
            if state[page] & PRESENT:
                state[page] |= ACCESSED
            else:
                mapper.fault(page, lruvec, writes[number])
            if writes[number]:
                state[page] |= DIRTY

    def _touch_translated(
        self, lruvec: Lruvec, pages: array[int], writes: bytes, mapper: Mapper
    ) -> None:
        """Touch pages that the TLB has, if they are there: only a first write looks at the PTE."""
        state = self._pages.state
        for number in range(len(pages)):
            page = pages[number]
            if not state[page] & PRESENT:
                mapper.fault(page, lruvec, writes[number])
            if writes[number] and not state[page] & DIRTY:
                state[page] |= ACCESSED | DIRTY

    def add(self, page: int, lruvec: Lruvec) -> None:
        """See :class:`Chooser`: on the active list if it went too early.

        ``workingset_refault()`` and ``folio_add_lru()``.
        """
        self._to_flush -= 1
        if self._to_flush <= 0:
            self._flush_late()
        state = self._pages.state
        is_active = state[page] & EVICTED > 0 and self._workingset_refault(page, lruvec)
        state[page] |= PRESENT | ACCESSED
        self._pagevec[self._in_pagevec] = page
        self._pagevec_lists[self._in_pagevec] = lruvec.active if is_active else lruvec.inactive
        self._in_pagevec += 1
        if self._in_pagevec == len(self._pagevec):
            self._lru_add_drain()

    def _flush_late(self) -> None:
        """``flush_memcg_stats_dwork()``, going by faults instead of the time."""
        self._to_flush = self._flush_every
        self._lruvecs[0].flush_stats()

    def _workingset_refault(self, page: int, lruvec: Lruvec) -> bool:
        """``workingset_refault()`` of *page*, which is in memory again; whether it is active."""
        pages, events = self._pages, lruvec.events
        pages.state[page] = 0
        events.workingset_refault_anon += 1
        shadow = pages.shadow[page]
        evictor = self._lruvecs[shadow >> 1 & _INDEX_MASK]
        distance = evictor.nonresident_age - (shadow >> _AGE_SHIFT)
        if distance > evictor.state.active or not self._may_swap(evictor):
            return False
        lruvec.age_nonresident(1)
        events.workingset_activate_anon += 1
        if shadow & 1:
            pages.state[page] = WORKINGSET
            lruvec.note_cost(1, 0)
            events.workingset_restore_anon += 1
        return True

    def write_back(self, page: int, lruvec: Lruvec) -> None:
        """See :class:`Chooser`: it goes first when it is written (``zswap_writeback_entry()``).

        That it may be active until then is no matter (``lru_move_tail()``).
        """
        if self._pages.state[page] & EVICTED:
            self._workingset_refault(page, lruvec)
            self._pages.state[page] |= UNMAPPED
            lruvec.writing.append((page, self._clock + WRITE_TIME))
            lruvec.resident += 1
            lruvec.charge(1)

    def coldest_first(self, lruvec: Lruvec) -> Iterator[int]:
        """See :class:`Chooser`."""
        yield from lruvec.inactive
        yield from (page for page, _ in lruvec.writing)
        yield from self._on_their_way(lruvec.inactive)
        yield from lruvec.active
        yield from self._on_their_way(lruvec.active)

    def _on_their_way(self, to: Ring) -> list[int]:
        numbers = range(self._in_pagevec)
        return [self._pagevec[number] for number in numbers if self._pagevec_lists[number] is to]

    def forget(self, lruvec: Lruvec) -> None:
        """See :class:`Chooser`."""
        self._lru_add_drain()
        lruvec.inactive.clear()
        lruvec.active.clear()
        lruvec.writing.clear()

    # What reclaim does

    def try_to_free_pages(self, target: Lruvec) -> int:
        """See :class:`Chooser`: ``do_try_to_free_pages()``."""
        full_walk = not self._rules.partial_walks
        force_deactivate = False
        while True:
            nr_reclaimed = 0
            skipped_deactivate = False
            for priority in range(DEF_PRIORITY, -1, -1):
                freed, skipped = self._shrink_node(target, priority, force_deactivate, full_walk)
                nr_reclaimed += freed
                skipped_deactivate |= skipped
                if nr_reclaimed >= SWAP_CLUSTER_MAX:
                    break
            target.refaults = target.state.activations
            if nr_reclaimed:
                return nr_reclaimed
            if not full_walk:
                full_walk = True
            elif skipped_deactivate and not force_deactivate:
                force_deactivate = True
            else:
                return 0

    def _shrink_node(
        self, target: Lruvec, priority: int, force_deactivate: bool, full_walk: bool
    ) -> tuple[int, bool]:
        if self._is_fresh[target.index]:
            target.flush_stats()
        may_deactivate = (
            force_deactivate
            or target.state.activations != target.refaults
            or target.is_inactive_low()
        )
        nr_reclaimed = 0
        skipped_deactivate = False
        subtrees = self._subtrees
        for lruvec in subtrees.to_visit(target, full_walk):
            subtrees.visit(target, full_walk)
            freed, skipped = self._shrink_lruvec(lruvec, target, priority, may_deactivate)
            nr_reclaimed += freed
            skipped_deactivate |= skipped
            if self._has_shrinker and lruvec.group >= 0:
                self._backing.shrink_slab(lruvec.group, priority)
            if not full_walk and nr_reclaimed >= SWAP_CLUSTER_MAX:
                break
        return nr_reclaimed, skipped_deactivate

    def _shrink_lruvec(
        self, lruvec: Lruvec, target: Lruvec, priority: int, may_deactivate: bool
    ) -> tuple[int, bool]:
        self._clock += WALK_TIME
        if not self._may_swap(lruvec):
            return 0, False
        nr_inactive, nr_active = self._get_scan_count(lruvec, target, priority)
        nr_reclaimed = 0
        skipped_deactivate = False
        while nr_inactive and nr_reclaimed < SWAP_CLUSTER_MAX:
            nr_to_scan = min(nr_inactive, SWAP_CLUSTER_MAX)
            nr_inactive -= nr_to_scan
            nr_reclaimed += self._shrink_inactive_list(nr_to_scan, lruvec, target)
            if nr_active:
                nr_to_scan = min(nr_active, SWAP_CLUSTER_MAX)
                nr_active -= nr_to_scan
                if may_deactivate:
                    self._shrink_active_list(nr_to_scan, lruvec)
                else:
                    skipped_deactivate = True
        if lruvec.is_inactive_low():
            self._shrink_active_list(SWAP_CLUSTER_MAX, lruvec)
        return nr_reclaimed, skipped_deactivate

    def _may_swap(self, lruvec: Lruvec) -> bool:
        """``can_reclaim_anon_pages()``"""
        has_slots = not self._charges_slots or lruvec.cgroup.has_swap()
        return has_slots and self._backing.has_room()

    def _get_scan_count(self, lruvec: Lruvec, target: Lruvec, priority: int) -> tuple[int, int]:
        """``get_scan_count()``: how much of the inactive and of the active list to scan.

        File pages get their share, too, although there are none.
        """
        nr_inactive = len(lruvec.inactive) + len(lruvec.writing) >> priority
        nr_active = len(lruvec.active) >> priority
        if priority == 0:
            return nr_inactive, nr_active
        cost = target.anon_cost
        ap = SWAPPINESS * (3 * cost + 1) // (2 * cost + 1)
        fp = (MAX_SWAPPINESS - SWAPPINESS) * (3 * cost + 1) // (cost + 1)
        return nr_inactive * ap // (ap + fp), nr_active * ap // (ap + fp)

    def _shrink_active_list(self, nr_to_scan: int, lruvec: Lruvec) -> None:
        self._lru_add_drain()
        inactive, active = lruvec.inactive, lruvec.active
        state = self._pages.state
        nr_taken = min(nr_to_scan, len(active))
        for _ in range(nr_taken):
            page = active.popleft()
            state[page] = state[page] & ~ACCESSED | WORKINGSET
            inactive.append(page)
        lruvec.events.pgrefill += nr_taken
        lruvec.events.pgdeactivate += nr_taken

    def _shrink_inactive_list(self, nr_to_scan: int, lruvec: Lruvec, target: Lruvec) -> int:
        """``shrink_inactive_list()`` and ``shrink_folio_list()``"""
        self._lru_add_drain()
        self._end_writeback(lruvec)
        nr_taken = min(nr_to_scan, len(lruvec.inactive))
        if not nr_taken:
            self._meet_writeback(nr_to_scan, lruvec)
            return 0
        state, shadow, backing = self._pages.state, self._pages.shadow, self._backing
        inactive, active = lruvec.inactive, lruvec.active
        due = self._clock + WRITE_TIME
        evictor = target.nonresident_age << _AGE_SHIFT | target.index << 1  # pack_shadow()
        nr_active = len(active)
        nr_pageout = nr_reclaimed = 0
        for visit in range(nr_taken):
            page = inactive.popleft()
            flags = state[page]
            if flags & ACCESSED:
                state[page] = flags & ~ACCESSED | REFERENCED
                (active if flags & REFERENCED else inactive).append(page)
                continue
            out = backing.swap_out(page, lruvec.group, flags & DIRTY > 0)
            if out == FREED:
                nr_pageout += flags & DIRTY > 0
                shadow[page] = evictor | (flags & WORKINGSET > 0)
                evictor += _AGE
                nr_reclaimed += 1
                state[page] = EVICTED
            elif out == WRITING:
                nr_pageout += 1
                state[page] = flags & WORKINGSET | UNMAPPED
                lruvec.writing.append((page, due + visit))
            else:
                state[page] = flags & ~REFERENCED
                active.append(page)
        backing.submit()
        self._clock += nr_taken
        nr_activated = len(active) - nr_active
        target.age_nonresident(nr_reclaimed)
        lruvec.age_nonresident(nr_activated)
        lruvec.note_cost(nr_pageout, nr_taken - nr_reclaimed)
        lruvec.resident -= nr_reclaimed
        lruvec.charge(-nr_reclaimed)
        lruvec.events.pgscan += nr_taken
        lruvec.events.pgsteal += nr_reclaimed
        lruvec.events.pgactivate += nr_activated
        return nr_reclaimed

    def _end_writeback(self, lruvec: Lruvec) -> None:
        """``folio_rotate_reclaimable()``: pages that have been written are the next to go."""
        writing = lruvec.writing
        while writing and writing[0][1] <= self._clock:
            lruvec.inactive.appendleft(writing.popleft()[0])

    def _meet_writeback(self, nr_to_scan: int, lruvec: Lruvec) -> None:
        """Nothing but pages under writeback is left to scan."""
        nr_met = min(nr_to_scan, len(lruvec.writing))
        for _ in range(nr_met):
            page, due = lruvec.writing.popleft()
            if self._waits_for_writes:
                self._clock = max(self._clock, due)
                lruvec.inactive.append(page)
            else:
                lruvec.active.append(page)
        lruvec.events.pgscan += nr_met
        if not self._waits_for_writes:
            lruvec.events.pgactivate += nr_met
            lruvec.age_nonresident(nr_met)

    def _lru_add_drain(self) -> None:
        for number in range(self._in_pagevec):
            ring = self._pagevec_lists[number]
            ring.append(self._pagevec[number])
        self._in_pagevec = 0
