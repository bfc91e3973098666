# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory under limits: what is charged to whom at a fault, and who has to give pages for it.

After ``do_swap_page()`` (mm/memory.c) and ``try_charge_memcg()`` (mm/memcontrol.c), Linux 6.1 to
7.3. Which pages go is for :mod:`ghostswap.mm.vmscan.mglru` to say, for
:mod:`ghostswap.mm.vmscan.two_lists`, or for :mod:`ghostswap.mm.vmscan.exact_lru`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from ghostswap.errors import UsageError
from ghostswap.kernels.rules import Kernel
from ghostswap.mm.columns import zeros
from ghostswap.mm.memcontrol import Cgroup, Member
from ghostswap.mm.vmscan.batches import WRITE_TIME
from ghostswap.mm.vmscan.chooser import Chooser, Policy
from ghostswap.mm.vmscan.exact_lru import ExactLru
from ghostswap.mm.vmscan.lruvec import (
    ACCESSED,
    DIRTY,
    EVICTED,
    PRESENT,
    UNMAPPED,
    WRITES,
    Events,
    Lruvec,
    Pages,
)
from ghostswap.mm.vmscan.mglru import Mglru
from ghostswap.mm.vmscan.pageout import ZRAM, ZSWAP, Backing, Mapper, Origin
from ghostswap.mm.vmscan.two_lists import TwoLists
from ghostswap.page import PAGE_SIZE, PTRS_PER_PTE

MAX_RECLAIM_RETRIES = 16
MEM_CGROUP_ID_MAX = 0xFFFF

_CHUNK = 1 << 16
#: More pages than there are.
_ENOUGH = 1 << 62


class _Limit:
    """How many pages *target* and all below it may have together."""

    def __init__(self, target: Lruvec, pages: int) -> None:
        self.target = target
        self.pages = pages


class _Killed(Exception):
    """The group that faults is gone."""


class Setup(NamedTuple):
    """How a machine's memory is set up, and what its kernel leaves to chance.

    :ivar policy: which pages leave.
    :ivar cgroup_version: 2 charges bytes in zswap to their group, 1 does not.
    :ivar ram: bytes for all groups, ``None`` where nobody has to look.
    :ivar kernel_pages: charged to each group from the start, as many as the kernel takes where
        ``None``; page tables come on top.
    :ivar flush_every: faults between two flushes of the cgroup statistics, by which the two lists
        go; 0 to flush at every reclaim, as if somebody were reading ``memory.stat`` all the time;
        what the kernel does where ``None``. A kernel that flushes by the clock does not repeat
        itself: runs with some values give a band.
    :ivar flush_first: faults before the first flush, as many where ``None``.
    :ivar one_cpu: every process stays on one CPU, whose TLB is large. x86 clears accessed bits
        without telling TLBs (``ptep_clear_flush_young()``), and a page that is unmapped takes all
        other translations with it only where the process has been on another CPU
        (``arch_tlbbatch_should_defer()``). So here a page that came in is not seen to be touched
        again, but for its first write; elsewhere every touch is seen. Real processes lie between.
    :ivar shrinker_enabled: reclaim calls zswap's shrinker, if there is one.
    :ivar tlb: translations that the one CPU of each process keeps, as MGLRU sees it: see
        :class:`~ghostswap.mm.vmscan.page_tables.PageTables`.
    :ivar walks_twice: and *write_time*: as for :class:`~ghostswap.mm.vmscan.mglru.Mglru`.
    """

    policy: Policy = "two-lists"
    cgroup_version: int = 2
    ram: int | None = None
    kernel_pages: int | None = None
    flush_every: int | None = None
    flush_first: int | None = None
    one_cpu: bool = False
    shrinker_enabled: bool = False
    tlb: int = 0
    walks_twice: bool | None = None
    write_time: int = WRITE_TIME


_SETUP = Setup()


class Memory(Mapper):
    """The memory of *groups*, under the limits of their cgroups and of the machine.

    :param groups: known by their positions here; one a cgroup. Pages are numbers over all of them.
    :param design: makes what pages go to that leave, and come back from, for this memory.
    :ivar killed: by group, whether it has been killed for lack of memory.
    :raises UsageError: there are more cgroups than a kernel can have.
    """

    def __init__(
        self,
        kernel: Kernel,
        groups: Sequence[Member],
        design: Callable[[Memory], Backing],
        setup: Setup = _SETUP,
    ) -> None:
        rules = kernel.vmscan
        self.groups = tuple(groups)
        self.killed = [False] * len(self.groups)
        policy = setup.policy
        taken = setup.kernel_pages
        self._kernel_pages = rules.kernel_pages if taken is None else taken
        self._leaves_no_copy = bytearray(len(Origin) + 1)  # by Origin
        self._leaves_no_copy[ZRAM] = 1
        self._leaves_no_copy[ZSWAP] = kernel.zswap.exclusive_loads
        self._charges_zswap = setup.cgroup_version == 2
        self._pages = Pages(max((group.first + group.pages for group in groups), default=0))
        self._made = zeros("q", len(self.groups))
        self._backing = backing = design(self)
        root = Cgroup(memory_max=setup.ram)
        by_cgroup = {root: Lruvec(root, None, 0)}
        self._lruvec_of: list[Lruvec] = []
        for number, group in enumerate(self.groups):
            above = by_cgroup[root]
            for cgroup in reversed(tuple(group.cgroup.lineage)):
                if cgroup not in by_cgroup:
                    by_cgroup[cgroup] = Lruvec(cgroup, above, len(by_cgroup))
                above = by_cgroup[cgroup]
            above.group = number
            above.charge(self._kernel_pages)
            self._lruvec_of.append(above)
        if len(by_cgroup) > MEM_CGROUP_ID_MAX:
            raise UsageError("too many cgroups", f"the kernel has {MEM_CGROUP_ID_MAX} at most")
        self._limits = [
            tuple(
                _Limit(target, target.cgroup.memory_max // PAGE_SIZE)
                for target in lruvec.lineage
                if target.cgroup.memory_max is not None
            )
            for lruvec in self._lruvec_of
        ]
        # Exact LRU frees but the one page that is wanted.
        self._leaves_room = [
            policy != "lru"
            and all(below.group in (-1, number) for at in limits for below in at.target.subtree())
            for number, limits in enumerate(self._limits)
        ]
        self._room = zeros("q", len(self.groups))
        self._policy: Chooser
        lruvecs = tuple(by_cgroup.values())
        if policy == "lru":
            self._policy = ExactLru(self._pages, backing, lruvecs)
            return
        if policy == "mglru":
            self._policy = Mglru(
                rules,
                self._pages,
                backing,
                lruvecs,
                [(group.first, group.pages) for group in self.groups],
                shrinker_enabled=setup.shrinker_enabled,
                tlb=setup.tlb,
                walks_twice=setup.walks_twice,
                write_time=setup.write_time,
            )
            return
        every = rules.flush_every if setup.flush_every is None else setup.flush_every
        self._policy = TwoLists(
            rules,
            self._pages,
            backing,
            lruvecs,
            flush_every=every,
            flush_first=every if setup.flush_first is None else setup.flush_first,
            waits_for_writes=setup.cgroup_version == 1,
            shrinker_enabled=setup.shrinker_enabled,
            one_cpu=setup.one_cpu,
        )

    # What processes do

    def fill(self, group: int) -> None:
        """Have *group* write all its pages, in order, for the first time."""
        first, end = self.groups[group].first, self.groups[group].first + self.groups[group].pages
        for start in range(first, end, _CHUNK):
            pages = array("I", range(start, min(start + _CHUNK, end)))
            self.touch(group, pages, bytes([WRITES]) * len(pages))

    def touch(self, group: int, pages: array[int], writes: bytes | None) -> None:
        """Have *group* touch its *pages* in order, until it is killed.

        :param writes: for each touch one of ``READS``, ``WRITES`` and ``READS_THEN_WRITES``;
            ``None`` if all read.
        """
        if not self.killed[group]:
            with suppress(_Killed):
                if writes is None:
                    writes = bytes(len(pages))
                self._policy.touch(self._lruvec_of[group], pages, writes, self)

    def write_back(self, page: int, group: int) -> None:
        """See :class:`~ghostswap.mm.vmscan.pageout.Mapper`."""
        self._policy.write_back(page, self._lruvec_of[group])

    # What there is to know

    def events(self, group: int) -> Events:
        """The counters of *group*, which go on changing."""
        return self._lruvec_of[group].events

    def resident(self, group: int) -> int:
        """How many pages of *group* are in memory."""
        return self._lruvec_of[group].resident

    def is_mapped(self, page: int) -> bool:
        """See :class:`~ghostswap.mm.vmscan.pageout.Mapper`."""
        return self._pages.state[page] & PRESENT > 0

    def mapped(self) -> bytearray:
        """By page, 1 where its process has it in memory now."""
        return self._pages.present(0, len(self._pages.state))

    def nr_mapped(self, group: int) -> int:
        """How many pages of *group* are mapped; those on their way to disk are not."""
        first, pages = self.groups[group].first, self.groups[group].pages
        return self._pages.present(first, first + pages).count(1)

    def coldest_first(self, group: int) -> Iterator[int]:
        """The pages of *group* that are in memory, as the LRU has them."""
        return self._policy.coldest_first(self._lruvec_of[group])

    # Faults

    def fault(self, page: int, lruvec: Lruvec, touch: int) -> None:
        """``do_swap_page()``, or ``do_anonymous_page()`` for a page that never was.

        :param touch: as for :class:`~ghostswap.mm.vmscan.pageout.Mapper`.
        """
        lruvec.events.pgfault += 1
        state = self._pages.state
        if state[page] & UNMAPPED:
            self._map_cached(page)
            return
        group = lruvec.group
        if self._room[group]:
            self._room[group] -= 1
        else:
            self._room[group] = self._make_room(lruvec)
            if state[page] & UNMAPPED:  # zswap has just written it
                self._map_cached(page)
                return
        for cgroup in lruvec.charged:
            cgroup.memory_pages += 1
        lruvec.resident += 1
        if state[page] & EVICTED:
            lruvec.events.pgmajfault += 1
            self._policy.add(page, lruvec)
            # With no copy left behind, a page is as good as written to.
            if self._leaves_no_copy[self._backing.swap_in(page, group)]:
                state[page] |= DIRTY
            if touch == WRITES:  # should_try_to_free_swap()
                self._backing.drop_slot(page)
        else:
            self._make(lruvec)
            self._policy.add(page, lruvec)
            state[page] |= DIRTY

    def _make_room(self, lruvec: Lruvec) -> int:
        """Have limits let *lruvec* have a page; how many more, before they need be looked at again.

        What is used grows by faults, and shrinks by all else: so where nobody shares its limits.
        """
        limits = self._limits[lruvec.group]
        for limit in limits:
            if self._usage(limit.target) >= limit.pages:
                self._reclaim(limit.target, limit.pages, lruvec)
        if not self._leaves_room[lruvec.group]:
            return 0
        room = _ENOUGH
        for limit in limits:
            room = min(room, limit.pages - self._usage(limit.target) - 1)
        return room

    def _map_cached(self, page: int) -> None:
        """Map *page* again, which the swap cache still has."""
        state = self._pages.state
        state[page] = state[page] & ~UNMAPPED | PRESENT | ACCESSED

    def _make(self, lruvec: Lruvec) -> None:
        """Count a new page; each 512 take a page table."""
        if self._made[lruvec.group] % PTRS_PER_PTE == 0:
            lruvec.charge(1)
            self._room[lruvec.group] = max(self._room[lruvec.group] - 1, 0)
        self._made[lruvec.group] += 1

    def _usage(self, lruvec: Lruvec) -> int:
        """``memory.current`` in pages; of the root, of the whole machine."""
        if lruvec.index == 0:
            return lruvec.cgroup.memory_pages + self._backing.pool_pages()
        zswap_bytes = lruvec.cgroup.zswap_bytes if self._charges_zswap else 0
        return lruvec.cgroup.memory_pages + (zswap_bytes + PAGE_SIZE - 1) // PAGE_SIZE

    def _reclaim(self, target: Lruvec, limit: int, faulting: Lruvec) -> None:
        """``try_charge_memcg()``: get *target* below its *limit*, if need be by the OOM killer.

        :raises _Killed: it was *faulting* that had to go.
        """
        # The first failure has the CPUs' stocks drained, and does not count.
        retries = MAX_RECLAIM_RETRIES + 1
        while True:
            nr_reclaimed = self._policy.try_to_free_pages(target)
            if self._usage(target) < limit:
                return
            if nr_reclaimed:
                continue
            retries -= 1
            if retries < 0:
                self._out_of_memory(target, faulting)
                retries = MAX_RECLAIM_RETRIES

    def _out_of_memory(self, target: Lruvec, faulting: Lruvec) -> None:
        """``out_of_memory()``: kill the group below *target* that has the most pages."""
        alive = (
            lruvec
            for lruvec in target.subtree()
            if lruvec.group >= 0 and not self.killed[lruvec.group]
        )
        victim = max(alive, key=lambda lruvec: self._made[lruvec.group])
        group = self.groups[victim.group]
        self.killed[victim.group] = True
        self._policy.forget(victim)
        self._pages.state[group.first : group.first + group.pages] = bytes(group.pages)
        tables = -(-self._made[victim.group] // PTRS_PER_PTE)
        victim.charge(-(victim.resident + self._kernel_pages + tables))
        victim.resident = 0
        self._backing.forget(group.first, group.pages)
        if victim is faulting:
            raise _Killed
