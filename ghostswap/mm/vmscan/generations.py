# SPDX-License-Identifier: GPL-2.0-or-later
"""``struct lru_gen_folio`` (include/linux/mmzone.h): a cgroup's pages by generation, and the tiers.

Anonymous pages only, one zone. A page's generation is a number beside it, which a walk of page
tables can raise; the page itself lies on its old list until eviction comes to it.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator

from ghostswap.kernels.rules import MglruRules
from ghostswap.mm.vmscan.lruvec import REFERENCED, WORKINGSET, Pages

MIN_NR_GENS = 2
MAX_NR_GENS = 4
MAX_NR_TIERS = 4
MIN_LRU_BATCH = 64  # BITS_PER_LONG
LRU_REFS_WIDTH = 2  # as with NODES_SHIFT 10

#: Bits of :attr:`Folios.marks`.
ACTIVE = 1  # PG_active, off the lists only
RECLAIM = 2  # PG_reclaim
WRITEBACK = 4  # PG_writeback
BATCHED = 8  # waiting to be activated, or to be rotated
REFS_SHIFT = 4
REFS = 3 << REFS_SHIFT  # LRU_REFS_MASK

#: Of :attr:`Folios.gen`: on no list.
OFF = -1

_USED = REFERENCED | WORKINGSET


def tier_of(refs: int) -> int:
    """``order_base_2()``"""
    return (refs - 1).bit_length() if refs > 1 else 0


#: By LRU_REFS of a page that is PG_referenced besides.
_TIERS = tuple(tier_of(refs + 1) for refs in range(1 << LRU_REFS_WIDTH))


class Folios:
    """What MGLRU knows of every page, as columns beside :class:`~ghostswap.mm.vmscan.lruvec.Pages`.

    :ivar gen: by page, ``folio_lru_gen()``: its generation modulo 4, or ``OFF``.
    :ivar where: by page, the generation whose list it lies on.
    :ivar marks: by page, ``ACTIVE`` and so on.
    """

    def __init__(self, pages: Pages) -> None:
        count = len(pages.state)
        self.state = pages.state
        self.gen = array("b", [OFF]) * count
        self.where = bytearray(count)
        self.marks = bytearray(count)

    def refs(self, page: int) -> int:
        """``folio_lru_refs()``"""
        if not self.state[page] & REFERENCED:
            return 0
        return ((self.marks[page] & REFS) >> REFS_SHIFT) + 1

    def clear_refs(self, page: int, *, workingset: bool) -> None:
        """Clear ``LRU_REFS_FLAGS``; PG_workingset too, or have it set."""
        self.marks[page] &= ~REFS
        self.state[page] = self.state[page] & ~_USED | (WORKINGSET if workingset else 0)

    def mark(self, page: int) -> None:
        """Set PG_referenced, and let ``LRU_REFS_MASK`` start over."""
        self.marks[page] &= ~REFS
        self.state[page] |= REFERENCED


class Generations:
    """The generations of one lruvec.

    :ivar max_seq: of the youngest generation; so *min_seq* of the oldest.
    :ivar lists: pages by generation modulo 4, next to be evicted first.
    :ivar nr_pages: by generation, however many pages say that they are of it.
    :ivar refaulted: by tier, since *min_seq* last changed; so *evicted* and *protected*.
    """

    def __init__(self, rules: MglruRules, folios: Folios) -> None:
        self._rules = rules
        self._at_once = rules.promotes_at_once
        self._folios = folios
        self._further = WORKINGSET | (REFERENCED if rules.marks_go_further else 0)
        self.max_seq = MIN_NR_GENS + 1
        self.min_seq = 0
        self.lists: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(MAX_NR_GENS)]
        self.nr_pages = [0] * MAX_NR_GENS
        self.evicted = [0] * MAX_NR_TIERS
        self.refaulted = [0] * MAX_NR_TIERS
        self.protected = [0] * MAX_NR_TIERS
        self._avg_refaulted = [0] * MAX_NR_TIERS
        self._avg_total = [0] * MAX_NR_TIERS

    # Lists

    @property
    def size(self) -> int:
        """Pages of all generations."""
        return sum(self.nr_pages)

    def nr_gens(self) -> int:
        """``get_nr_gens()``"""
        return self.max_seq - self.min_seq + 1

    def place(self, page: int, *, in_swap_cache: bool, rotated: bool = False) -> int:
        """``lru_gen_folio_seq()``: the generation that *page* would be put in."""
        marks, state = self._folios.marks[page], self._folios.state[page]
        under_way = marks & RECLAIM and marks & WRITEBACK
        if self._at_once:
            if marks & ACTIVE:
                return self.max_seq
            if not rotated and (not in_swap_cache or under_way):
                return self.max_seq - 1
            if rotated or self.min_seq + MIN_NR_GENS >= self.max_seq:
                return self.min_seq
            return self.min_seq + 1
        if marks & ACTIVE:
            back = MIN_NR_GENS - (state & WORKINGSET != 0)
        elif rotated:
            back = MAX_NR_GENS
        elif not in_swap_cache or under_way:
            back = MIN_NR_GENS
        else:
            back = MAX_NR_GENS - (state & self._further != 0)
        seq = self.max_seq - back + 1
        return seq if seq > self.min_seq else self.min_seq

    def add(self, page: int, *, in_swap_cache: bool, rotated: bool = False) -> None:
        """``lru_gen_add_folio()``: at the young end of its place, if *rotated* at the old end."""
        gen = self.place(page, in_swap_cache=in_swap_cache, rotated=rotated) % MAX_NR_GENS
        folios = self._folios
        folios.marks[page] &= ~ACTIVE
        folios.gen[page] = folios.where[page] = gen
        self.nr_pages[gen] += 1
        self.lists[gen][page] = None
        if rotated:
            self.lists[gen].move_to_end(page, last=False)

    def remove(self, page: int) -> None:
        """``lru_gen_del_folio()``"""
        folios = self._folios
        self.nr_pages[folios.gen[page]] -= 1
        del self.lists[folios.where[page]][page]
        folios.gen[page] = OFF

    def update(self, page: int, gen: int) -> None:
        """Have *page* say that it is of another generation; it stays where it lies."""
        folios = self._folios
        self.nr_pages[folios.gen[page]] -= 1
        self.nr_pages[gen] += 1
        folios.gen[page] = gen

    def put(self, page: int, *, to_old_end: bool = False) -> None:
        """Put *page*, just taken from its list, on that of the generation that it says it is of."""
        folios = self._folios
        gen = folios.where[page] = folios.gen[page]
        self.lists[gen][page] = None
        if to_old_end:
            self.lists[gen].move_to_end(page, last=False)

    def promote(self, page: int) -> None:
        """``folio_inc_gen()``: *page* of the oldest generation becomes one of the next."""
        self._folios.clear_refs(
            page,
            workingset=not self._at_once and self._folios.state[page] & WORKINGSET != 0,
        )
        self.update(page, (self.min_seq + 1) % MAX_NR_GENS)

    def coldest_first(self) -> Iterator[int]:
        """All pages on lists, generation by generation."""
        for seq in range(self.min_seq, self.max_seq + 1):
            yield from self.lists[seq % MAX_NR_GENS]

    # Sequence numbers

    def inc_max_seq(self) -> None:
        """``inc_max_seq()``: a new youngest generation; what is oldest of four joins the next."""
        if self.nr_gens() == MAX_NR_GENS:
            self._inc_min_seq()
        self.max_seq += 1

    def _inc_min_seq(self) -> None:
        oldest = self.min_seq % MAX_NR_GENS
        gens = self._folios.gen
        pages, self.lists[oldest] = self.lists[oldest], OrderedDict()
        for page in pages:
            if not self._at_once and not self.is_lazy(page):
                self.protected[self.tier(page)] += 1  # one that a walk has promoted counts too
            if gens[page] == oldest:
                self.promote(page)
            self.put(page, to_old_end=True)
        self._reset_ctrl_pos()
        self.min_seq += 1

    def try_to_inc_min_seq(self) -> bool:
        """Go past generations without a page, but leave two; whether there were any."""
        before = self.min_seq
        while self.min_seq + MIN_NR_GENS <= self.max_seq:
            if self.lists[self.min_seq % MAX_NR_GENS]:
                break
            self.min_seq += 1
        if self.min_seq == before:
            return False
        self._reset_ctrl_pos()
        return True

    # Tiers and their controller

    def tier(self, page: int) -> int:
        """``lru_tier_from_refs()``"""
        state = self._folios.state[page]
        if not state & _USED:
            return 0
        if state & WORKINGSET:
            return self._rules.workingset_tier
        return _TIERS[(self._folios.marks[page] & REFS) >> REFS_SHIFT]

    def is_lazy(self, page: int) -> bool:
        """Whether *page* is of the workingset and was used so often since that it goes on."""
        state, marks = self._folios.state[page], self._folios.marks[page]
        return state & _USED == _USED and marks & REFS == REFS

    def get_tier_idx(self) -> int:
        """``get_tier_idx()``: the last tier whose pages may be evicted."""
        if self._at_once:
            return MAX_NR_TIERS - 1  # all are evicted in the first one
        gain, other_gain = self._rules.gains
        refaulted, total = self._ctrl_pos(0)
        for tier in range(1, MAX_NR_TIERS):
            refaults, all_of_it = self._ctrl_pos(tier)
            if (
                refaults >= MIN_LRU_BATCH
                and refaults * (total + MIN_LRU_BATCH) * gain
                > (refaulted + 1) * all_of_it * other_gain
            ):
                return tier - 1
        return MAX_NR_TIERS - 1

    def _ctrl_pos(self, tier: int) -> tuple[int, int]:
        """``read_ctrl_pos()``: refaults, and pages in all."""
        return (
            self._avg_refaulted[tier] + self.refaulted[tier],
            self._avg_total[tier] + self.protected[tier] + self.evicted[tier],
        )

    def _reset_ctrl_pos(self) -> None:
        for tier in range(MAX_NR_TIERS):
            refaults, total = self._ctrl_pos(tier)
            self._avg_refaulted[tier], self._avg_total[tier] = refaults // 2, total // 2
            self.refaulted[tier] = self.evicted[tier] = self.protected[tier] = 0
