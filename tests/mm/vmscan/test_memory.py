# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects memory under limits: what is charged to whom, who gives pages, and in which order."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import fields
from itertools import accumulate
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap import kernels
from ghostswap.errors import UsageError
from ghostswap.mm.memcontrol import Cgroup, Member
from ghostswap.mm.vmscan.chooser import Policy
from ghostswap.mm.vmscan.memory import Memory, Setup
from ghostswap.mm.vmscan.pageout import Backing, Origin, Out

PAGE = 4096
POLICIES: tuple[Policy, ...] = ("two-lists", "mglru", "lru")


class Store(Backing):
    """Takes all pages and gives them back, or does as it is told; knows what came when."""

    def __init__(
        self,
        answer: Out = Out.FREED,
        groups: int = 1,
        *,
        pool: int = 0,
        has_slots: bool = True,
    ) -> None:
        self.answer = answer
        self.pool = pool
        self.has_slots = has_slots
        self.killed: list[tuple[int, int]] = []
        self.groups = range(groups)
        self.out: list[tuple[int, bool]] = []
        self.inside: set[int] = set()
        self.dropped: list[int] = []

    def swap_out(self, page: int, cgroup: int, dirty: bool) -> Out:
        assert cgroup in self.groups
        answer = self.answer if dirty else Out.FREED
        if answer != Out.ACTIVATE:
            self.out.append((page, dirty))
            self.inside.add(page)
        return answer

    def swap_in(self, page: int, cgroup: int) -> Origin:
        assert cgroup in self.groups
        assert page in self.inside, "a page that never left"
        return Origin.DISK

    def submit(self) -> None:
        """Nothing is sent in pieces here."""

    def has_room(self, slots: int = 1) -> bool:  # noqa: ARG002
        return self.has_slots

    def in_swap_cache(self, page: int) -> bool:
        return page in self.inside

    def drop_slot(self, page: int) -> None:
        self.dropped.append(page)
        self.inside.discard(page)

    def pool_pages(self) -> int:
        return self.pool

    def shrink_slab(self, cgroup: int, priority: int) -> None:
        raise AssertionError(f"{cgroup} has no shrinker to call at {priority}")

    def forget(self, first: int, pages: int) -> None:
        self.killed.append((first, pages))


def memory_of(kernel: str, groups: Sequence[Member], backing: Store, **options: Any) -> Memory:
    return Memory(kernels.get(kernel), groups, lambda _: backing, Setup(**options))


def alone(limit: int, pages: int, backing: Store, **options: Any) -> tuple[Memory, Cgroup]:
    """One group of so many pages that may have *limit* of them in memory."""
    cgroup = Cgroup(memory_max=limit * PAGE)
    options.setdefault("kernel_pages", 0)
    return memory_of("6.18", [Member(cgroup, 0, pages)], backing, **options), cgroup


def traces(pages: int, touches: int) -> dict[str, list[int]]:
    rng = Random(7)
    weights = list(accumulate(1 / k**0.8 for k in range(1, pages + 1)))
    hot = pages // 10
    return {
        "zipf": rng.choices(range(pages), cum_weights=weights, k=touches),
        "uniform": rng.choices(range(pages), k=touches),
        "scan": [number % pages for number in range(touches)],
        "loop": [number % (pages * 6 // 10) for number in range(touches)],
        "hot": [
            rng.randrange(hot) if rng.random() < 0.9 else rng.randrange(hot, pages)
            for _ in range(touches)
        ],
    }


@pytest.mark.parametrize("name", ["zipf", "uniform", "scan", "loop", "hot"])
@pytest.mark.parametrize("frames", [50, 250, 450])
def test_exact_lru_misses_what_libcachesim_does(
    name: str, frames: int, libcachesim: ModuleType
) -> None:
    touches = traces(500, 20000)[name]
    memory, _ = alone(frames + 1, 500, Store(), policy="lru")  # one page is the page table
    memory.touch(0, array("I", touches), None)
    oracle = libcachesim.LRU(cache_size=frames)
    request = libcachesim.Request()
    request.obj_size = 1
    misses = 0
    for request.obj_id in touches:
        misses += not oracle.get(request)
    assert memory.events(0).pgfault == misses


@pytest.mark.parametrize("policy", POLICIES)
def test_a_limit_is_never_exceeded_and_every_page_is_somewhere(
    policy: Policy,
) -> None:
    @given(
        limit=st.integers(40, 120),
        touches=st.lists(st.tuples(st.integers(0, 149), st.booleans()), max_size=600),
    )
    @settings(max_examples=40, deadline=None)
    def holds(limit: int, touches: list[tuple[int, bool]]) -> None:
        memory, cgroup = alone(limit, 150, Store(), policy=policy)
        for page, write in touches:
            memory.touch(0, array("I", [page]), bytes([write]))
            assert cgroup.memory_pages <= limit
            assert page in set(memory.coldest_first(0)), "it has just been touched"
        events = memory.events(0)
        touched = {page for page, _ in touches}
        inside = list(memory.coldest_first(0))
        assert len(inside) == len(set(inside)) == memory.resident(0)
        assert events.pgfault - events.pgmajfault == len(touched)
        assert len(touched) + events.pgmajfault - events.pgsteal == memory.resident(0)

    holds()


@pytest.mark.parametrize("policy", POLICIES)
def test_pages_leave_in_the_order_that_is_shown(policy: Policy) -> None:
    store = Store()
    memory, _ = alone(200, 1000, store, policy=policy)
    memory.touch(0, array("I", range(199)), None)
    for start in range(199, 400, 32):
        coldest = list(memory.coldest_first(0))
        before = len(store.out)
        memory.touch(0, array("I", range(start, start + 32)), None)
        gone = [page for page, _ in store.out[before:]]
        assert gone == coldest[: len(gone)]
    assert len(store.out) > 100


def test_a_page_is_dirty_until_it_is_written_and_again_when_written_to() -> None:
    store = Store()
    memory, _ = alone(101, 300, store)
    memory.fill(0)
    assert all(dirty for _, dirty in store.out), "no page had a copy anywhere"
    store.out.clear()
    for _ in range(3):
        memory.touch(0, array("I", range(300)), bytes(page % 2 for page in range(300)))
    came_back = store.out[200:]
    assert {page % 2 == 1 for page, dirty in came_back if dirty} == {True}
    assert {page % 2 == 0 for page, dirty in came_back if not dirty} == {True}


def test_pages_being_written_are_free_only_afterwards_and_come_back_without_a_read() -> None:
    memory, cgroup = alone(1000, 2000, Store(Out.WRITING))
    memory.fill(0)
    events = memory.events(0)
    assert events.pgsteal == 2000 - memory.resident(0)
    assert cgroup.memory_pages <= 1000
    leaving = next(iter(memory.coldest_first(0)))
    under_way = list(memory.coldest_first(0))[-400:]
    faults, majfaults = events.pgfault, events.pgmajfault
    memory.touch(0, array("I", [*under_way, leaving]), None)
    assert events.pgmajfault == majfaults
    assert events.pgfault > faults, "some had left the page table"


def test_a_group_that_cannot_give_a_page_is_killed_and_gives_all() -> None:
    store = Store(Out.ACTIVATE)
    memory, cgroup = alone(100, 300, store)
    memory.fill(0)
    assert memory.killed == [True]
    assert store.killed == [(0, 300)]
    assert cgroup.memory_pages == memory.resident(0) == 0
    faults = memory.events(0).pgfault
    memory.touch(0, array("I", range(300)), None)
    assert memory.events(0).pgfault == faults, "it is dead"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_limit_above_is_shared_by_all_groups_below(policy: Policy) -> None:
    above = Cgroup(memory_max=300 * PAGE)
    below = [Cgroup(parent=above), Cgroup(parent=above), Cgroup()]
    groups = [Member(cgroup, 1000 * number, 1000) for number, cgroup in enumerate(below)]
    memory = memory_of("6.12", groups, Store(groups=3), policy=policy, kernel_pages=0)
    for number in (2, 0, 1):
        memory.fill(number)
    rng = Random(1)
    for _ in range(200):
        for number in (0, 1):
            pages = rng.choices(range(1000 * number, 1000 * (number + 1)), k=50)
            memory.touch(number, array("I", pages), None)
    assert above.memory_pages == below[0].memory_pages + below[1].memory_pages <= 300
    assert 0.5 < memory.resident(0) / memory.resident(1) < 2, "they are alike"
    assert memory.resident(2) == 1000, "it is nobody's concern"


def test_the_larger_group_is_killed_for_the_smaller() -> None:
    above = Cgroup(memory_max=300 * PAGE)
    groups = [Member(Cgroup(parent=above), 0, 200), Member(Cgroup(parent=above), 200, 150)]
    memory = memory_of("6.12", groups, Store(Out.ACTIVATE, 2), kernel_pages=0)
    memory.fill(0)
    memory.fill(1)
    assert memory.killed == [True, False]
    assert memory.resident(1) == 150


@pytest.mark.parametrize(("version", "room"), [(1, 1000), (2, 900)])
def test_bytes_in_zswap_are_charged_in_version_2_only(version: int, room: int) -> None:
    memory, cgroup = alone(1000, 5000, Store(), cgroup_version=version)
    cgroup.charge_zswap(300, 100 * PAGE)
    memory.fill(0)
    tables = -(-5000 // 512)
    assert room - tables - 64 <= memory.resident(0) <= room - tables


def test_pages_that_nobody_is_charged_for_count_against_the_machine() -> None:
    groups = [Member(Cgroup(), 0, 1000), Member(Cgroup(), 1000, 1000)]
    store = Store(groups=2, pool=400)
    memory = memory_of("6.18", groups, store, ram=1000 * PAGE, kernel_pages=0)
    memory.fill(0)
    memory.fill(1)
    assert 500 <= memory.resident(0) + memory.resident(1) <= 600
    assert memory.killed == [False, False]


def test_without_a_free_slot_nothing_is_scanned() -> None:
    memory, _ = alone(100, 300, Store(has_slots=False))
    memory.fill(0)
    assert memory.killed == [True]
    assert memory.events(0).pgscan == 0


def test_more_cgroups_than_a_kernel_can_have_are_refused() -> None:
    groups = [Member(Cgroup(), 0, 0) for _ in range(1 << 16)]
    with pytest.raises(UsageError, match="too many cgroups"):
        memory_of("6.12", groups, Store())


def test_the_same_run_twice_is_the_same_also_when_somebody_looks() -> None:
    touches = array("I", traces(1000, 20000)["zipf"])

    def run(step: int) -> list[int]:
        memory, _ = alone(600, 1000, Store())
        memory.fill(0)
        for start in range(0, len(touches), step):
            memory.touch(0, touches[start : start + step], None)
            assert memory.resident(0) == len(list(memory.coldest_first(0)))
        return [getattr(memory.events(0), field.name) for field in fields(memory.events(0))]

    assert run(20000) == run(20000) == run(7)


def test_statistics_decide_and_their_age_shows() -> None:
    """Fresh ones let reclaim deactivate pages; a kernel that flushes by the clock never gets to."""

    def deactivated(**options: object) -> int:
        memory, _ = alone(600, 1000, Store(), **options)
        memory.fill(0)
        memory.touch(0, array("I", traces(1000, 20000)["zipf"]), None)
        return memory.events(0).pgdeactivate

    assert deactivated() == 0
    assert deactivated(flush_every=0) > 1000
