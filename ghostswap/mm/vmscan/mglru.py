# SPDX-License-Identifier: GPL-2.0-or-later
"""The multi-generational LRU: which anonymous pages a cgroup's reclaim takes.

After mm/vmscan.c, mm/workingset.c and mm/swap.c of Linux 6.12, 6.18, 7.1 and 7.3, for reclaim by a
limit. Reclaim of the whole machine takes groups in turn here, without their own generations
(``MEMCG_LRU_YOUNG`` and so on).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ghostswap.kernels.rules import VmscanRules
from ghostswap.mm.swap.slot_map import SWAP_CLUSTER_MAX
from ghostswap.mm.vmscan.batches import WRITE_TIME, Batches
from ghostswap.mm.vmscan.chooser import DEF_PRIORITY, Chooser, Subtrees
from ghostswap.mm.vmscan.eviction import Eviction, unpack_shadow
from ghostswap.mm.vmscan.generations import (
    ACTIVE,
    MAX_NR_GENS,
    MIN_LRU_BATCH,
    MIN_NR_GENS,
    REFS_SHIFT,
    Folios,
    Generations,
    tier_of,
)
from ghostswap.mm.vmscan.lruvec import (
    ACCESSED,
    EVICTED,
    PRESENT,
    UNMAPPED,
    WORKINGSET,
    Lruvec,
    Pages,
)
from ghostswap.mm.vmscan.marks import Marks
from ghostswap.mm.vmscan.page_tables import PageTables
from ghostswap.mm.vmscan.pageout import Backing, Mapper

#: What it takes to come to a list, and to look at so many page table entries, in the time that a
#: page takes to be unmapped.
_WALK_TIME = 4
_PTES_A_PAGE = 64


@dataclass(slots=True)
class _Turn:
    """``struct scan_control`` of one reclaim.

    :ivar is_walking: page tables were walked in this turn of a priority.
    """

    priority: int = DEF_PRIORITY
    nr_reclaimed: int = 0
    is_walking: bool = False


class Mglru(Chooser):
    """Which pages leave: those of the oldest generation that nobody touched since.

    :param lruvecs: all there are, by index; the first is the root's.
    :param spans: by group, its first page and how many it has.
    :param shrinker_enabled: as for :class:`~ghostswap.mm.vmscan.two_lists.TwoLists`.
    :param tlb: as for :class:`~ghostswap.mm.vmscan.page_tables.PageTables`.
    :param walks_twice: a second aging in one reclaim walks page tables too, as where the process
        lost its CPU between the two; where ``None``, if pages go to disk, for which it sleeps.
    :param write_time: as :data:`~ghostswap.mm.vmscan.batches.WRITE_TIME`.
    """

    def __init__(
        self,
        rules: VmscanRules,
        pages: Pages,
        backing: Backing,
        lruvecs: Sequence[Lruvec],
        spans: Sequence[tuple[int, int]],
        *,
        shrinker_enabled: bool,
        tlb: int = 0,
        walks_twice: bool | None = None,
        write_time: int = WRITE_TIME,
    ) -> None:
        self._rules = rules
        self._mglru = rules.mglru
        self._pages = pages
        self._backing = backing
        self._has_shrinker = shrinker_enabled and backing.has_shrinker()
        self._walks_twice = walks_twice
        self._folios = folios = Folios(pages)
        self._generations = [Generations(rules.mglru, folios) for _ in lruvecs]
        owner = array("H", bytes(2 * len(pages.state)))
        working = [lruvec for lruvec in lruvecs if lruvec.group >= 0]
        for lruvec in working:
            first, count = spans[lruvec.group]
            owner[first : first + count] = array("H", [lruvec.index]) * count
        self._batches = Batches(
            folios,
            self._generations,
            lruvecs,
            owner,
            backing,
            size=rules.pagevec_size,
            write_time=write_time,
        )
        marks = Marks(rules.mglru, folios, self._batches.activate)
        self._tables = {
            lruvec.index: PageTables(pages, folios, marks, *spans[lruvec.group], tlb)
            for lruvec in working
        }
        self._spans = spans
        self._eviction = Eviction(rules.mglru, pages, folios, marks, self._batches, backing)
        self._subtrees = Subtrees(
            [tuple(below for below in lruvec.subtree() if below.group >= 0) for lruvec in lruvecs]
        )

    # What processes do

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes, mapper: Mapper) -> None:
        """See :class:`~ghostswap.mm.vmscan.chooser.Chooser`."""
        self._tables[lruvec.index].touch(lruvec, pages, writes, mapper)

    def add(self, page: int, lruvec: Lruvec) -> None:
        """Have *page*, new or brought back, wait for its place among the generations.

        ``lru_gen_refault()`` and ``folio_add_lru()`` within a fault.
        """
        state = self._pages.state
        if state[page] & EVICTED:
            self._refault(page, lruvec, in_fault=True)
        if self._mglru.fault_activates or state[page] & WORKINGSET:
            self._folios.marks[page] |= ACTIVE
        else:
            self._folios.mark(page)
        state[page] |= PRESENT | ACCESSED
        self._batches.add(page)

    def write_back(self, page: int, lruvec: Lruvec) -> None:
        """``zswap_writeback_entry()`` brings *page* to memory to write it; then it goes first."""
        if self._pages.state[page] & EVICTED:
            self._refault(page, lruvec, in_fault=False)
            self._pages.state[page] |= UNMAPPED
            lruvec.resident += 1
            lruvec.charge(1)
            self._batches.add(page)
            self._batches.write(page)
            self._batches.send_off()

    def coldest_first(self, lruvec: Lruvec) -> Iterator[int]:
        """Pages of *lruvec* itself as eviction would come to them, those that wait last."""
        yield from self._generations[lruvec.index].coldest_first()
        yield from self._batches.waiting(lruvec.index)

    def forget(self, lruvec: Lruvec) -> None:
        """The processes of *lruvec* are gone."""
        self._batches.forget(lruvec.index)
        generations = self._generations[lruvec.index]
        for page in tuple(generations.coldest_first()):
            generations.remove(page)
        first, count = self._spans[lruvec.group]
        self._folios.marks[first : first + count] = bytes(count)

    def _refault(self, page: int, lruvec: Lruvec, *, in_fault: bool) -> None:
        """``lru_gen_refault()`` of *page*, which has left its shadow behind."""
        rules, pages, events = self._mglru, self._pages, lruvec.events
        evictor, seq, refs, was_workingset = unpack_shadow(pages.shadow[page])
        pages.state[page] = 0
        if evictor != lruvec.index:
            return
        events.workingset_refault_anon += 1
        generations = self._generations[evictor]
        if rules.promotes_at_once:
            is_recent, tier, comes_back = seq == generations.min_seq, 0, True
        else:
            is_recent = abs(generations.max_seq - seq) < MAX_NR_GENS
            tier = rules.workingset_tier if was_workingset else tier_of(refs + 1)
            comes_back = was_workingset
        if not is_recent:
            return
        generations.refaulted[tier] += 1
        if comes_back or rules.activates_all_refaults:
            events.workingset_activate_anon += in_fault
        if comes_back:
            events.workingset_restore_anon += 1
            pages.state[page] = WORKINGSET
        else:
            self._folios.marks[page] = refs << REFS_SHIFT

    # What reclaim does

    def try_to_free_pages(self, target: Lruvec) -> int:
        """``do_try_to_free_pages()`` below *target*: how many are free."""
        self._batches.pass_all_writes()  # pages were filled or read since the last time
        for lruvec in self._subtrees.below(target):
            self._tables[lruvec.index].is_switched_in = True
        full_walk = not self._rules.partial_walks
        while True:
            turn = _Turn()
            for turn.priority in range(DEF_PRIORITY, -1, -1):
                self._shrink_node(target, turn, full_walk)
                if turn.nr_reclaimed >= SWAP_CLUSTER_MAX:
                    break
            if turn.nr_reclaimed or full_walk:
                return turn.nr_reclaimed
            full_walk = True

    def _shrink_node(self, target: Lruvec, turn: _Turn, full_walk: bool) -> None:
        before = turn.nr_reclaimed
        subtrees = self._subtrees
        for lruvec in subtrees.to_visit(target, full_walk):
            subtrees.visit(target, full_walk)
            self._shrink_lruvec(lruvec, turn)
            if self._has_shrinker:
                self._backing.shrink_slab(lruvec.group, turn.priority)
            if not full_walk and turn.nr_reclaimed - before >= SWAP_CLUSTER_MAX:
                break

    def _shrink_lruvec(self, lruvec: Lruvec, turn: _Turn) -> None:
        """``lru_gen_shrink_lruvec()``"""
        self._batches.pass_time(_WALK_TIME)
        self._batches.drain()
        turn.is_walking = False
        if self._may_swap(lruvec):
            if self._mglru.evicts_after_aging:
                self._age_and_evict(lruvec, turn)
            else:
                self._age_or_evict(lruvec, turn)
        self._batches.send_off()

    def _may_swap(self, lruvec: Lruvec) -> bool:
        """``get_swappiness()``: not where few slots are left."""
        if self._backing.charges_slots and not lruvec.cgroup.has_swap(MIN_LRU_BATCH):
            return False
        return self._backing.has_room(MIN_LRU_BATCH)

    def _age_or_evict(self, lruvec: Lruvec, turn: _Turn) -> None:
        """``try_to_shrink_lruvec()`` up to 7.1: an aging ends the turn."""
        generations = self._generations[lruvec.index]
        scanned = 0
        while True:
            if turn.priority < DEF_PRIORITY and self._should_run_aging(generations):
                self._age(lruvec, turn)
                return
            if generations.nr_gens() <= MIN_NR_GENS:
                return
            nr_to_scan = generations.size >> turn.priority
            if not nr_to_scan:
                return
            delta = self._evict(lruvec, turn, nr_to_scan)
            scanned += delta
            if not delta or scanned >= nr_to_scan:
                return
            if self._mglru.stops_at_cluster and turn.nr_reclaimed >= SWAP_CLUSTER_MAX:
                return

    def _should_run_aging(self, generations: Generations) -> bool:
        nr_gens = generations.nr_gens()
        if nr_gens != MIN_NR_GENS + 1:
            return nr_gens <= MIN_NR_GENS
        if not self._mglru.promotes_at_once:
            return True
        total = generations.size
        young = generations.nr_pages[generations.max_seq % MAX_NR_GENS]
        old = generations.nr_pages[generations.min_seq % MAX_NR_GENS]
        return young * MIN_NR_GENS > total or old * (MIN_NR_GENS + 2) < total

    def _age_and_evict(self, lruvec: Lruvec, turn: _Turn) -> None:
        """``try_to_shrink_lruvec()`` from 7.2 on"""
        generations = self._generations[lruvec.index]
        nr_to_scan = generations.size >> turn.priority
        while nr_to_scan > 0:
            nr_gens = generations.nr_gens()
            may_wait = turn.priority == DEF_PRIORITY
            if nr_gens <= MIN_NR_GENS or (nr_gens == MIN_NR_GENS + 1 and not may_wait):
                self._age(lruvec, turn)
            delta = self._evict(lruvec, turn, nr_to_scan)
            if not delta or turn.nr_reclaimed >= SWAP_CLUSTER_MAX:
                return
            nr_to_scan -= delta

    def _evict(self, lruvec: Lruvec, turn: _Turn, nr_to_scan: int) -> int:
        scanned, freed = self._eviction.evict(
            lruvec,
            self._generations[lruvec.index],
            self._tables[lruvec.index],
            nr_to_scan,
            is_walking=turn.is_walking,
        )
        turn.nr_reclaimed += freed
        return scanned

    def _age(self, lruvec: Lruvec, turn: _Turn) -> None:
        """``try_to_inc_max_seq()``: walk what has run, and begin a generation."""
        tables, generations = self._tables[lruvec.index], self._generations[lruvec.index]
        walks_twice = self._walks_twice
        if walks_twice is None:
            walks_twice = self._batches.has_written
        if tables.is_switched_in or walks_twice:
            self._batches.pass_time(tables.walk(generations) // _PTES_A_PAGE)
        turn.is_walking = True
        generations.inc_max_seq()
