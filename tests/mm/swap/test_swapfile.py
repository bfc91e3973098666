# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels' own slots over all areas: each given once, caches and turns as they have them.

Linux 6.18's are compared slot by slot with a running kernel in tests/kernel/test_slots.py.
"""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap import kernels
from ghostswap.mm.swap.slot_map import NO_SLOT
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.swap.swapfile import ExactSwapSpace

KERNELS = ("6.1", "6.6", "6.12", "6.18")
AREAS = st.lists(
    st.builds(
        SwapArea,
        st.just("a"),
        st.sampled_from(["full", "ghost"]),
        st.sampled_from([1, 5, 511, 512, 700, 1500]),
        st.sampled_from([None, 3, 3, 4]),
        st.sampled_from([(), (1,), (1, 2, 5)]),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ).filter(lambda area: all(page <= area.pages for page in area.badpages)),
    min_size=1,
    max_size=3,
)
STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 300), st.integers(0, 1), st.sampled_from([0, 0, 4, 9])),
    max_size=30,
)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=40, deadline=None)
@given(areas=AREAS, steps=STEPS, seed=st.integers(0, 3))
def test_each_slot_is_given_once(
    kernel: str, areas: list[SwapArea], steps: list[tuple[bool, int, int, int]], seed: int
) -> None:
    """Never the header, never a bad page, none twice; in the end every slot there is."""
    space = ExactSwapSpace(areas, kernels.get(kernel).swap, cpus=2, seed=seed)
    taken: list[int] = []
    for is_alloc, count, cpu, order in steps:
        for _ in range(count):
            if not is_alloc:
                if taken:
                    space.free(taken.pop((count * 7) % len(taken)), cpu)
            elif (slot := space.alloc(cpu=cpu, order=order)) != NO_SLOT:
                taken += range(slot, slot + (1 << order))
    # Free slots that caches hold must come out, too: the CPU that has them wants them.
    while (slot := space.alloc(cpu=0)) != NO_SLOT:
        taken.append(slot)
    while (slot := space.alloc(cpu=1)) != NO_SLOT:
        taken.append(slot)
    places = [space.locate(slot) for slot in taken]
    assert len(set(places)) == len(places)
    for number, area in enumerate(areas):
        pages = {page for at, page in places if at == number}
        left = set(range(1, space.maps[number].max)) - set(area.badpages) - pages
        assert pages.isdisjoint({0, *area.badpages})
        # Until 6.11 a CPU without a free cluster does not look at the very slot it starts from.
        assert len(left) <= (kernel in ("6.1", "6.6") and not area.seeks)
        assert space.areas[number].inuse_pages == len(pages) == (area.pages or 0) - len(left)
    for slot in taken:
        space.free(slot)


@pytest.mark.parametrize(
    ("kernel", "first"),
    [
        ("6.1", [("a", 64), ("b", 64), ("a", 64), ("b", 64)]),
        ("6.12", [("a", 64), ("b", 64), ("a", 64), ("b", 64)]),
        ("6.18", [("a", 511), ("b", 511), ("a", 512), ("b", 512)]),
    ],
)
def test_equal_areas_take_turns(kernel: str, first: list[tuple[str, int]]) -> None:
    """A batch for each CPU until 6.14; since then a cluster, of which the first has the header."""
    areas = [SwapArea(path, "full", 4096 - 1, 5) for path in "ab"]
    space = ExactSwapSpace(areas, kernels.get(kernel).swap)
    slots = [space.alloc() for _ in range(sum(count for _, count in first))]
    paths = [space.area_of(slot).path for slot in slots if slot != NO_SLOT]
    assert [(path, len(list(same))) for path, same in groupby(paths)] == first


def test_a_cpu_takes_a_batch_and_gives_it_back_when_slots_are_few() -> None:
    """SWAP_SLOTS_CACHE_SIZE: what a CPU holds counts as used; below 2 x 64 a CPU none does."""
    space = ExactSwapSpace([SwapArea("a", "full", 1000)], kernels.get("6.12").swap, cpus=2)
    (area,) = space.areas
    space.alloc(cpu=0)
    assert area.inuse_pages == 64
    space.alloc(cpu=1)
    assert area.inuse_pages == 128
    for count in range(3, 1001):
        assert space.alloc(cpu=0) != NO_SLOT
        held = area.inuse_pages - count
        assert 0 <= held < 128
        assert 1000 - area.inuse_pages >= 256 or not held or area.inuse_pages % 64 == 0
    assert area.inuse_pages == 1000
    assert space.alloc() == NO_SLOT


def test_6_12_keeps_freed_slots_back() -> None:
    """A CPU's freed slots go back when there are 64 and one more comes; with 6.18 at once."""
    for kernel, used in (("6.12", [128, 128, 64]), ("6.18", [65, 1, 0])):
        space = ExactSwapSpace([SwapArea("a", "full", 2000)], kernels.get(kernel).swap)
        (area,) = space.areas
        slots = [slot for slot in (space.alloc() for _ in range(65)) if slot != NO_SLOT]
        counts = [area.inuse_pages]
        for slot in slots[:64]:
            space.free(slot)
        counts.append(area.inuse_pages)
        space.free(slots[64])
        counts.append(area.inuse_pages)
        assert counts == used


def test_a_forbidden_current_cluster_is_left() -> None:
    """swap.tiers filters the CPU's one current cluster, too, so areas by turns cost clusters."""
    areas = [SwapArea("a", "full", 2000, 9), SwapArea("b", "full", 2000, 1)]
    space = ExactSwapSpace(areas, kernels.get("6.18").swap)
    space.areas[0].tier_mask, space.areas[1].tier_mask = 1, 2
    slots = [space.alloc(mask) for mask in (3, 2, 3, 1, 2, 4)]
    found = [None if slot == NO_SLOT else space.locate(slot) for slot in slots]
    assert found == [(0, 1), (1, 1), (1, 2), (0, 1536), (1, 1536), None]


def test_an_area_needs_a_size() -> None:
    with pytest.raises(ValueError, match="no area"):
        ExactSwapSpace([SwapArea("a", "full")], kernels.get("6.18").swap)
    with pytest.raises(ValueError, match="bad"):
        ExactSwapSpace([SwapArea("a", "full", 10, badpages=(12,))], kernels.get("6.18").swap)


@pytest.mark.parametrize("kernel", ["6.12", "6.18"])
def test_each_cpu_has_clusters_of_its_own(kernel: str) -> None:
    """So many CPUs, so many clusters begun, each with its table."""
    used = []
    for cpus in (1, 4):
        space = ExactSwapSpace(
            [SwapArea("a", "full", 1 << 16)], kernels.get(kernel).swap, cpus=cpus
        )
        for _ in range(4 * 32):
            space.alloc()
        (stat,) = space.slots()
        assert stat is not None
        used.append(stat.used)
    assert used[1] - used[0] == 3
