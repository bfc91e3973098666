# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects virtual swap: places on disk are taken, and charged, when a page is written.

After the cover letters of vswap v6 and its swap table edition (mm/vswap.h).
"""

from __future__ import annotations

import pytest
from support.machine import PAGE, PLAIN, RANDOM, ZERO, Machine, disk, ghost

from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.vmscan.pageout import Origin, Out

DESIGNS = ("vswap", "vswap-ste")


@pytest.mark.parametrize("design", DESIGNS)
def test_no_slot_is_taken_and_nothing_charged_for_what_is_in_memory(design: str) -> None:
    machine = Machine(design, (ZERO, PLAIN, RANDOM), areas=[disk(99)])
    machine.out(0, 1, 2)
    assert machine.areas[0].inuse_pages == machine.cgroups[0].swap_pages == 0
    assert machine.zswap["stored_pages"] == 2


@pytest.mark.parametrize("design", DESIGNS)
def test_writeback_takes_a_slot_then_and_not_before(design: str) -> None:
    """20 % of 40 pages are 8; the ninth is refused, written, and wakes the worker."""
    machine = Machine(design, [4000] * 9, ram=40 * PAGE, areas=[disk(99)])
    machine.out(*range(8))
    assert machine.areas[0].inuse_pages == 0
    assert machine.out(8) == Out.WRITING
    assert machine.zswap["written_back_pages"] == 1
    assert machine.place(0) == Origin.DISK
    assert machine.areas[0].inuse_pages == machine.cgroups[0].swap_pages == 2
    assert machine.backend.vmstat.pswpout == machine.areas[0].writes == 2


def test_with_no_slot_left_an_entry_stays_where_it_is() -> None:
    machine = Machine("vswap", [4000] * 20, ram=40 * PAGE, areas=[disk(3)])
    machine.out(*range(20))
    assert machine.areas[0].inuse_pages == 3
    on_disk = [page for page in range(20) if machine.place(page) == Origin.DISK]
    in_zswap = [page for page in range(20) if machine.place(page) == Origin.ZSWAP]
    assert len(on_disk) == 3
    assert len(in_zswap) == machine.zswap["stored_pages"]
    assert machine.zswap["reject_reclaim_fail"] > 0
    assert machine.backend.no_slot[0] == machine.backend.kept_pages == 20 - 3 - len(in_zswap)


def test_with_no_disk_at_all_zswap_works_and_then_pages_stay() -> None:
    """Rows 2 and 6: nothing to size."""
    machine = Machine("vswap", [4000] * 20, ram=40 * PAGE)
    machine.out(*range(20))
    assert machine.areas == ()
    assert machine.zswap["stored_pages"] == 8
    assert machine.backend.kept_pages == 12
    assert machine.backend.has_room(), "virtual slots never end"


def test_swap_max_limits_the_disk_only() -> None:
    cgroup = Cgroup(swap_max=2 * PAGE)
    machine = Machine("vswap", [4000] * 20, ram=40 * PAGE, areas=[disk(99)], cgroups=[cgroup])
    machine.out(*range(20))
    assert cgroup.swap_pages == machine.areas[0].inuse_pages == 2
    assert machine.zswap["stored_pages"] >= 7


def test_swap_max_0_leaves_zswap_at_work() -> None:
    """Row 21, and the complaint of 2023: over a swapfile there would be no zswap."""
    cgroup = Cgroup(swap_max=0)
    machine = Machine("vswap", (PLAIN, ZERO), areas=[disk(9)], cgroups=[cgroup])
    assert machine.sent(0) == Origin.ZSWAP
    assert machine.sent(1) == Origin.ZERO
    assert cgroup.zswap_bytes == PLAIN
    assert Machine("classic", (PLAIN,), cgroups=[Cgroup(swap_max=0)]).sent() is None


def test_a_slot_on_disk_is_given_back_when_its_copy_is_stale() -> None:
    """And kept while the page in memory is clean, so that it leaves without a write."""
    machine = Machine("vswap", [PLAIN], areas=[disk(99)], cgroups=[Cgroup(zswap_max=0)])
    assert machine.out(0) == Out.WRITING
    assert machine.back(0) == Origin.DISK
    assert machine.cgroups[0].swap_pages == 1
    assert machine.out(0) == Out.FREED
    assert machine.areas[0].writes == 1
    machine.back(0)
    machine.cgroups[0].zswap_max = None
    machine.write(0)
    assert machine.sent(0) == Origin.ZSWAP
    assert machine.cgroups[0].swap_pages == machine.areas[0].inuse_pages == 0


def test_slots_on_disk_are_given_back_at_swap_in_when_more_than_half_are_taken() -> None:
    machine = Machine("vswap", [PLAIN] * 9, areas=[disk(10)], cgroups=[Cgroup(zswap_max=0)])
    machine.out(*range(6))
    machine.back(0)
    assert machine.areas[0].inuse_pages == 5
    machine.back(1)
    assert machine.areas[0].inuse_pages == 5


def test_a_killed_group_gives_all_back() -> None:
    machine = Machine("vswap", [4000] * 12, ram=40 * PAGE, areas=[disk(99)])
    machine.out(*range(12))
    machine.backend.forget(0, 12)
    cgroup = machine.cgroups[0]
    assert (cgroup.swap_pages, cgroup.zswapped, cgroup.zswap_bytes) == (0, 0, 0)
    assert machine.areas[0].inuse_pages == machine.zswap["pool_total_size"] == 0


def test_whatever_is_in_zswap_can_be_written_back_and_ghosts_are_of_no_use() -> None:
    machine = Machine("vswap", [PLAIN], areas=[ghost(9), disk(9)])
    machine.out(0)
    assert [area.type for area in machine.areas] == ["full"]
    assert machine.backend.can_write_back(0)


def test_the_shrinker_offers_nothing_where_no_slot_on_disk_is_free() -> None:
    """v6 15/22: "do not start zswap shrinker if there is no physical swap slots"."""
    for areas, offers in (([], False), ([disk(1)], True)):
        machine = Machine("vswap", [PLAIN] * 50, areas=areas)
        machine.out(*range(50))
        assert machine.parts.zswap is not None
        assert (machine.parts.zswap.shrinker_count() > 0) is offers
    classic = Machine("classic", [PLAIN] * 50, areas=[disk(50)])
    classic.out(*range(50))
    assert classic.parts.zswap is not None
    assert classic.parts.zswap.shrinker_count() > 0, "every entry has its own"
