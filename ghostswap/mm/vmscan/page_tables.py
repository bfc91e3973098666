# SPDX-License-Identifier: GPL-2.0-or-later
"""A process's page tables as MGLRU reads them: accessed bits, Bloom filters, what a TLB hides."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import compress

from ghostswap.mm.vmscan.generations import MAX_NR_GENS, MIN_LRU_BATCH, OFF, Folios, Generations
from ghostswap.mm.vmscan.lruvec import ACCESSED, DIRTY, PRESENT, Lruvec, Pages
from ghostswap.mm.vmscan.marks import Marks
from ghostswap.mm.vmscan.pageout import Mapper
from ghostswap.page import PTRS_PER_PTE

#: ``cache_line_size() / sizeof(pte_t)``
_PTES_PER_LINE = 8
_NOTHING = 0xFFFFFFFF
_IS_YOUNG = bytes(state & ACCESSED > 0 for state in range(256))


class PageTables:
    """``struct mm_struct`` of one process, and ``struct lru_gen_mm_state`` of its cgroup.

    Addresses of the memory start at a boundary of a PMD entry. A Bloom filter is an exact set.

    :param first: and *count*: its pages.
    :param tlb: translations that the CPU keeps, a direct-mapped table; 0 where every touch is seen.
        Accessed bits are cleared without telling it, so that what it has is not seen to be touched.
    :ivar is_switched_in: the process ran since its page tables were last walked
        (``lru_gen_use_mm()``).
    """

    def __init__(
        self, pages: Pages, folios: Folios, marks: Marks, first: int, count: int, tlb: int
    ) -> None:
        self._state = pages.state
        self._gen = folios.gen
        self._marks = marks
        self._first, self._end = first, first + count
        tables = -(-count // PTRS_PER_PTE)
        self._is_young = bytearray(tables)  # PMD entries
        self._filters: list[set[int] | None] = [None, None]
        self._tlb = array("I", [_NOTHING]) * tlb
        self._was_walked = False
        self.is_switched_in = True

    # What the process does

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes, mapper: Mapper) -> None:
        """Touch *pages* in order; *mapper* maps those that are not."""
        state, tlb, size = self._state, self._tlb, len(self._tlb)
        is_young, first = self._is_young, self._first
        for page, write in zip(pages, writes, strict=True):
            if not state[page] & PRESENT:
                mapper.fault(page, lruvec, write)
            elif size and tlb[page % size] == page and (state[page] & DIRTY or not write):
                continue
            else:
                state[page] |= ACCESSED
            is_young[(page - first) // PTRS_PER_PTE] = 1
            if size:
                tlb[page % size] = page
            if write:
                state[page] |= DIRTY

    def unmap(self, page: int) -> None:
        """``ptep_clear_flush()``"""
        self._state[page] &= ~(PRESENT | ACCESSED)
        if self._tlb and self._tlb[page % len(self._tlb)] == page:
            self._tlb[page % len(self._tlb)] = _NOTHING

    # What reclaim does

    def walk(self, generations: Generations) -> int:
        """``walk_mm()``: promote what was touched; how many entries were looked at."""
        seq = generations.max_seq
        wanted = self._filters[seq % 2]
        added: set[int] = set()
        self._filters[(seq + 1) % 2] = added
        force = not self._was_walked
        self._was_walked = True
        self.is_switched_in = False
        looked_at = 0
        for table, is_young in enumerate(self._is_young):
            if not force:
                if not is_young:
                    continue
                self._is_young[table] = 0
                if wanted is not None and table not in wanted:
                    continue
            start = self._first + table * PTRS_PER_PTE
            end = min(start + PTRS_PER_PTE, self._end)
            looked_at += end - start
            if self._walk_table(start, end, generations):
                added.add(table)
        return looked_at

    def _walk_table(self, start: int, end: int, generations: Generations) -> bool:
        """``walk_pte_range()``: whether enough entries are young to come again."""
        gen, walked = generations.max_seq % MAX_NR_GENS, self._marks.walked
        young = 0
        for page in self._young_pages(start, end):
            if self._gen[page] != OFF or self._marks.takes_isolated:
                self._state[page] &= ~ACCESSED
                young += 1
                walked(page, gen, generations)
        return young * _PTES_PER_LINE >= end - start

    def _young_pages(self, start: int, end: int) -> Iterator[int]:
        """The pages from *start* up to *end* whose accessed bit is set."""
        return compress(range(start, end), self._state[start:end].translate(_IS_YOUNG))

    def look_around(self, page: int, generations: Generations, *, is_walking: bool) -> bool:
        """``lru_gen_look_around()`` of *page*, which is to go: whether it was touched.

        :param is_walking: page tables were walked in the same turn of reclaim.
        """
        state = self._state
        if not state[page] & ACCESSED:
            return False
        state[page] &= ~ACCESSED
        table = (page - self._first) // PTRS_PER_PTE
        lowest = self._first + table * PTRS_PER_PTE
        start, end = lowest, min(lowest + PTRS_PER_PTE, self._end)
        if end - start > MIN_LRU_BATCH:
            start = min(max(page - MIN_LRU_BATCH // 2, start), end - MIN_LRU_BATCH)
            end = start + MIN_LRU_BATCH
        gen, marks = generations.max_seq % MAX_NR_GENS, self._marks
        young = 1
        for at in self._young_pages(start, end):
            if self._gen[at] != OFF or marks.takes_isolated:
                state[at] &= ~ACCESSED
                young += 1
                if is_walking:
                    marks.walked(at, gen, generations)
                else:
                    marks.seen(at, gen)
        filtered = self._filters[generations.max_seq % 2]
        if filtered is not None and young * _PTES_PER_LINE >= end - start:
            filtered.add(table)
        return True
