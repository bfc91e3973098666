# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects slots of real areas: when a page takes one, keeps it, gives it back; what is clean."""

from __future__ import annotations

import pytest
from support.machine import PAGE, PLAIN, RANDOM, ZERO, Machine, disk, ghost

from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.vmscan.pageout import Origin, Out


def test_a_clean_page_with_a_good_copy_on_disk_leaves_without_a_write() -> None:
    machine = Machine("disk", (PLAIN,))
    machine.out(0)
    assert machine.back(0) == Origin.DISK
    assert machine.out(0) == Out.FREED
    assert machine.backend.vmstat.pswpout == machine.areas[0].writes == 1
    assert machine.backend.swap_outs == [1]
    assert machine.back(0) == Origin.DISK
    machine.write(0)
    assert machine.out(0) == Out.WRITING
    assert (machine.areas[0].writes, machine.areas[0].written_pages) == (2, 1), "the same slot"


def test_a_clean_page_of_zeros_is_noted_only_once() -> None:
    machine = Machine("classic", (ZERO,))
    for _ in range(3):
        machine.out(0)
        machine.back(0)
    assert (machine.backend.vmstat.swpout_zero, machine.backend.vmstat.swpin_zero) == (1, 3)


@pytest.mark.parametrize(("kernel", "stores"), [("6.1", 1), ("6.6", 1), ("6.12", 3), ("6.18", 3)])
def test_an_exclusive_load_costs_another_store(kernel: str, stores: int) -> None:
    """6.1 and 6.6 keep the copy, which serves as long as the page is not written to."""
    machine = Machine("classic", (PLAIN,), kernel=kernel)
    for _ in range(3):
        machine.out(0)
        assert machine.back(0) == Origin.ZSWAP
    counters = machine.parts.zswap and machine.parts.zswap.counters
    assert counters is not None
    assert (counters.zswpout, counters.zswpin) == (stores, 3)
    assert machine.zswap["stored_pages"] == (kernel in ("6.1", "6.6"))
    machine.write(0)
    machine.out(0)
    assert counters.zswpout == stores + 1
    assert machine.zswap["stored_pages"] == 1, "the stale copy went"


def test_a_page_back_in_memory_keeps_its_slot_while_swap_is_at_most_half_full() -> None:
    """``vm_swap_full()``: from more than half on a page gives it back as it comes in."""
    machine = Machine("disk", [PLAIN] * 100, areas=[disk(100)])
    machine.out(*range(50))
    machine.back(0)
    assert machine.swap.inuse_pages == 50
    machine.out(50)  # now more than half
    machine.back(1)
    assert machine.swap.inuse_pages == 50
    machine.back(2)
    assert machine.swap.inuse_pages == 50, "half again"
    assert machine.backend.origin_of(1) is None, "without a slot there is no copy"
    machine.out(0)
    writes = machine.areas[0].writes
    machine.out(1)
    assert machine.areas[0].writes == writes + 1


def test_half_of_swap_max_counts_as_full_at_any_level() -> None:
    """``mem_cgroup_swap_full()``: usage * 2 >= max, here or further up."""
    for cgroup in (
        Cgroup(swap_max=10 * PAGE),
        Cgroup(parent=Cgroup(swap_max=10 * PAGE)),
    ):
        machine = Machine("disk", [PLAIN] * 10, cgroups=[cgroup])
        machine.out(*range(4))
        machine.back(0)
        assert cgroup.swap_pages == 4
        machine.out(4)
        machine.back(1)
        assert cgroup.swap_pages == 4


def test_swap_max_is_exact_and_counts_slots_wherever_the_page_is() -> None:
    """Zeros, zswap and disk alike: one that has no slot left cannot leave."""
    cgroup = Cgroup(swap_max=3 * PAGE)
    machine = Machine("classic", (ZERO, PLAIN, RANDOM, PLAIN), kernel="6.12", cgroups=[cgroup])
    machine.out(0, 1, 2)
    assert machine.out(3) == Out.ACTIVATE
    assert machine.backend.no_slot == [1]
    assert machine.backend.refused == [0]
    assert cgroup.swap_pages == 3
    assert not cgroup.has_swap()


def test_with_swap_max_0_zswap_gets_nothing_at_all() -> None:
    machine = Machine("classic", [PLAIN], cgroups=[Cgroup(swap_max=0)])
    assert machine.out(0) == Out.ACTIVATE
    assert machine.zswap["stored_pages"] == 0


def test_with_no_disk_space_nothing_leaves_zswap_over_a_swapfile() -> None:
    """Row 2 of what the list discussed: every page is refused for want of a slot."""
    machine = Machine("classic", [PLAIN] * 20, areas=[disk(10)])
    machine.out(*range(20))
    assert machine.backend.no_slot == [10]
    assert machine.backend.kept_pages == 10
    assert machine.zswap["stored_pages"] == 10


def test_when_swap_is_full_slots_of_pages_in_memory_are_taken_from_them() -> None:
    """``swap_reclaim_full_clusters()``: what only the swap cache holds can go."""
    machine = Machine("disk", [PLAIN] * 12, areas=[disk(10)])
    machine.out(*range(5))
    machine.back(0, 1)  # half full: they keep theirs
    machine.out(*range(5, 12))
    assert machine.backend.no_slot == [0]
    assert machine.swap.inuse_pages == 10
    assert machine.backend.origin_of(0) is machine.backend.origin_of(1) is None
    assert machine.backend.has_room() is False
    assert machine.out(0) == Out.ACTIVATE


def test_a_killed_group_gives_slots_copies_and_charges_back() -> None:
    above = Cgroup()
    groups = [Cgroup(parent=above), Cgroup(parent=above)]
    pages = [ZERO, PLAIN, RANDOM, PLAIN] * 2
    machine = Machine("classic", pages, kernel="6.12", cgroups=groups, group_of=[0] * 4 + [1] * 4)
    machine.out(*range(8))
    machine.back(3)
    machine.backend.forget(0, 4)
    assert (groups[0].swap_pages, groups[0].zswapped, groups[0].zswap_bytes) == (0, 0, 0)
    assert (above.swap_pages, above.zswapped, above.zswap_bytes) == (4, 2, 2 * PLAIN)
    assert machine.zswap["stored_pages"] == 2
    assert machine.place(5) == Origin.ZSWAP


@pytest.mark.parametrize("kernel", ["6.1", "6.6"])
def test_freed_slots_and_their_entries_stay_until_the_65th(kernel: str) -> None:
    """``slots_ret``: kept back by 64, flushed by one more."""
    machine = Machine("classic", [PLAIN] * 65, kernel=kernel)
    machine.out(*range(65))
    machine.backend.forget(0, 64)
    assert machine.zswap["stored_pages"] == 65
    machine.backend.forget(64, 1)
    assert machine.zswap["stored_pages"] == 1


def test_writeback_moves_the_page_to_its_own_slot_and_counts_as_a_write() -> None:
    """zswpwb pages are in pswpout, too; no slot is taken for it."""
    machine = Machine("classic", [4000] * 9, ram=40 * PAGE)
    machine.out(*range(8))
    slots = machine.cgroups[0].swap_pages
    machine.out(8)  # meets the limit of 8 pages, goes to disk, and wakes the worker
    # Down to 90 % of 8 = 7 pages, each entry's second chance first.
    assert machine.zswap["written_back_pages"] == 1
    assert machine.place(0) == Origin.DISK, "the coldest goes first"
    assert machine.backend.vmstat.pswpout == 2
    assert machine.areas[0].writes == machine.areas[0].written_pages == 2
    assert machine.cgroups[0].swap_pages == slots + 1
    assert machine.back(0) == Origin.DISK
    assert machine.backend.vmstat.pswpin == 1
    assert machine.cgroups[0].nr_disk_swapins == 1


def test_memory_zswap_writeback_0_stops_writeback_as_well() -> None:
    machine = Machine("classic", [4000] * 9, ram=40 * PAGE, cgroups=[Cgroup(zswap_writeback=False)])
    machine.out(*range(9))
    assert machine.zswap["written_back_pages"] == machine.backend.vmstat.pswpout == 0
    assert machine.backend.refused == [1]
    assert machine.cgroups[0].swap_pages == 9, "the page keeps its slot"


def test_zswap_max_writes_the_groups_own_pages_back() -> None:
    """From 6.8 on a store at the limit first gives one entry its chance, then writes one."""
    cgroups = [Cgroup(zswap_max=PAGE), Cgroup()]
    machine = Machine(
        "classic", [PLAIN] * 9, kernel="6.12", cgroups=cgroups, group_of=[1] + [0] * 8
    )
    machine.out(*range(9))
    assert machine.place(0) == Origin.ZSWAP, "the other group's"
    assert cgroups[0].zswap_bytes // PAGE <= 1
    assert Origin.DISK in [machine.place(page) for page in range(1, 9)]


def test_a_page_refused_by_a_ghost_leaves_once_the_pool_has_room() -> None:
    """The slot that it kept is the one that it has then."""
    machine = Machine("ghost", [4000] * 9, ram=40 * PAGE)
    machine.out(*range(8))
    assert machine.out(8) == Out.ACTIVATE
    machine.back(0)
    assert machine.out(8) == Out.FREED, "7 pages are 90 %"
    assert machine.backend.kept_pages == 0
    assert machine.cgroups[0].swap_pages == 9, "page 0 keeps its own as well"


def test_only_slots_with_a_disk_can_be_written_back_to() -> None:
    machine = Machine("ghost", [PLAIN] * 2, areas=[ghost(10, prio=2), disk(10, prio=1)])
    machine.out(0)
    assert not machine.backend.can_write_back(0)
    assert Machine("classic", []).parts.swap.can_write(0)


def test_zram_can_be_written_back_only_to_a_backing_device() -> None:
    for has_one in (False, True):
        machine = Machine("zram", [PLAIN], zram_backing_dev=PAGE * has_one)
        machine.out(0)
        assert machine.backend.can_write_back(0) is has_one


def test_a_page_is_drawn_anew_only_when_it_was_written_to() -> None:
    """What a page compresses to is its content's, which only a write changes."""
    drawn: list[int] = []

    def redraw(page: int) -> int:
        drawn.append(page)
        return 3000

    machine = Machine("classic", [PLAIN] * 2, redraws=[redraw])
    machine.out(0, 1)  # filled, with what was measured
    machine.back(0, 1)
    machine.write(1)
    machine.out(0, 1)
    assert drawn == [1]
    assert machine.cgroups[0].zswap_bytes == PLAIN + 3000


@pytest.mark.parametrize("zpool", ["zbud", "z3fold"])
def test_an_entry_whose_slot_was_freed_is_nobodys_copy_when_it_is_evicted(zpool: str) -> None:
    """6.1 keeps slots back with their entries, which go to disk as any when zswap is full."""
    machine = Machine("classic", [3900] * 40, kernel="6.1", zpool=zpool, ram=100 * PAGE)
    machine.out(*range(10))
    machine.backend.forget(0, 10)  # all kept back
    machine.out(*range(10, 40))
    assert machine.zswap["written_back_pages"] > 0
    assert [machine.backend.origin_of(page) for page in range(10)] == [None] * 10


@pytest.mark.parametrize("design", ["disk", "classic", "ghost", "vswap"])
def test_pages_of_a_killed_group_are_not_kept_any_more(design: str) -> None:
    cgroup = Cgroup(swap_max=0, zswap_max=0)
    machine = Machine(design, [PLAIN] * 3, cgroups=[cgroup])
    machine.out(*range(3))
    assert machine.backend.kept_pages == 3
    machine.backend.forget(0, 3)
    assert machine.backend.kept_pages == 0
