# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects the pool's size in pages: it is what the kernel's zsmalloc holds, to the page."""

from __future__ import annotations

import gc
import itertools
import json
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from conftest import CASES, load_case
from hypothesis import given
from hypothesis import strategies as st

from ghostswap import kernels
from ghostswap.kernels.rules import ZsmallocRules
from ghostswap.mm.zpool.api import Allocator, Evictable, TooLarge
from ghostswap.mm.zpool.size_class import (
    FULLNESS,
    ZS_HANDLE_SIZE,
    Filling,
    SizeClass,
    huge_class_size,
    size_classes,
)
from ghostswap.mm.zpool.zsmalloc import ClassStat, Pool

PAGE_SIZE = 4096
#: zsmalloc's rules as they differ, by the first kernel known that has them.
RULES = {name: kernel.zsmalloc for name, kernel in reversed([*kernels.KERNELS.items()][:2])}
ALL_CLASSES = [
    pytest.param(size_classes(chain_size, page_size, rules), id=f"{name}-{chain_size}-{page_size}")
    for name, rules in RULES.items()
    for chain_size in (4, 8, 16)
    for page_size in (4096, 16384, 65536)
]

all_rules = st.sampled_from([*RULES.values()])
#: Few classes, of few objects a zspage and of many, so that their zspages fill, empty and vie.
lengths = st.sampled_from([1, 24, 600, 1000, 1362, 2040, 2041, 2500, 3000, 3624, 3625, 4096])
#: An object to place, or which of those alive, by age, to free.
steps = st.lists(lengths | st.floats(0, 0.999), max_size=300)


def filled(counts: dict[int, int], classes: tuple[SizeClass, ...]) -> int:
    filling = Filling(classes)
    for length, count in counts.items():
        filling.store(length, count)
    return filling.pages


# ---- classes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["6.1", "6.12"])
def test_classes_are_those_of_a_running_kernel(kernel: str) -> None:
    recorded = json.loads((CASES / "zsmalloc-classes.json").read_text())[kernel]
    assert [
        [c.index, c.size, c.pages_per_zspage, c.objs_per_zspage]
        for c in size_classes(rules=kernels.get(kernel).zsmalloc)
    ] == recorded


def test_all_kernels_have_rules_that_are_tested_here() -> None:
    assert {kernel.zsmalloc for kernel in kernels.KERNELS.values()} == set(RULES.values())


def test_chain_size_decides_how_many_classes_there_are() -> None:
    assert [len(size_classes(chain_size)) for chain_size in (4, 8, 16)] == [69, 119, 192]


@pytest.mark.parametrize(
    ("chain_size", "huge"),
    [*enumerate([3257, 3401, 3497, 3577, 3625, 3673, 3705, 3737, 3769, 3785, 3801, 3833, 3833], 4)],
)
def test_chain_size_decides_from_where_zram_keeps_a_page_as_it_is(
    chain_size: int, huge: int
) -> None:
    assert huge_class_size(size_classes(chain_size)) == huge


def test_kernel_6_1_has_its_own_huge_threshold() -> None:
    assert huge_class_size(size_classes(rules=kernels.get("6.1").zsmalloc)) == 3257


@pytest.mark.parametrize("classes", ALL_CLASSES)
def test_huge_objects_and_only_they_take_a_page_each(classes: tuple[SizeClass, ...]) -> None:
    huge, page_size = huge_class_size(classes), classes[-1].size
    assert filled({huge: 1000}, classes) == 1000
    assert filled({page_size: 1000}, classes) == 1000
    assert filled({huge - 1: 1000}, classes) < 1000


@pytest.mark.parametrize("classes", ALL_CLASSES)
def test_an_object_goes_to_the_smallest_class_that_takes_it_and_its_handle(
    classes: tuple[SizeClass, ...],
) -> None:
    for c, larger in itertools.pairwise(classes):
        assert c.size < larger.size
        assert filled({c.size - ZS_HANDLE_SIZE: c.objs_per_zspage}, classes) == c.pages_per_zspage
        assert filled({c.size - ZS_HANDLE_SIZE + 1: 1}, classes) == larger.pages_per_zspage


@pytest.mark.parametrize(
    ("chain_size", "page_size"), [(3, 4096), (17, 4096), (8, 2048), (8, 12288)]
)
def test_what_no_kernel_is_built_with_is_refused(chain_size: int, page_size: int) -> None:
    with pytest.raises(ValueError, match=r"is not"):
        Pool(chain_size, page_size)


# ---- filling ------------------------------------------------------------------------------------


def recorded_fills() -> list[Any]:
    return [
        pytest.param(row, id="-".join(row[key] for key in ("kernel", "design", "corpus", "comp")))
        for row in load_case("kernel-fills.json.xz")
        if row.get("zpool", "zsmalloc") == "zsmalloc"
    ]


@pytest.mark.parametrize("row", recorded_fills())
def test_a_recorded_fill_takes_the_kernels_pages(row: dict[str, Any]) -> None:
    stored = [length for length in row["lens"] if 0 < length <= PAGE_SIZE]
    if row["design"] == "zram":
        recorded = row["mm_stat"]["mem_used_total"]
        huge = huge_class_size(size_classes(rules=kernels.get(row["kernel"]).zsmalloc))
        stored = [PAGE_SIZE if length >= huge else length for length in stored]
    else:
        recorded = row["debugfs"]["pool_total_size"]
    pool = Pool(rules=kernels.get(row["kernel"]).zsmalloc)
    for length in stored:
        pool.malloc(length)
    assert pool.pages * PAGE_SIZE == recorded
    assert (
        filled(Counter(stored), size_classes(rules=kernels.get(row["kernel"]).zsmalloc))
        == pool.pages
    )
    if "classes" in row:
        assert [
            [c.index, c.size, c.pages_per_zspage, c.obj_allocated, c.obj_used, c.pages_used]
            for c in pool.classes()
            if c.pages_used
        ] == row["classes"]


@given(st.lists(st.integers(1, PAGE_SIZE), max_size=200), all_rules)
def test_filling_by_length_equals_one_by_one(stored: list[int], rules: ZsmallocRules) -> None:
    pool, filling = Pool(rules=rules), Filling(size_classes(rules=rules))
    for length in stored:
        pool.malloc(length)
        filling.store(length)
        assert filling.pages == pool.pages
    assert filled(Counter(stored), size_classes(rules=rules)) == pool.pages


@pytest.mark.parametrize(("length", "error"), [(-1, ValueError), (0, ValueError), (4097, TooLarge)])
def test_a_length_that_no_kernel_stores_is_refused(length: int, error: type[ValueError]) -> None:
    pool, filling = Pool(), Filling(size_classes())
    with pytest.raises(error, match=f"{length} bytes"):
        pool.malloc(length)
    with pytest.raises(error, match=f"{length} bytes"):
        filling.store(length)
    assert (pool.pages, filling.pages) == (0, 0)


# ---- freeing ------------------------------------------------------------------------------------


class Plain:
    """mm/zsmalloc.c as slow as it can be said: lists are lists, and a zspage is its use count."""

    def __init__(self, rules: ZsmallocRules) -> None:
        self.is_6_1 = rules == kernels.get("6.1").zsmalloc
        self.rules = rules
        self.size_classes = size_classes(rules=rules)
        self.lists: dict[SizeClass, list[list[list[int]]]] = {
            c: [[] for _ in self.rules.fullness_groups] for c in self.size_classes
        }
        self.live: list[tuple[SizeClass, list[int]]] = []

    def change(self, c: SizeClass, zspage: list[int], by: int) -> None:
        def group() -> list[list[int]]:
            return self.lists[c][FULLNESS[self.rules.fullness](zspage[0], c.objs_per_zspage)]

        old = group()
        zspage[0] += by
        new = group()
        if new is old:
            return
        old[:] = [other for other in old if other is not zspage]
        if zspage[0]:
            behind = self.is_6_1 and new and zspage[0] < new[0][0]
            new.insert(1 if behind else 0, zspage)

    def malloc(self, length: int) -> None:
        c = next(c for c in self.size_classes if c.size >= min(length + 8, PAGE_SIZE))
        candidates = [zspage for group in reversed(self.lists[c][:-1]) for zspage in group]
        zspage = candidates[0] if candidates else [0]
        self.change(c, zspage, 1)
        self.live.append((c, zspage))

    def free(self, position: int) -> None:
        self.change(*self.live.pop(position), -1)

    def classes(self) -> list[ClassStat]:
        stats = []
        for c, groups in self.lists.items():
            zspages = [zspage[0] for group in groups for zspage in group]
            unused = len(zspages) * c.objs_per_zspage - sum(zspages)
            stats.append(
                ClassStat(
                    index=c.index,
                    size=c.size,
                    fullness=tuple(map(len, groups)),
                    obj_allocated=len(zspages) * c.objs_per_zspage,
                    obj_used=sum(zspages),
                    pages_used=len(zspages) * c.pages_per_zspage,
                    pages_per_zspage=c.pages_per_zspage,
                    freeable=unused // c.objs_per_zspage * c.pages_per_zspage,
                )
            )
        return stats


@given(steps, all_rules)
def test_any_sequence_leaves_every_class_as_plain_lists_do(
    sequence: list[int | float], rules: ZsmallocRules
) -> None:
    pool, plain = Pool(rules=rules), Plain(rules)
    handles: list[int] = []
    for step in sequence:
        if isinstance(step, int):
            plain.malloc(step)
            handles.append(pool.malloc(step))
        elif handles:
            position = int(step * len(handles))
            plain.free(position)
            pool.free(handles.pop(position))
    stats = pool.classes()
    assert list(stats) == plain.classes()
    assert sum(c.pages_used for c in stats) == pool.pages
    assert sum(c.obj_used for c in stats) == len(set(handles)) == len(handles)


@given(st.lists(st.integers(1, PAGE_SIZE), max_size=100), all_rules, st.randoms())
def test_a_pool_holds_what_is_in_it_and_empties_in_any_order(
    stored: list[int], rules: ZsmallocRules, random: Any
) -> None:
    pool = Pool(rules=rules)
    live = [(pool.malloc(length), length) for length in stored]
    random.shuffle(live)
    while live:
        assert pool.pages * PAGE_SIZE >= sum(length for _, length in live)
        pool.free(live.pop()[0])
    assert pool.pages == 0
    assert not any(c.obj_allocated or any(c.fullness) for c in pool.classes())


def test_only_handles_of_live_objects_can_be_freed() -> None:
    pool = Pool()
    handle, other = pool.malloc(100), pool.malloc(100)
    pool.free(handle)
    for wrong in (handle, 0, -1, -other, other + 1):
        with pytest.raises(ValueError, match="no live object"):
            pool.free(wrong)
    assert sum(c.obj_used for c in pool.classes()) == 1


def test_zsmalloc_is_an_allocator_that_evicts_nothing() -> None:
    pool: Allocator = Pool()
    assert not isinstance(pool, Evictable)


def test_a_live_object_costs_less_than_a_hundred_bytes() -> None:
    pool = Pool()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            pool.malloc(1 + number * 7 % PAGE_SIZE)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / 20_000 < 100


def test_a_large_pool_can_be_dropped() -> None:
    pool = Pool()
    for _ in range(200_000):
        pool.malloc(PAGE_SIZE)
    assert pool.pages == 200_000
    del pool  # its zspages are one chain: taking it apart must not recurse
    gc.collect()
