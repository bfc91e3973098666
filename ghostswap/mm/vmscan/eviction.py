# SPDX-License-Identifier: GPL-2.0-or-later
"""MGLRU's eviction, ``evict_folios()``: pages of the oldest generation sorted and let go."""

from __future__ import annotations

from ghostswap.kernels.rules import MglruRules
from ghostswap.mm.vmscan.batches import Batches
from ghostswap.mm.vmscan.generations import (
    ACTIVE,
    BATCHED,
    LRU_REFS_WIDTH,
    MAX_NR_GENS,
    MIN_LRU_BATCH,
    MIN_NR_GENS,
    OFF,
    RECLAIM,
    REFS,
    WRITEBACK,
    Folios,
    Generations,
)
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
from ghostswap.mm.vmscan.marks import Marks
from ghostswap.mm.vmscan.page_tables import PageTables
from ghostswap.mm.vmscan.pageout import FREED, WRITING, Backing

_USED = REFERENCED | WORKINGSET
_IN_USE = PRESENT | REFERENCED
_INDEX_MASK = 0xFFFF
_REFS_SHIFT = 17
_SEQ_SHIFT = _REFS_SHIFT + LRU_REFS_WIDTH
_REFS_MASK = (1 << LRU_REFS_WIDTH) - 1


def unpack_shadow(shadow: int) -> tuple[int, int, int, bool]:
    """The lruvec's index, its ``min_seq``, refs beside PG_referenced, and PG_workingset."""
    refs = shadow >> _REFS_SHIFT & _REFS_MASK
    return shadow >> 1 & _INDEX_MASK, shadow >> _SEQ_SHIFT, refs, shadow & 1 == 1


class Eviction:
    """Of all lruvecs of a machine."""

    def __init__(
        self,
        rules: MglruRules,
        pages: Pages,
        folios: Folios,
        marks: Marks,
        batches: Batches,
        backing: Backing,
    ) -> None:
        self._rules = rules
        self._at_once = rules.promotes_at_once
        self._pages = pages
        self._folios = folios
        self._marks = marks
        self._batches = batches
        self._backing = backing
        # What a page of the oldest generation must have for it to be sorted into another.
        self._may_go_on = (
            0 if rules.promotes_at_once else _USED,
            WRITEBACK if rules.moves_on_written else 0,
        )

    def evict(
        self,
        lruvec: Lruvec,
        generations: Generations,
        tables: PageTables,
        nr_to_scan: int,
        *,
        is_walking: bool,
    ) -> tuple[int, int]:
        """Let pages of *lruvec* go: how many were looked at, and how many are free.

        :param is_walking: page tables were walked in this turn.
        """
        rules = self._rules
        if rules.evicts_after_aging:
            generations.try_to_inc_min_seq()
        budget = max(rules.least_scan, min(nr_to_scan, rules.most_scan))
        scanned, isolated = self._scan_folios(lruvec, generations, budget)
        if rules.evicts_after_aging:
            if scanned:
                generations.try_to_inc_min_seq()
        else:
            scanned += generations.try_to_inc_min_seq()
            if generations.nr_gens() <= MIN_NR_GENS:
                scanned = 0
        lruvec.events.pgscan += len(isolated)
        nr_reclaimed = 0
        may_retry = True
        while isolated:
            freed, kept = self._shrink_folio_list(
                lruvec, generations, tables, isolated, is_walking=is_walking
            )
            nr_reclaimed += freed
            isolated = self._put_back(generations, kept, may_retry=may_retry)
            may_retry = False
        return scanned, nr_reclaimed

    def _scan_folios(
        self, lruvec: Lruvec, generations: Generations, budget: int
    ) -> tuple[int, list[int]]:
        """``scan_folios()``: how many pages it looked at, and those that it isolated."""
        if generations.nr_gens() <= MIN_NR_GENS:
            return 0, []
        folios = self._folios
        gen, marks, state = folios.gen, folios.marks, folios.state
        oldest = generations.min_seq % MAX_NR_GENS
        pages = generations.lists[oldest]
        tier_idx = generations.get_tier_idx()
        states_that_matter, marks_that_matter = self._may_go_on
        isolated: list[int] = []
        scanned = 0
        while pages and scanned < budget:
            page = pages.popitem(last=False)[0]
            scanned += 1
            if (
                gen[page] != oldest
                or state[page] & states_that_matter
                or marks[page] & marks_that_matter
            ) and self._sort(page, generations, tier_idx):
                lruvec.events.pgrefill += 1
                generations.put(page)
            else:
                gen[page] = OFF
                if not state[page] & REFERENCED:
                    marks[page] &= ~REFS
                    if self._at_once:
                        state[page] &= ~WORKINGSET
                isolated.append(page)
                if len(isolated) == MIN_LRU_BATCH:
                    break
        generations.nr_pages[oldest] -= len(isolated)
        return scanned, isolated

    def _sort(self, page: int, generations: Generations, tier_idx: int) -> bool:
        """``sort_folio()``: whether *page* is of a younger generation, or becomes one."""
        folios = self._folios
        if folios.gen[page] != folios.where[page]:  # promoted
            return True
        if not self._at_once:
            tier = generations.tier(page)
            is_lazy = generations.is_lazy(page)
            if tier > tier_idx or is_lazy:
                generations.protected[tier] += not is_lazy
                generations.promote(page)
                return True
        if self._rules.moves_on_written and folios.marks[page] & WRITEBACK:
            generations.promote(page)
            folios.marks[page] |= RECLAIM
            return True
        return False

    def _shrink_folio_list(
        self,
        lruvec: Lruvec,
        generations: Generations,
        tables: PageTables,
        isolated: list[int],
        *,
        is_walking: bool,
    ) -> tuple[int, list[int]]:
        """``shrink_folio_list()``: pages that are free, and those that stay, in their order."""
        pages, marks, batches = self._pages, self._folios.marks, self._batches
        state, swap_out, group = pages.state, self._backing.swap_out, lruvec.group
        kept: list[int] = []
        activated = nr_reclaimed = 0
        for page in isolated:
            batches.pass_time(1)
            if marks[page] & WRITEBACK:
                marks[page] |= RECLAIM | ACTIVE
                activated += 1
            elif (not state[page] & ACCESSED and not self._at_once) or not self._is_referenced(
                page, generations, tables, is_walking=is_walking
            ):
                if marks[page] & BATCHED:
                    # The batch holds a reference, so it is neither written nor freed. That it gets
                    # a slot and is unmapped is left out: a touch is a minor fault, no more.
                    kept.append(page)
                    continue
                out = swap_out(page, group, state[page] & DIRTY != 0)
                if out == FREED:
                    generations.evicted[generations.tier(page)] += 1
                    pages.shadow[page] = self._eviction(page, generations, lruvec)
                    tables.unmap(page)
                    state[page] = EVICTED
                    marks[page] = 0
                    nr_reclaimed += 1
                    continue
                if out == WRITING:
                    tables.unmap(page)
                    state[page] = state[page] & ~DIRTY | UNMAPPED
                    batches.write(page)
                else:
                    marks[page] |= ACTIVE
                    activated += 1
            elif marks[page] & ACTIVE:
                activated += 1
            kept.append(page)
        self._backing.submit()
        lruvec.resident -= nr_reclaimed
        lruvec.charge(-nr_reclaimed)
        lruvec.events.pgsteal += nr_reclaimed
        lruvec.events.pgactivate += activated
        return nr_reclaimed, kept

    def _is_referenced(
        self, page: int, generations: Generations, tables: PageTables, *, is_walking: bool
    ) -> bool:
        """``folio_check_references()``: whether *page* stays; active, if not for the first time."""
        folios = self._folios
        if self._at_once:
            if folios.state[page] & _IN_USE == _IN_USE:
                return True  # a walk found it young when it was isolated
            if tables.look_around(page, generations, is_walking=False):
                folios.state[page] |= REFERENCED
                return True
            return False
        is_walking &= self._rules.evicts_after_aging
        if not tables.look_around(page, generations, is_walking=is_walking):
            return False
        if self._marks.set_refs(page):
            folios.marks[page] |= ACTIVE
        return True

    def _eviction(self, page: int, generations: Generations, lruvec: Lruvec) -> int:
        """``lru_gen_eviction()`` and ``pack_shadow()``"""
        refs = max(self._folios.refs(page) - 1, 0)
        is_workingset = self._pages.state[page] & WORKINGSET != 0
        return (
            generations.min_seq << _SEQ_SHIFT
            | refs << _REFS_SHIFT
            | lruvec.index << 1
            | is_workingset
        )

    def _put_back(self, generations: Generations, kept: list[int], *, may_retry: bool) -> list[int]:
        """``move_folios_to_lru()``, but for those of *kept* that may be tried again."""
        again: list[int] = []
        staying: list[int] = []
        for page in kept:
            if may_retry and self._is_clean(page):
                again.append(page)
            else:
                self._mark_rejected(page, generations)
                staying.append(page)
        in_swap_cache = self._backing.in_swap_cache
        for page in staying:
            generations.add(page, in_swap_cache=in_swap_cache(page))
        return again

    def _is_clean(self, page: int) -> bool:
        """Whether *page* has been written meanwhile, and nobody wants it."""
        is_off = self._folios.marks[page] & (WRITEBACK | ACTIVE)
        return not (self._pages.state[page] & (PRESENT | DIRTY) or is_off)

    def _mark_rejected(self, page: int, generations: Generations) -> None:
        """A page that stays is not put in the oldest generation."""
        folios = self._folios
        marks, state = folios.marks, folios.state
        if not self._at_once:
            in_swap_cache = self._backing.in_swap_cache(page)
            if generations.place(page, in_swap_cache=in_swap_cache) == generations.min_seq:
                folios.clear_refs(page, workingset=state[page] & WORKINGSET != 0)
                marks[page] |= ACTIVE
        elif not (marks[page] & RECLAIM and marks[page] & WRITEBACK):
            folios.clear_refs(page, workingset=False)
            marks[page] |= ACTIVE
        elif state[page] & WORKINGSET:
            state[page] |= REFERENCED
