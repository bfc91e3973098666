# SPDX-License-Identifier: GPL-2.0-or-later
"""Areas: whose turn it is, what a mask leaves, and what is counted over all of them."""

from __future__ import annotations

from itertools import groupby

import pytest

from ghostswap import kernels
from ghostswap.mm.swap.in_order import ALL_TIERS, SwapInfo, SwapSpace
from ghostswap.mm.swap.slot_map import RULES
from ghostswap.mm.swap.tiers import Tiers


def turns(space: SwapSpace, count: int, mask: int = ALL_TIERS) -> list[tuple[str, int]]:
    """The areas that *count* slots come from, one after the other, and how many of each."""
    slots = [space.alloc(mask) for _ in range(count)]
    paths = ["" if slot is None else space.area_of(slot).path for slot in slots]
    return [(path, len(list(same))) for path, same in groupby(paths)]


def test_rules_for_every_kernel() -> None:
    assert RULES.keys() == kernels.KERNELS.keys()


def test_higher_priorities_first() -> None:
    """swapon gives -2, -3, … to those that were given none, and to no other."""
    space = SwapSpace(
        [
            SwapInfo("a", "full", 3),
            SwapInfo("b", "full", 2, prio=7),
            SwapInfo("c", "full", 2),
            SwapInfo("d", "full", 1, prio=-1),
        ]
    )
    assert [area.prio for area in space.areas] == [-2, 7, -3, -1]
    assert turns(space, 10) == [("b", 2), ("d", 1), ("a", 3), ("c", 2), ("", 2)]


@pytest.mark.parametrize(("kernel", "solid", "disk"), [("6.12", 64, 64), ("6.18", 512, 1)])
def test_equal_priorities_take_turns(kernel: str, solid: int, disk: int) -> None:
    """Until 6.14 after each batch for a CPU, then with each cluster, or page where disks seek."""
    kinds = {"a": False, "b": True, "c": False}
    areas = [SwapInfo(path, "full", 5000, 3, rotational=kind) for path, kind in kinds.items()]
    space = SwapSpace(areas, RULES[kernel])
    round_ = [("a", solid), ("b", disk), ("c", solid)]
    assert turns(space, 2 * sum(count for _, count in round_)) == round_ * 2
    assert space.alloc_run(5) is None


def test_a_full_area_loses_its_turn() -> None:
    areas = [SwapInfo("a", "full", 10, 3), SwapInfo("b", "full", 2000, 3)]
    assert turns(SwapSpace(areas), 2011) == [("a", 10), ("b", 2000), ("", 1)]


def test_a_ghost_never_seeks() -> None:
    """It says that it is solid state, whatever its file lies on."""
    assert not SwapInfo("a", "ghost", 10, rotational=True).seeks
    assert SwapInfo("a", "full", 10, rotational=True).seeks


def test_bad_pages_are_never_given() -> None:
    """Page numbers count the header as 0; slots are numbered from the page after it."""
    space = SwapSpace([SwapInfo("a", "full", 5, badpages=(1, 4, 5)), SwapInfo("b", "full", 2)])
    slots = [space.alloc() for _ in range(8)]
    assert slots == [1, 2, 5, 6, 7, 8, 9, None]
    assert [space.locate(slot) for slot in (7, 8)] == [(0, 7), (1, 0)]
    space.free(7)
    space.free(2)
    assert space.alloc_run(1) is None
    assert [space.alloc(), space.alloc()] == [2, 7]


def test_a_mask_leaves_tiers_out() -> None:
    """A page that may not use a tier with room is refused, and it says why."""
    areas = [SwapInfo("ssd", "full", 4, 100), SwapInfo("hdd", "full", 3, 50)]
    tiers = Tiers(areas)
    tiers.write("+fast:100 +slow:-1")
    fast, slow = (tier.mask for tier in tiers.active)
    space = SwapSpace(areas)
    assert turns(space, 2, slow) == [("hdd", 2)]
    assert turns(space, 3, fast | slow) == [("ssd", 3)]
    assert turns(space, 1, 0) == [("", 1)]
    assert turns(space, 3, slow) == [("hdd", 1), ("", 2)]
    uses = space.tiers()
    assert (uses[fast].inuse_pages, uses[fast].masked, uses[fast].full) == (3, 3, 0)
    assert (uses[slow].inuse_pages, uses[slow].masked, uses[slow].full) == (3, 1, 2)


def test_real_swapfiles_have_a_disk_and_a_free_slot() -> None:
    """The RFC counts those on the list of available areas: a full one drops out."""
    space = SwapSpace(
        [SwapInfo("a", "full", 2), SwapInfo("b", "ghost", 9), SwapInfo("c", "full", 1, 5)]
    )
    counts = [space.nr_real_swapfiles()]
    for _ in range(4):
        space.alloc()
        counts.append(space.nr_real_swapfiles())
    assert counts == [2, 1, 1, 0, 0]
    space.free(0)
    assert space.nr_real_swapfiles() == 1


def test_swap_is_full_when_more_than_half_is_taken() -> None:
    space = SwapSpace([SwapInfo("a", "full", 3), SwapInfo("b", "ghost", 5)])
    full = []
    for _ in range(5):
        space.alloc()
        full.append(space.vm_swap_full())
    assert full == [False, False, False, False, True]
    imagined = SwapSpace([SwapInfo("a", "full")])
    imagined.alloc()
    assert not imagined.vm_swap_full()
