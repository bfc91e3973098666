# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects where a page goes, by design and kernel, and that no page is ever in two places.

What goes where is from rows 2, 3, 15 to 17 and 21 of the features that the list discussed.
"""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.machine import FILLED, PAGE, PLAIN, RANDOM, ZERO, Machine, disk, ghost

from ghostswap import kernels
from ghostswap.codecs.views import for_zswap
from ghostswap.designs import table
from ghostswap.designs.build import ZRAM_PRIO
from ghostswap.errors import GhostswapError
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.tiers import TierError
from ghostswap.mm.vmscan.pageout import Origin, Out

KERNELS = ("6.1", "6.6", "6.12", "6.18")
KEPT = None


@pytest.mark.parametrize(
    ("design", "kernel", "places"),
    [
        ("disk", "6.1", (Origin.DISK, Origin.DISK, Origin.DISK, Origin.DISK)),
        ("disk", "6.12", (Origin.ZERO, Origin.DISK, Origin.DISK, Origin.DISK)),
        ("disk", "6.18", (Origin.ZERO, Origin.DISK, Origin.DISK, Origin.DISK)),
        ("classic", "6.1", (Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP, Origin.DISK)),
        ("classic", "6.6", (Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP, Origin.DISK)),
        ("classic", "6.12", (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, Origin.DISK)),
        ("classic", "6.18", (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP)),
        ("ghost", "6.1", (Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP, KEPT)),
        ("ghost", "6.12", (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, KEPT)),
        ("ghost", "6.18", (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP)),
        ("ghost-dynamic", "6.18", (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP)),
        ("zram", "6.1", (Origin.ZRAM, Origin.ZRAM, Origin.ZRAM, Origin.ZRAM)),
        ("zram", "6.12", (Origin.ZERO, Origin.ZRAM, Origin.ZRAM, Origin.ZRAM)),
        ("zram", "6.18", (Origin.ZERO, Origin.ZRAM, Origin.ZRAM, Origin.ZRAM)),
        ("vswap", "6.18", (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP)),
        ("vswap-ste", "6.18", (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, Origin.ZSWAP)),
    ],
)
def test_where_zero_filled_plain_and_random_pages_go(
    design: str, kernel: str, places: tuple[Origin | None, ...]
) -> None:
    machine = Machine(design, (ZERO, FILLED, PLAIN, RANDOM), kernel=kernel)
    assert tuple(map(machine.sent, range(4))) == places
    for page, place in enumerate(places):
        if place is not KEPT:
            assert machine.back(page) == place
    ins = machine.backend.swap_ins[0]
    assert {Origin(n): count for n, count in enumerate(ins) if count} == {
        origin: places.count(origin) for origin in set(places) - {KEPT}
    }


@pytest.mark.parametrize("kernel", KERNELS)
def test_zswap_counts_a_same_filled_page_only_where_it_keeps_its_word(kernel: str) -> None:
    """6.1 and 6.6 keep the word, and no pool page; from 6.12 on it is compressed as any."""
    machine = Machine("classic", (FILLED,), kernel=kernel)
    machine.out(0)
    old = kernel in ("6.1", "6.6")
    assert machine.zswap["stored_pages"] == 1
    assert machine.zswap.get("same_filled_pages", 0) == old
    assert (machine.zswap["pool_total_size"] == 0) == old


def test_the_zeromap_takes_a_zero_page_before_anything_else_and_it_still_has_a_slot() -> None:
    machine = Machine("classic", (ZERO,), kernel="6.12")
    machine.out(0)
    assert machine.backend.vmstat.swpout_zero == 1
    assert machine.zswap["stored_pages"] == machine.zswap["pool_total_size"] == 0
    assert machine.cgroups[0].swap_pages == 1
    machine.back(0)
    assert machine.backend.vmstat.swpin_zero == 1
    assert machine.backend.vmstat.pswpin == machine.backend.vmstat.pswpout == 0


@pytest.mark.parametrize(
    ("design", "kernel", "counter"),
    [
        ("classic", "6.1", None),  # counted nowhere
        ("classic", "6.12", "reject_compress_fail"),
        ("ghost", "6.12", "reject_compress_fail"),
        ("classic", "6.18", "stored_incompressible_pages"),
        ("ghost", "6.18", "stored_incompressible_pages"),
        ("vswap", "6.18", "stored_incompressible_pages"),
    ],
)
def test_what_counts_a_page_that_does_not_compress(
    design: str, kernel: str, counter: str | None
) -> None:
    machine = Machine(design, (RANDOM,), kernel=kernel)
    machine.out(0)
    gauges = {"stored_pages", "pool_total_size"}
    found = {name for name, count in machine.zswap.items() if count} - gauges
    assert found == ({counter} if counter else set())
    assert machine.zswap["pool_total_size"] == (PAGE if kernel == "6.18" else 0)


@pytest.mark.parametrize(
    ("design", "kernel"),
    [("classic", "6.12"), ("classic", "6.18"), ("ghost", "6.18"), ("vswap", "6.18")],
)
def test_memory_zswap_writeback_0_keeps_what_does_not_compress_in_memory(
    design: str, kernel: str
) -> None:
    cgroup = Cgroup(parent=Cgroup(zswap_writeback=False))
    machine = Machine(design, (RANDOM, PLAIN), kernel=kernel, areas=[disk(9)], cgroups=[cgroup])
    assert machine.out(0) == Out.ACTIVATE
    assert machine.sent(1) == Origin.ZSWAP
    assert machine.backend.refused == [1]
    assert machine.backend.kept_pages == 1
    assert machine.backend.vmstat.pswpout == 0


def test_memory_zswap_writeback_0_says_nothing_where_zswap_is_off() -> None:
    machine = Machine("disk", (PLAIN,), cgroups=[Cgroup(zswap_writeback=False)])
    assert machine.sent() == Origin.DISK


def test_a_full_pool_sends_pages_to_disk_on_a_disk_and_back_to_memory_on_a_ghost() -> None:
    """20 % of 40 pages are 8; a page of 4,000 bytes has one of them to itself."""
    for design, place in (("classic", Origin.DISK), ("ghost", None)):
        machine = Machine(design, [4000] * 9, ram=40 * PAGE, cgroups=[Cgroup()])
        machine.out(*range(8))
        assert machine.zswap["stored_pages"] == 8
        assert machine.sent(8) is place
        assert machine.zswap["pool_limit_hit"] == 1


def test_a_ghost_is_never_written_to_and_its_pool_never_shrinks() -> None:
    machine = Machine("ghost", [4000] * 50, ram=40 * PAGE)
    machine.out(*range(50))
    assert machine.backend.vmstat.pswpout == machine.zswap["written_back_pages"] == 0
    assert machine.areas[0].writes == 0
    assert machine.backend.kept_pages == 42
    assert machine.areas[0].inuse_pages == 50, "who is refused keeps his slot"
    assert machine.zswap["pool_limit_hit"] == 42
    assert machine.zswap["reject_reclaim_fail"] == 0, "with ghosts only no worker is queued"


def test_writeback_meets_ghost_slots_in_vain_where_a_disk_is_mixed_in() -> None:
    """A ghost's entries are rotated and counted as failures; those with a disk are written."""
    areas = [ghost(5, prio=5), disk(50, prio=1)]
    machine = Machine("ghost", [4000] * 20, ram=40 * PAGE, areas=areas)
    machine.out(*range(20))
    vmstat = machine.backend.vmstat
    assert machine.zswap["reject_reclaim_fail"] > 0
    assert machine.zswap["written_back_pages"] > 0
    assert all(machine.place(page) == Origin.ZSWAP for page in range(5))
    on_disk = [page for page in range(20) if machine.place(page) == Origin.DISK]
    assert len(on_disk) == vmstat.pswpout == machine.areas[1].writes
    stuck = [page for page in range(20) if not machine.backend.can_write_back(page)]
    assert stuck == list(range(5))


def test_a_page_refused_on_a_ghost_stays_though_a_disk_below_has_room() -> None:
    """And with the disk on top it is written."""
    for prio, place in ((1, None), (9, Origin.DISK)):
        areas = [ghost(5, prio=5), disk(50, prio=prio)]
        machine = Machine("ghost", (RANDOM,), kernel="6.12", areas=areas)
        assert machine.sent() is place


def test_equal_priorities_take_turns() -> None:
    areas = [ghost(900, prio=1), disk(900, prio=1)]
    machine = Machine("ghost", [PLAIN] * 600, kernel="6.12", areas=areas)
    machine.out(*range(600))
    assert min(area.inuse_pages for area in machine.areas) > 200


def test_zram_counts_every_page_it_is_written_and_refuses_none() -> None:
    machine = Machine("zram", (ZERO, FILLED, PLAIN, 3624, 3625, RANDOM), kernel="6.12")
    machine.out(*range(6))
    assert machine.backend.vmstat.pswpout == 5
    assert machine.zram["same_pages"] == 1
    assert machine.zram["huge_pages"] == 2
    assert machine.zram["compr_data_size"] == PLAIN + 3624 + 2 * PAGE
    assert machine.areas[0].writes == 0, "a device in memory is no disk"


def test_a_zram_at_its_limit_fails_writes_and_the_pages_stay() -> None:
    machine = Machine("zram", [4000] * 5, zram_mem_limit=3 * PAGE)
    machine.out(*range(5))
    assert [machine.place(page) for page in range(5)] == [Origin.ZRAM] * 3 + [None] * 2
    assert machine.zram["failed_writes"] == machine.backend.refused[0] == 2
    assert machine.backend.vmstat.pswpout == 5, "a write counts when it is submitted"
    assert machine.areas[0].inuse_pages == 5


def test_zram_lies_above_the_disk_and_later_pages_overflow_onto_it() -> None:
    """The priority trap: the first pages, so the coldest, have the memory."""
    machine = Machine(
        "zram", [PLAIN] * 6, areas=[disk(9, prio=ZRAM_PRIO - 1)], zram_disksize=5 * PAGE
    )
    machine.out(*range(6))
    assert [machine.place(page) for page in range(6)] == [Origin.ZRAM] * 4 + [Origin.DISK] * 2
    assert machine.areas[1].writes == 2


def test_what_comes_back_from_zram_gives_its_slot_back_at_once() -> None:
    """``SWP_SYNCHRONOUS_IO``: no swap cache, so nothing to keep a slot; zeros go the same way."""
    machine = Machine("zram", (ZERO, FILLED, PLAIN, RANDOM))
    machine.out(*range(4))
    machine.back(*range(4))
    assert machine.areas[0].inuse_pages == machine.cgroups[0].swap_pages == 0
    assert machine.zram["orig_data_size"] == machine.zram["mem_used_total"] == 0
    machine.out(*range(4))
    assert machine.backend.swap_outs == [8], "there was no copy left"


def test_no_area_is_imagined_where_the_design_has_its_own() -> None:
    for design, type_ in ((name, table.get(name).area) for name in table.RUN):
        own = Machine(design, [PLAIN] * 4, areas=[ghost(7), disk(7)])
        assert {area.path for area in own.areas} <= {
            "/ghost",
            "/disk",
            "zram0",
            "/dev/ghostswap",
            "xswap0",
        }
        imagined = [area.type for area in Machine(design, []).areas if area.type != "zram"]
        assert imagined == ([] if type_ is None else [type_])
    assert [area.type for area in Machine("classic", [], areas=[ghost(7), disk(7)]).areas] == [
        "full"
    ], "a ghost is no use to it"


def test_an_imagined_ghost_lies_above_the_disks_that_are_given() -> None:
    machine = Machine("ghost", (PLAIN,), areas=[disk(7, prio=3)])
    machine.out(0)
    assert [(area.type, area.prio, area.inuse_pages) for area in machine.areas] == [
        ("ghost", 4, 1),
        ("full", 3, 0),
    ]


def test_a_dynamic_ghost_has_eight_times_the_memory_in_slots() -> None:
    machine = Machine("ghost-dynamic", (PLAIN,), ram=1465 << 20, size=None)
    assert machine.areas[0].pages == 8 * (1465 << 20) // PAGE


def test_a_dynamic_ghost_of_a_given_size_has_whole_clusters() -> None:
    """Phase 4, 14/15: as much as memory, rounded up to 512 slots."""
    machine = Machine("ghost-dynamic", (PLAIN,), ram=1465 << 20, size=1465 << 20)
    assert machine.areas[0].pages == 733 * 512


def test_areas_are_left_as_they_were_given_so_that_every_design_starts_afresh() -> None:
    area = disk(7)
    for _ in range(2):
        machine = Machine("disk", (PLAIN,), areas=[area])
        on = machine.areas[0]
        assert (on.inuse_pages, on.writes, on.written_pages, on.prio) == (0, 0, 0, -2)
        machine.out(0)
        assert (on.inuse_pages, on.writes, on.written_pages) == (1, 1, 1)
    assert area == disk(7)


def test_tiers_are_written_and_refused_as_the_kernel_does() -> None:
    area = disk(7, prio=5)
    machine = Machine("disk", (PLAIN,), areas=[area], tiers="+fast:5 +slow:-1")
    assert [tier.name for tier in machine.parts.tiers.active] == ["fast", "slow"]
    with pytest.raises(TierError):
        Machine("disk", (PLAIN,), areas=[area], tiers="+fast:100000")


# Every page in one place, whatever happens

_AREAS: dict[str, Any] = {
    "none": list,
    "disk": lambda: [disk(25)],
    "small disk": lambda: [disk(9, prio=3)],
    "ghost and disk": lambda: [ghost(9, prio=5), disk(9, prio=1)],
    "equals": lambda: [ghost(9, prio=1), disk(9, prio=1), disk(5, prio=1)],
}
_STEPS = st.lists(
    st.tuples(st.sampled_from(["move", "move", "write", "forget"]), st.integers(0, 29)),
    max_size=150,
)


@pytest.mark.parametrize(
    ("design", "kernel"),
    [(d, k) for d in table.RUN for k in KERNELS if table.get(d).is_on(kernels.get(k))],
)
@settings(max_examples=25, deadline=None)
@given(
    pages=st.lists(
        st.sampled_from([ZERO, FILLED, 40, PLAIN, 3000, 4000, RANDOM]), min_size=30, max_size=30
    ),
    areas=st.sampled_from(sorted(_AREAS)),
    ram=st.sampled_from([20, 50, 1 << 18]),
    swap_max=st.sampled_from([None, 0, 5, 12]),
    zswap_max=st.sampled_from([None, 0, 3]),
    writeback=st.booleans(),
    steps=_STEPS,
)
def test_every_page_is_in_one_place_and_all_charges_come_back(
    design: str,
    kernel: str,
    pages: list[int],
    areas: str,
    ram: int,
    swap_max: int | None,
    zswap_max: int | None,
    writeback: bool,
    steps: list[tuple[str, int]],
) -> None:
    parent = Cgroup(swap_max=None if swap_max is None else swap_max * PAGE)
    limited = Cgroup(
        zswap_max=None if zswap_max is None else zswap_max * PAGE,
        zswap_writeback=writeback,
        parent=parent,
    )
    machine = Machine(
        design,
        pages,
        kernel=kernel,
        areas=_AREAS[areas](),
        cgroups=[limited, Cgroup(parent=parent)],
        group_of=[page % 2 for page in range(30)],
        ram=ram * PAGE,
    )
    for what, page in steps:
        if what == "forget":
            machine.resident[page] = 1  # a new page under the old number
            machine.dirty[page] = 1
            machine.backend.forget(page, 1)
        elif not machine.resident[page]:
            machine.back(page)
        elif what == "write":
            machine.write(page)
        else:
            machine.out(page)
        _check(machine, design, pages)
    machine.backend.forget(0, 30)
    kept_back = machine.kernel.swap.slots_returned
    for cgroup in machine.cgroups:
        assert cgroup.swap_pages == 0
        assert cgroup.zswapped <= kept_back
    if kept_back:
        return  # of the last ones, slots and data are still there
    assert machine.backend.kept_pages == 0
    assert all(cgroup.zswap_bytes == 0 for cgroup in machine.cgroups)
    assert machine.swap.inuse_pages <= _cached(machine)
    if machine.parts.zswap is not None:
        assert machine.parts.zswap.pool_pages == machine.zswap["stored_pages"] == 0
    if machine.parts.zram is not None:
        assert machine.zram["orig_data_size"] == machine.zram["mem_used_total"] == 0


def _cached(machine: Machine) -> int:
    """Slots that a CPU may have in hand, neither free nor anybody's."""
    return machine.swap.rules.slots_cache + machine.swap.rules.slots_kept_back


def _check(machine: Machine, design: str, pages: list[int]) -> None:
    backend, kernel, parts = machine.backend, machine.kernel, machine.parts
    copies = [backend.origin_of(page) for page in range(len(pages))]
    for page, copy in enumerate(copies):
        if not machine.resident[page]:
            assert copy is not None, "a page that is out is somewhere"
    if kernel.zswap.exclusive_loads:
        assert all(
            copy != Origin.ZSWAP for page, copy in enumerate(copies) if machine.resident[page]
        )
    assert all(copy != Origin.ZRAM for page, copy in enumerate(copies) if machine.resident[page])
    kept_back = kernel.swap.slots_returned
    inuse = sum(area.inuse_pages for area in machine.areas)
    assert inuse == machine.swap.inuse_pages
    for area in machine.areas:
        assert 0 <= area.inuse_pages <= (area.pages or 0)
        assert area.written_pages <= area.writes
        assert area.type == "full" or area.writes == 0, "only disks are written to"
    lowest = {cgroup.parent for cgroup in machine.cgroups}.pop()
    assert lowest is not None
    charged = sum(cgroup.swap_pages for cgroup in machine.cgroups)
    assert lowest.swap_pages == charged
    spare = kernel.swap.slots_returned + _cached(machine)
    assert charged <= inuse <= charged + spare
    if design.startswith("vswap"):
        assert charged == copies.count(Origin.DISK)
    else:
        assert charged >= len([copy for copy in copies if copy is not None])
    if lowest.swap_max is not None:
        assert charged <= lowest.swap_max // PAGE
    writes = sum(area.writes for area in machine.areas)
    if parts.zram is not None:
        held = machine.zram["orig_data_size"] // PAGE
        out = copies.count(Origin.ZRAM)
        assert out <= held <= out + kept_back
        assert backend.vmstat.pswpout >= writes
    else:
        assert backend.vmstat.pswpout == writes
    if parts.zswap is None:
        return
    stored = machine.zswap["stored_pages"]
    out = copies.count(Origin.ZSWAP)
    assert sum(cgroup.zswapped for cgroup in machine.cgroups) == lowest.zswapped == stored
    if kernel.zswap.exclusive_loads:
        lengths = sum(
            min(length, PAGE)
            for length, copy in zip(for_zswap(kernel, array("H", pages)), copies, strict=True)
            if copy == Origin.ZSWAP
        )
        assert stored == out
        assert lowest.zswap_bytes == lengths
    elif not design.startswith("vswap"):
        assert out <= stored <= out + kept_back


@pytest.mark.parametrize(
    ("design", "kernel", "slot_bytes"),
    [("zram", "6.12", 19.125), ("zram", "6.6", 19), ("classic", "6.18", 3.125)],
)
def test_tables_that_the_machine_cannot_hold_are_refused(
    design: str, kernel: str, slot_bytes: float
) -> None:
    """zram's table has 16 bytes a page of disksize, and swapon's maps follow."""
    slots = 1 << 20
    ram = int(slots * slot_bytes)
    options: dict[str, Any] = {"size": (slots + 1) * PAGE, "kernel": kernel}
    assert Machine(design, [PLAIN], ram=ram, **options).sent() is not None
    with pytest.raises(GhostswapError, match="Cannot allocate memory") as caught:
        Machine(design, [PLAIN], ram=ram - 1, **options)
    assert "4 GiB at most" in caught.value.hint


def test_pages_in_front_of_zram_are_compressed_by_zswap_first() -> None:
    """What zswap refuses or lets go of zram compresses again; nothing is written to a disk."""
    pages = (ZERO, FILLED, PLAIN, RANDOM)
    machine = Machine("zswap-zram", pages, kernel="6.12")
    places = (Origin.ZERO, Origin.ZSWAP, Origin.ZSWAP, Origin.ZRAM)
    assert tuple(map(machine.sent, range(4))) == places
    assert machine.zram["huge_pages"] == machine.backend.vmstat.pswpout == 1
    assert machine.areas[0].writes == 0
    assert [machine.back(page) for page in range(4)] == list(places)


def test_what_zswap_writes_back_to_zram_takes_memory_again() -> None:
    machine = Machine("zswap-zram", [3000] * 400, kernel="6.12", ram=500 * PAGE)
    machine.out(*range(400))
    places = [machine.place(page) for page in range(400)]
    assert machine.zswap["written_back_pages"] > 0
    assert places.count(Origin.ZSWAP) == machine.zswap["stored_pages"]
    assert places.count(Origin.ZRAM) == machine.zram["compr_data_size"] // 3000
    assert places.count(Origin.ZRAM) == machine.backend.vmstat.pswpout
    assert sum(area.writes for area in machine.areas) == 0


@pytest.mark.parametrize("size", [0, 1, PAGE, 2 * PAGE - 1])
@pytest.mark.parametrize("design", ["disk", "classic", "ghost", "zram"])
def test_an_area_too_small_for_a_slot_is_none_at_all(design: str, size: int) -> None:
    """Row 2: no page finds a slot, where virtual swap goes on as ever."""
    machine = Machine(design, [PLAIN] * 5, size=size)
    machine.out(*range(5))
    assert machine.areas == ()
    assert machine.backend.no_slot == [5]
    assert machine.backend.kept_pages == 5
    assert not machine.backend.has_room()
    assert Machine("vswap", [PLAIN], size=size).sent() == Origin.ZSWAP


def test_an_xswap_is_as_large_as_memory_in_whole_clusters_and_never_writes() -> None:
    cluster = 512
    machine = Machine("xswap", [PLAIN] * 3, kernel="7.3", ram=(5 * cluster + 7) * PAGE, size=None)
    (area,) = machine.areas
    assert (area.path, area.pages) == ("xswap0", 5 * cluster)
    assert machine.sent(0) == Origin.ZSWAP
    assert not machine.backend.can_write_back(0)
