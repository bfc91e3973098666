# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas: whose turn it is, what a mask leaves, and what is counted over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import pytest
from conftest import load_case

from ghostswap import kernels
from ghostswap.mm.swap.in_order import InOrderSpace
from ghostswap.mm.swap.slot_map import NO_SLOT
from ghostswap.mm.swap.space import SwapSpace
from ghostswap.mm.swap.swap_info import ALL_TIERS, SwapArea
from ghostswap.mm.swap.tiers import Tiers


def in_order(areas: Iterable[SwapArea], kernel: str = "6.18") -> InOrderSpace:
    return InOrderSpace(areas, kernels.get(kernel).swap)


def turns(space: SwapSpace, count: int, mask: int = ALL_TIERS) -> list[tuple[str, int]]:
    """The areas that *count* slots come from, one after the other, and how many of each."""
    slots = [space.alloc(mask) for _ in range(count)]
    paths = ["" if slot == NO_SLOT else space.area_of(slot).path for slot in slots]
    return [(path, len(list(same))) for path, same in groupby(paths)]


def test_higher_priorities_first() -> None:
    """swapon gives -2, -3, … to those that were given none, and to no other."""
    space = in_order(
        [
            SwapArea("a", "full", 3),
            SwapArea("b", "full", 2, prio=7),
            SwapArea("c", "full", 2),
            SwapArea("d", "full", 1, prio=-1),
        ]
    )
    assert [area.prio for area in space.areas] == [-2, 7, -3, -1]
    assert turns(space, 10) == [("b", 2), ("d", 1), ("a", 3), ("c", 2), ("", 2)]


def test_from_6_19_on_areas_without_a_priority_have_one_and_take_turns() -> None:
    """As 7.1.13 and 7.3.4 showed it: -1 for whatever was given none."""
    rows = [row for row in load_case("swapon.json.xz") if not row["flags"]]
    assert {row["prio"] for row in rows if row["kernel"] in ("7.1", "7.3")} - {None} == {-1}
    assert {row["prio"] for row in rows if row["kernel"] == "6.1"} - {None} == {-2}
    areas = [SwapArea("a", "full", 2000), SwapArea("b", "full", 2000), SwapArea("c", "full", 9, 5)]
    for kernel in ("6.19", "7.1", "7.3"):
        space = in_order(areas, kernel)
        assert [area.prio for area in space.areas] == [-1, -1, 5]
        assert turns(space, 9 + 1024) == [("c", 9), ("a", 512), ("b", 512)]


@pytest.mark.parametrize(("kernel", "solid", "disk"), [("6.12", 64, 64), ("6.18", 512, 1)])
def test_equal_priorities_take_turns(kernel: str, solid: int, disk: int) -> None:
    """Until 6.14 after each batch for a CPU, then with each cluster, or page where disks seek."""
    kinds = {"a": False, "b": True, "c": False}
    areas = [SwapArea(path, "full", 5000, 3, rotational=kind) for path, kind in kinds.items()]
    space = in_order(areas, kernel)
    round_ = [("a", solid), ("b", disk), ("c", solid)]
    assert turns(space, 2 * sum(count for _, count in round_)) == round_ * 2
    assert space.alloc_run(5) == NO_SLOT


def test_a_full_area_loses_its_turn() -> None:
    areas = [SwapArea("a", "full", 10, 3), SwapArea("b", "full", 2000, 3)]
    assert turns(in_order(areas), 2011) == [("a", 10), ("b", 2000), ("", 1)]


def test_a_ghost_never_seeks() -> None:
    """It says that it is solid state, whatever its file lies on."""
    assert not SwapArea("a", "ghost", 10, rotational=True).seeks
    assert SwapArea("a", "full", 10, rotational=True).seeks


def test_bad_pages_are_never_given() -> None:
    """A slot's number in its area is its page there, the header being page 0."""
    space = in_order([SwapArea("a", "full", 5, badpages=(1, 4, 5)), SwapArea("b", "full", 2)])
    slots = [space.alloc() for _ in range(8)]
    assert slots == [2, 3, 6, 7, 8, 10, 11, NO_SLOT]
    assert [space.locate(slot) for slot in (8, 10)] == [(0, 8), (1, 1)]
    assert space.slot_at(1, 1) == 10
    space.free(8)
    space.free(3)
    assert space.alloc_run(1) == NO_SLOT
    assert [space.alloc(), space.alloc()] == [3, 8]


def test_a_mask_leaves_tiers_out() -> None:
    """A page that may not use a tier with room is refused, and it says why."""
    areas = [SwapArea("ssd", "full", 4, 100), SwapArea("hdd", "full", 3, 50)]
    space = in_order(areas)
    tiers = Tiers(space.areas)
    tiers.write("+fast:100 +slow:-1")
    fast, slow = (tier.mask for tier in tiers.active)
    assert turns(space, 2, slow) == [("hdd", 2)]
    assert turns(space, 3, fast | slow) == [("ssd", 3)]
    assert turns(space, 1, 0) == [("", 1)]
    assert turns(space, 3, slow) == [("hdd", 1), ("", 2)]
    uses = space.tiers()
    assert (uses[fast].inuse_pages, uses[fast].masked, uses[fast].full) == (3, 3, 0)
    assert (uses[slow].inuse_pages, uses[slow].masked, uses[slow].full) == (3, 1, 2)


def test_real_swapfiles_have_a_disk_and_a_free_slot() -> None:
    """The RFC counts those on the list of available areas: a full one drops out."""
    space = in_order(
        [SwapArea("a", "full", 2), SwapArea("b", "ghost", 9), SwapArea("c", "full", 1, 5)]
    )
    counts = [space.nr_real_swapfiles()]
    for _ in range(4):
        space.alloc()
        counts.append(space.nr_real_swapfiles())
    assert counts == [2, 1, 1, 0, 0]
    space.free(1)
    assert space.nr_real_swapfiles() == 1


def test_swap_is_full_when_more_than_half_is_taken() -> None:
    space = in_order([SwapArea("a", "full", 3), SwapArea("b", "ghost", 5)])
    full = []
    for _ in range(5):
        space.alloc()
        full.append(space.vm_swap_full())
    assert full == [False, False, False, False, True]
    imagined = in_order([SwapArea("a", "full")])
    imagined.alloc()
    assert not imagined.vm_swap_full()
