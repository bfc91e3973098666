# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what it takes to move pages: by page-table walk, by reverse map, or with a slot kept.

W is all entries of all page tables, u the pages that are out: a walk for one costs as much as for
all of them.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.designs import table, transfer
from ghostswap.designs.transfer import Cost, Held

VIRTUAL = ("vswap", "vswap-ste")
OVER_SLOTS = ("classic", "ghost", "ghost-dynamic", "disk", "zram")
#: 32 GB of swap half full under a mapping of 128 GB.
HELD = Held(compressed=3000, stuck=0, disk=1000, zero=96, mapped=33_554_432)


def to_disk(design: str, held: Held) -> Cost:
    return transfer.to_disk(table.get(design), held)


def to_disk_compressed(design: str, held: Held) -> Cost:
    return transfer.to_disk_compressed(table.get(design), held)


def swapoff(design: str, held: Held) -> Cost:
    return transfer.swapoff(table.get(design), held)


def test_zswap_over_a_disk_reserved_its_slots_when_pages_left() -> None:
    assert to_disk("classic", HELD) == Cost(
        pages=3000, decompressions=3000, disk_writes=3000, free_pages=1
    )


@pytest.mark.parametrize("design", VIRTUAL)
def test_virtual_swap_changes_a_word_and_a_reverse_map_word_a_page(design: str) -> None:
    cost = to_disk(design, HELD)
    assert (cost.table_words, cost.reverse_map_writes, cost.slots_taken) == (3000, 3000, 3000)
    assert (cost.pte_reads, cost.pte_writes) == (0, 0)
    assert (cost.decompressions, cost.disk_writes) == (3000, 3000)


def test_zram_changes_a_word_a_page_and_the_block_keeps_its_number() -> None:
    cost = to_disk("zram", HELD)
    assert (cost.table_words, cost.reverse_map_writes, cost.pte_reads) == (3000, 0, 0)
    assert cost.slots_taken == cost.decompressions == 3000


@pytest.mark.parametrize("design", ["ghost", "ghost-dynamic"])
def test_behind_a_ghost_it_is_impossible_and_would_take_a_walk(design: str) -> None:
    stuck = Held(compressed=7, stuck=7, disk=0, zero=0, mapped=262_144)
    cost = to_disk(design, stuck)
    assert not cost.possible
    assert (cost.pages, cost.pte_reads, cost.pte_writes) == (7, 262_144, 7)
    assert cost.disk_writes == cost.decompressions == 0
    one = Held(compressed=1, stuck=1, disk=0, zero=0, mapped=262_144)
    assert to_disk(design, one).pte_reads == cost.pte_reads, "for one as for all"


def test_with_a_disk_mixed_in_the_others_move() -> None:
    cost = to_disk("ghost", Held(compressed=10, stuck=4, disk=0, zero=0, mapped=99))
    assert cost.possible
    assert cost.pages == cost.disk_writes == 6
    assert cost.pte_reads == 0


def test_zram_without_a_backing_device_has_nowhere_to_go_and_no_walk_would_help() -> None:
    cost = to_disk("zram", Held(compressed=10, stuck=10, disk=0, zero=0, mapped=99))
    assert (cost.possible, cost.pages, cost.pte_reads) == (False, 10, 0)


@pytest.mark.parametrize("design", OVER_SLOTS)
def test_swapoff_walks_all_page_tables_and_brings_every_page_back(design: str) -> None:
    cost = swapoff(design, HELD)
    assert cost.pages == cost.pte_writes == cost.free_pages == 4096
    assert cost.pte_reads == 33_554_432
    assert (cost.disk_reads, cost.decompressions) == (1000, 3000)
    assert cost.minor_faults_left == 0, "a clean swapoff"
    one = Held(compressed=0, stuck=0, disk=1, zero=0, mapped=33_554_432)
    assert swapoff(design, one).pte_reads == 33_554_432, "for one as for all"


@pytest.mark.parametrize("design", VIRTUAL)
def test_swapoff_under_virtual_swap_reads_the_disk_and_leaves_minor_faults(design: str) -> None:
    cost = swapoff(design, HELD)
    assert cost.pages == cost.disk_reads == cost.table_words == cost.minor_faults_left == 1000
    assert (cost.pte_reads, cost.pte_writes, cost.decompressions) == (0, 0, 0)


@pytest.mark.parametrize("design", table.RUN)
@given(
    compressed=st.integers(0, 9),
    disk=st.integers(0, 9),
    zero=st.integers(0, 9),
    resident=st.integers(0, 9),
    data=st.data(),
)
def test_no_more_moves_than_is_there(
    design: str, compressed: int, disk: int, zero: int, resident: int, data: st.DataObject
) -> None:
    stuck = data.draw(st.integers(0, compressed))
    held = Held(compressed, stuck, disk, zero, compressed + disk + zero + resident)
    moved, back = to_disk(design, held), swapoff(design, held)
    assert moved.pages == (compressed - stuck or stuck)
    assert moved.possible is (compressed == 0 or stuck < compressed)
    assert moved.disk_writes == moved.decompressions == compressed - stuck
    assert back.disk_reads == disk
    assert back.possible
    if not compressed + disk + zero:
        assert back == moved == Cost()


def test_writing_pages_as_they_lie_in_the_pool_saves_decompressions_and_no_disk() -> None:
    held = Held(compressed=1000, stuck=0, disk=0, zero=0, mapped=5000)
    plain, compressed = to_disk("vswap", held), to_disk_compressed("vswap", held)
    assert compressed == plain._replace(decompressions=0, descriptor_bytes=8000)
    assert plain.decompressions == 1000
    stuck = held._replace(stuck=1000)
    assert to_disk_compressed("ghost", stuck) == to_disk("ghost", stuck)
