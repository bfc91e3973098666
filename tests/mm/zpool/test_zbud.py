# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects zbud and z3fold, the allocators that 6.1 could still be told to use under zswap."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from conftest import load_case
from hypothesis import given
from hypothesis import strategies as st

from ghostswap import kernels
from ghostswap.mm.zpool import z3fold, zbud
from ghostswap.mm.zpool.api import Evictable, TooLarge

PAGE_SIZE = 4096
BOTH: dict[str, type[zbud.Pool | z3fold.Pool]] = {"zbud": zbud.Pool, "z3fold": z3fold.Pool}
OBJECTS_A_PAGE = {"zbud": 2, "z3fold": 3}

names = st.sampled_from([*BOTH])
#: An object to place, or which of those alive, by age, to free.
steps = st.lists(st.integers(1, 3968) | st.floats(0, 0.999), max_size=200)


def settle(pool: zbud.Pool | z3fold.Pool) -> None:
    if isinstance(pool, z3fold.Pool):
        pool.compact_page_work()


def recorded_fills() -> list[Any]:
    return [
        pytest.param(row, id="-".join(row[key] for key in ("zpool", "corpus", "comp")))
        for row in load_case("kernel-fills.json.xz")
        if row.get("zpool") in BOTH
    ]


def header_size(kernel: str) -> int:
    """Bytes that zswap of *kernel* puts before the data."""
    return kernels.get(kernel).zswap.evictable_header_size


@pytest.mark.parametrize("row", recorded_fills())
def test_a_recorded_fill_takes_the_kernels_pages_and_refusals(row: dict[str, Any]) -> None:
    pool, refused = BOTH[row["zpool"]](header_size(row["kernel"])), 0
    for length in row["lens"]:
        if 0 < length <= PAGE_SIZE:
            try:
                pool.malloc(length)
            except TooLarge:
                refused += 1
    assert pool.pages * PAGE_SIZE == row["debugfs"]["pool_total_size"]
    assert refused == row["debugfs"]["reject_compress_poor"]


@pytest.mark.parametrize(
    ("name", "kernel", "longest"),
    [
        ("zbud", "6.1", 3960),
        ("zbud", "6.12", 3968),
        ("z3fold", "6.1", 4088),
        ("z3fold", "6.12", 4096),
    ],
)
def test_the_longest_object_is_the_kernels(name: str, kernel: str, longest: int) -> None:
    pool = BOTH[name](header_size(kernel))
    assert pool.max_length == longest
    pool.malloc(longest)
    assert pool.pages == 1
    with pytest.raises(TooLarge, match=name):
        pool.malloc(longest + 1)
    with pytest.raises(ValueError, match="0 bytes"):
        pool.malloc(0)
    assert pool.pages == 1


@given(steps, names)
def test_any_sequence_keeps_as_many_pages_as_needed_and_no_empty_one(
    sequence: list[int | float], name: str
) -> None:
    pool = BOTH[name]()
    live: list[tuple[int, int]] = []
    for step in sequence:
        if isinstance(step, int):
            live.append((pool.malloc(step), step))
        elif live:
            pool.free(live.pop(int(step * len(live)))[0])
    settle(pool)
    assert len({handle for handle, _ in live}) == len(live)
    assert -(-len(live) // OBJECTS_A_PAGE[name]) <= pool.pages <= len(live)
    assert sum(length for _, length in live) <= pool.pages * PAGE_SIZE
    for handle, _ in live:
        pool.free(handle)
    settle(pool)
    assert pool.pages == 0


@given(steps)
def test_no_objects_of_a_z3fold_page_overlap(sequence: list[int | float]) -> None:
    pool = z3fold.Pool()
    pages = pool._pages
    live: list[int] = []
    for step in sequence:
        if isinstance(step, int):
            live.append(pool.malloc(step))
        elif live:
            pool.free(live.pop(int(step * len(live))))
        for page in pool._lru.walk(0):
            alone, first, middle, last = pages.buddies(page)
            assert not alone or not (first or middle or last)
            start_middle = pages.start_middle[page] if middle else z3fold.ZHDR_CHUNKS + first
            assert z3fold.ZHDR_CHUNKS + first <= start_middle
            assert start_middle + middle <= z3fold.TOTAL_CHUNKS - last
    in_pages = [
        pages.handles[place]
        for page in pool._lru.walk(0)
        for place in range(z3fold.BUDDIES * page, z3fold.BUDDIES * (page + 1))
        if pages.chunks[place]
    ]
    assert sorted(in_pages) == sorted(live)
    assert all(pages.handles[pages.place[handle]] == handle for handle in live)


@pytest.mark.parametrize("name", BOTH)
def test_only_handles_of_live_objects_can_be_freed(name: str) -> None:
    pool = BOTH[name]()
    handle, other = pool.malloc(100), pool.malloc(100)
    pool.free(handle)
    for wrong in (handle, 0, -1, other + 100):
        with pytest.raises(ValueError, match="no live object"):
            pool.free(wrong)
    assert pool.pages == 1


@pytest.mark.parametrize("name", BOTH)
def test_the_page_placed_in_longest_ago_is_evicted(name: str) -> None:
    pool = BOTH[name]()
    assert isinstance(pool, Evictable)
    assert pool.reclaim_page() == ()
    first, second, third = pool.malloc(2000), pool.malloc(3000), pool.malloc(3000)
    beside_first = pool.malloc(1500)
    assert pool.pages == 3
    assert [pool.reclaim_page() for _ in range(3)] == [(second,), (third,), (first, beside_first)]
    assert pool.pages == 0
    with pytest.raises(ValueError, match="no live object"):
        pool.free(first)


def test_a_lone_object_moves_and_frees_its_z3fold_page() -> None:
    pool = z3fold.Pool()
    first, second = pool.malloc(2000), pool.malloc(1300)
    third = pool.malloc(2500)
    assert pool.pages == 2
    pool.free(first)
    assert pool.pages == 2
    pool.compact_page_work()
    assert pool.pages == 1
    assert pool.reclaim_page() == ()  # a page with another's object cannot go
    pool.free(second)
    pool.compact_page_work()
    assert pool.reclaim_page() == (third,)


def test_a_z3fold_page_can_go_before_the_worker_comes_to_it() -> None:
    pool = z3fold.Pool()
    first, second = pool.malloc(1000), pool.malloc(1000)
    pool.free(first)
    assert pool.reclaim_page() == (second,)
    pool.compact_page_work()
    assert pool.pages == 0


@pytest.mark.parametrize("name", BOTH)
def test_an_object_costs_few_bytes_even_alone_on_its_page(name: str) -> None:
    pool = BOTH[name]()
    objects = 20_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(objects):
            pool.malloc(3900)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100 * objects
