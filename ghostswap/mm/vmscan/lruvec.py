# SPDX-License-Identifier: GPL-2.0-or-later
"""``struct lruvec``: a cgroup's pages in two lists, and what reclaim remembers of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

from ghostswap.mm.columns import Ring, zeros
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.slot_map import SWAP_CLUSTER_MAX
from ghostswap.page import PAGE_SIZE

_PAGES_PER_GIB = (1 << 30) // PAGE_SIZE

#: Bits of :attr:`Pages.state`. The page table entry's:
PRESENT = 1
ACCESSED = 2
DIRTY = 4
#: The folio's:
REFERENCED = 8
WORKINGSET = 16
#: And where the page is that is not present:
EVICTED = 32  # out, and there is a shadow
UNMAPPED = 64  # in the swap cache still

_IS_PRESENT = bytes(state & PRESENT for state in range(256))

#: What a touch does. Where it finds no page, the fault is one by writing only for ``WRITES``.
READS, WRITES, READS_THEN_WRITES = range(3)


class Pages:
    """``struct folio`` and its page table entry for every page there may be, as columns.

    :ivar state: ``PRESENT`` and so on; 0 for a page that never was.
    :ivar shadow: where ``EVICTED``, ``pack_shadow()``: whose clock said what when the page left.
    """

    def __init__(self, count: int) -> None:
        self.state = bytearray(count)
        self.shadow = zeros("Q", count)

    def present(self, first: int, end: int) -> bytearray:
        """By page, from *first* up to *end*, 1 where it is mapped now."""
        return self.state[first:end].translate(_IS_PRESENT)


@dataclass
class Events:
    """Counters of ``memory.stat``; of a group itself, not of those below it.

    :ivar pgfault: with those of pages that are made, or come back without I/O.
    """

    pgfault: int = 0
    pgmajfault: int = 0
    pgscan: int = 0
    pgsteal: int = 0
    pgactivate: int = 0
    pgdeactivate: int = 0
    pgrefill: int = 0
    workingset_refault_anon: int = 0
    workingset_activate_anon: int = 0
    workingset_restore_anon: int = 0


@dataclass
class State:
    """``lruvec_page_state()``: statistics of a group and all below, as of the last flush."""

    inactive: int = 0
    active: int = 0
    activations: int = 0


class Lruvec:
    """The anonymous pages of one cgroup: its own on the lists, all below too in the statistics.

    :param cgroup: of the root too, where ``memory_max`` is all there is.
    :param index: its place among all there are.
    :ivar charged: this cgroup and all above it, but for a root without a limit.
    :ivar group: number of the processes whose pages these are; -1 for a cgroup without.
    :ivar inactive: pages, coldest first.
    :ivar active: the others, likewise.
    :ivar writing: pages on their way to disk, and when they will be there; inactive ones too.
    :ivar resident: pages of its own in memory.
    :ivar nonresident_age: the clock of mm/workingset.c.
    :ivar anon_cost: what reclaim of anonymous pages has cost lately.
    :ivar refaults: activations as of the end of the last reclaim.
    """

    def __init__(self, cgroup: Cgroup, parent: Lruvec | None, index: int) -> None:
        self.cgroup = cgroup
        self.index = index
        self.group = -1
        self.children: list[Lruvec] = []
        self.inactive = Ring()
        self.active = Ring()
        self.writing: deque[tuple[int, int]] = deque()
        self.resident = 0
        self.nonresident_age = 0
        self.anon_cost = 0
        self.refaults = 0
        self.state = State()
        self.events = Events()
        self.lineage: tuple[Lruvec, ...] = (self, *(parent.lineage if parent else ()))
        self.charged = tuple(
            above.cgroup
            for above in self.lineage
            if above.index or above.cgroup.memory_max is not None
        )
        if parent is not None:
            parent.children.append(self)

    def subtree(self) -> Iterator[Lruvec]:
        """``mem_cgroup_iter()``: this one, then all below it."""
        yield self
        for child in self.children:
            yield from child.subtree()

    def charge(self, pages: int) -> None:
        """Charge *pages* to this group and all above it; below 0 uncharge."""
        for cgroup in self.charged:
            cgroup.memory_pages += pages

    def flush_stats(self) -> None:
        """``mem_cgroup_flush_stats()`` of this group and all below it."""
        state = self.state
        state.inactive = len(self.inactive) + len(self.writing)
        state.active = len(self.active)
        state.activations = self.events.workingset_activate_anon
        for child in self.children:
            child.flush_stats()
            state.inactive += child.state.inactive
            state.active += child.state.active
            state.activations += child.state.activations

    def is_inactive_low(self) -> bool:
        """``inactive_is_low()``: the larger a group, the smaller a share need be inactive."""
        state = self.state
        gigabytes = (state.inactive + state.active) // _PAGES_PER_GIB
        ratio = isqrt(10 * gigabytes) or 1
        return state.inactive * ratio < state.active

    def age_nonresident(self, pages: int) -> None:
        """``workingset_age_nonresident()``: the clocks of this group and all above it tick."""
        for lruvec in self.lineage:
            lruvec.nonresident_age += pages

    def note_cost(self, nr_io: int, nr_rotated: int) -> None:
        """``lru_note_cost()``, here and all above; file pages, of which there are none, cost 0."""
        cost = nr_io * SWAP_CLUSTER_MAX + nr_rotated
        for lruvec in self.lineage:
            lruvec.anon_cost += cost
            if lruvec.anon_cost > (lruvec.state.inactive + lruvec.state.active) // 4:
                lruvec.anon_cost //= 2
