# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what each design costs in memory: the published figures, and sums that agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap import kernels
from ghostswap.designs import metadata, table
from ghostswap.designs.table import DESIGNS
from ghostswap.errors import UsageError
from ghostswap.kernels.rules import SWAPFILE_CLUSTER

MIB = 1 << 20
TIB_SLOTS = 1 << 28  # of 4 KiB

names = st.sampled_from(table.COUNTED)
releases = st.sampled_from(kernels.RELEASES)
counts = st.integers(0, 1 << 32)


def field_bytes(design: str, kernel: str = "6.18") -> dict[str, Any]:
    fields = DESIGNS[design].fields(kernels.get(kernel).metadata)
    return {field.name: field.one_bytes for field in fields}


def test_the_maps_of_a_tebibyte_are_those_that_phases_3_and_4_save() -> None:
    """Phase 3: 256 MB less for 1 TB; phase 4: 512 MB less (swap table series, covers)."""
    maps = kernels.get("6.18").metadata.slot_maps
    sizes = {field.name: field.one_bytes * TIB_SLOTS // MIB for field in maps}
    assert sizes == {"swap_map": 256, "swap_cgroup": 512, "zeromap": 32}
    static = {
        design: metadata.of(design, "6.18", slots=TIB_SLOTS).static_bytes // MIB
        for design in ("classic", "classic-p3", "classic-p4")
    }
    assert static == {"classic": 800, "classic-p3": 544, "classic-p4": 24}


def test_phase_4_keeps_48_bytes_a_cluster() -> None:
    static = metadata.of("classic-p4", "6.18", slots=TIB_SLOTS).static_bytes
    assert static == 48 * 524_288 == 24 * MIB
    assert metadata.of("classic-p4", "6.18", slots=SWAPFILE_CLUSTER + 1).static_bytes == 2 * 48


def test_the_table_of_zram_takes_4_gib_for_a_tebibyte() -> None:
    assert field_bytes("zram")["zram table"] * TIB_SLOTS == 4 << 30


def test_vswaps_descriptor_has_24_bytes() -> None:
    parts = [size for name, size in field_bytes("vswap").items() if name.startswith("desc: ")]
    assert sum(parts) == 24


@pytest.mark.parametrize(("kernel", "size"), [("6.1", 64), ("6.6", 80), ("6.12", 56), ("6.18", 56)])
def test_entries_are_added_on_request_only(kernel: str, size: int) -> None:
    """struct zswap_entry and zsmalloc's handle are in no published table."""
    for design in ("classic", "ghost"):
        without = metadata.of(design, kernel, slots=0, zswap=1000)
        with_entries = metadata.of(design, kernel, slots=0, zswap=1000, entries=True)
        assert with_entries.total_bytes - without.total_bytes == 1000 * (size + 8)
        on_disk = metadata.of(design, kernel, slots=0, disk=1000)
        assert metadata.of(design, kernel, slots=0, disk=1000, entries=True) == on_disk


@pytest.mark.parametrize(
    ("design", "kernel", "size"),
    [("classic", "6.12", 9), ("vswap", "6.18", 24.125), ("vswap-ste", "6.18", 18)],
)
def test_a_page_of_zeros_takes_what_its_slot_takes(design: str, kernel: str, size: float) -> None:
    zeros = metadata.of(design, kernel, slots=0, zero=4096)
    assert zeros.total_bytes == 4096 * size
    assert metadata.of(design, kernel, slots=0, zero=4096, entries=True) == zeros


@pytest.mark.parametrize(
    ("design", "table"),
    [
        ("classic", 4096),
        ("classic-p4", 4096 + 1024),
        ("vswap", 512 * 24 + 64),
        ("vswap-ste", 2 * 4096 + 1024),
        ("ghost-dynamic", 2 * 4096),
    ],
)
def test_one_used_slot_takes_its_clusters_tables_whole(design: str, table: int) -> None:
    lonely = metadata.of(design, "6.18", slots=0, zero=1, clusters=1)
    full = metadata.of(design, "6.18", slots=0, zero=SWAPFILE_CLUSTER, clusters=1)
    assert lonely == full == metadata.Metadata(0, table)
    assert full == metadata.of(design, "6.18", slots=0, zero=SWAPFILE_CLUSTER)


def test_an_idle_xswap_takes_nothing_and_its_first_slot_a_page_of_heads_for_85_clusters() -> None:
    assert metadata.of("xswap", "7.3", slots=TIB_SLOTS).dynamic_bytes == 0
    first = metadata.of("xswap", "7.3", slots=0, zero=1, clusters=1)
    assert first == metadata.Metadata(0, 4096 + 4096 + 1024)
    all_of_them = metadata.of("xswap", "7.3", slots=0, zero=85 * 512, clusters=85)
    assert all_of_them == metadata.Metadata(0, 4096 + 85 * (4096 + 1024))
    assert metadata.of("xswap", "7.3", slots=0, zero=1, clusters=86).dynamic_bytes == (
        2 * 4096 + 86 * (4096 + 1024)
    )


def test_trees_grow_by_the_page_and_not_by_the_cluster() -> None:
    both = metadata.of("classic", "6.18", slots=0, zswap=3, clusters=2)
    assert both.dynamic_bytes == 2 * 4096 + 3 * 8
    old = metadata.of("classic", "6.12", slots=0, zswap=3, clusters=2)
    assert old.dynamic_bytes == 3 * (9 + 9)


def test_reverse_maps_are_those_of_the_area_behind() -> None:
    ideal = metadata.of("vswap-ste", "6.18", slots=0, disk=1, clusters=1)
    allocated = metadata.of("vswap-ste", "6.18", slots=0, disk=1, clusters=1, disk_clusters=1)
    assert ideal.dynamic_bytes == 2 * 4096 + 1024 + 10
    assert allocated.dynamic_bytes == 3 * 4096 + 2 * 1024


@given(names, releases, counts, st.tuples(counts, counts, counts), st.booleans(), st.data())
def test_more_use_never_takes_less(
    design: str,
    kernel: str,
    slots: int,
    used: tuple[int, int, int],
    entries: bool,
    data: st.DataObject,
) -> None:
    more = [data.draw(st.integers(number, 1 << 32)) for number in used]
    before, after = (
        metadata.of(design, kernel, slots=slots, zswap=zswap, disk=disk, zero=zero, entries=entries)
        for zswap, disk, zero in (used, more)
    )
    assert after.static_bytes == before.static_bytes
    assert after.dynamic_bytes >= before.dynamic_bytes >= 0


@given(names, releases, st.integers(0, 10**6), st.integers(0, 511), st.booleans())
def test_whole_clusters_never_take_less_than_their_used_slots(
    design: str, kernel: str, full: int, rest: int, entries: bool
) -> None:
    used = full * SWAPFILE_CLUSTER + rest
    ideal = metadata.of(design, kernel, slots=0, zswap=used, entries=entries)
    allocated = metadata.of(
        design, kernel, slots=0, zswap=used, clusters=full + (rest > 0), entries=entries
    )
    assert allocated.total_bytes >= ideal.total_bytes
    by_the_page = any(field.chunk for field in DESIGNS[design].fields(kernels.get(kernel).metadata))
    assert rest or by_the_page or allocated == ideal


@given(names, releases, st.sampled_from(["zswap", "disk"]), st.booleans())
def test_the_cost_of_a_slot_is_the_cost_of_many_by_their_number(
    design: str, kernel: str, backend: metadata.Backend, entries: bool
) -> None:
    record, many = DESIGNS[design], 1 << 20
    slots = many if record.sized or backend == "disk" else 0
    total = metadata.of(design, kernel, slots=slots, entries=entries, **{backend: many})
    one = metadata.slot_cost(design, backend, kernel, entries=entries)
    assert (one.static * many, one.dynamic * many) == (total.static_bytes, total.dynamic_bytes)


@given(names, names, releases, st.sampled_from(["zswap", "disk"]))
def test_two_designs_take_the_same_where_they_break_even(
    one: str, other: str, kernel: str, backend: metadata.Backend
) -> None:
    used = metadata.break_even(one, other, backend, kernel)
    assert used == metadata.break_even(other, one, backend, kernel)
    first, second = (metadata.slot_cost(name, backend, kernel) for name in (one, other))
    if used is None:
        # From above 0 % on one of them is always ahead, or they are equal throughout.
        start, end = first.static - second.static, first.gross - second.gross
        assert start * end >= 0
    else:
        assert first.static + used * first.dynamic == second.static + used * second.dynamic


def test_only_designs_on_released_code_follow_the_kernel() -> None:
    assert {name for name in table.COUNTED if metadata.follows_kernel(name)} == {
        "classic",
        "ghost",
        "zram",
    }


def test_a_disk_alone_takes_what_zswap_over_it_takes_without_a_page_in_zswap() -> None:
    for kernel in kernels.RELEASES:
        for entries in (False, True):
            alone, below = (
                metadata.of(design, kernel, slots=99, disk=50, zero=7, entries=entries)
                for design in ("disk", "classic")
            )
            assert alone == below


def test_the_ghost_rfc_is_6_18() -> None:
    assert metadata.of("ghost", "ghost", slots=8, zswap=8) == metadata.of(
        "ghost", "6.18", slots=8, zswap=8
    )


@pytest.mark.parametrize(
    ("design", "kernel", "wrong"), [("x\x1b", "6.18", "design"), ("ghost", "2.4", "kernel")]
)
def test_what_is_unknown_is_told_with_what_is_known(design: str, kernel: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=f"unknown {wrong}") as caught:
        metadata.of(design, kernel, slots=1)
    assert "ghost" in caught.value.hint
    assert caught.value.message.isprintable()
