# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes behind the emulated stores: every page comes back, and one wrong bit is noticed."""

from __future__ import annotations

import os
import random
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.corpora import CORPORA
from support.machine import host_of

from ghostswap import codecs, kernels
from ghostswap.area.header.header import NATIVE, Header, pack_badpages
from ghostswap.area.target.target import open_target
from ghostswap.codecs.views import for_zram
from ghostswap.errors import GhostswapError
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS
from ghostswap.study.round_trip import Difference, Disk, RoundTrip, Store

RAM = 100 * 1024 * PAGE_SIZE
Damage = Callable[[int, bytes], bytes]


def pages() -> bytes:
    """Text, noise, zeros and other same-filled pages, mixed."""
    dice = random.Random(2)
    text = CORPORA["text"]()
    kinds = [
        *(text[start : start + PAGE_SIZE] for start in range(0, 300 * PAGE_SIZE, PAGE_SIZE)),
        *(dice.randbytes(PAGE_SIZE) for _ in range(60)),
        *(dice.randbytes(8) * 512 for _ in range(30)),
        *(bytes(PAGE_SIZE) for _ in range(30)),
    ]
    dice.shuffle(kinds)
    return b"".join(kinds)


def flip(number: int, bit: int) -> Damage:
    """Flip one *bit* of the *number*-th page of the source."""

    def damage(which: int, data: bytes) -> bytes:
        if which != number:
            return data
        changed = bytearray(data)
        changed[bit // 8 % len(data)] ^= 1 << bit % 8
        return bytes(changed)

    return damage


def round_trip(
    kernel: str,
    areas: Sequence[SwapArea],
    damage: Damage | None = None,
    disks: Mapping[str, Disk] | None = None,
    **options: Any,
) -> RoundTrip:
    options.setdefault("ram", RAM // 100)
    options.setdefault("zpool", "zsmalloc")
    host = host_of(kernel, areas, compressor="deflate", **options)
    return RoundTrip(host, codecs.get("deflate", kernel), areas, disks or {}, damage)


def zram(kernel: str, damage: Damage | None = None, **options: Any) -> RoundTrip:
    return round_trip(kernel, [], damage, design="zram", **options)


def swap_out(trip: RoundTrip, measures: array[int] | None = None) -> array[int]:
    """Swap all pages out; what they measure as, unless something else is said of them."""
    if measures is None:
        measures = codecs.get("deflate").measure(pages())
    with memoryview(pages()) as view:
        trip.swap_out(view, measures)
    return measures


@pytest.mark.parametrize("name", codecs.names())
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18"])
def test_every_page_comes_back_from_the_store(name: str, kernel: str) -> None:
    try:
        codec = codecs.get(name, kernel)
    except GhostswapError as error:
        pytest.skip(error.message)
    store = Store(codec, PAGE_SIZE)
    data = memoryview(pages())
    for number, view in enumerate(
        for_zram(kernels.get(kernel), codec.measure(data), zeromap=False)
    ):
        page = data[number * PAGE_SIZE : (number + 1) * PAGE_SIZE]
        store.store(number, page, view)
        assert store.load(number) == page
    assert store.loads == len(store) == len(data) // PAGE_SIZE


def test_length_that_is_not_the_codecs_is_noticed() -> None:
    store = Store(codecs.get("deflate"), PAGE_SIZE)
    page = memoryview(CORPORA["text"]()[:PAGE_SIZE])
    with pytest.raises(Difference, match="page 3 "):
        store.store(3, page, 5)


@pytest.mark.parametrize("number", [0, 17, 99, 200, 419])
def test_one_wrong_bit_in_zswap_names_the_page(number: int) -> None:
    damage = flip(number, 100)
    trip = round_trip("6.1", [SwapArea("ghost", "ghost")], damage, max_pool_percent=100)
    if swap_out(trip)[number] == INCOMPRESSIBLE:
        pytest.skip("this page is not stored")
    with pytest.raises(Difference, match=f"page {number} of the source") as caught:
        trip.finish()
    assert caught.value.number == number


@pytest.mark.parametrize("bit", range(0, 8 * PAGE_SIZE, 4001))
def test_one_wrong_bit_in_zram_is_noticed_wherever_it_is(bit: int) -> None:
    number = bit % (len(pages()) // PAGE_SIZE)
    trip = zram("6.12", flip(number, bit), zram_is_device=True)
    swap_out(trip)
    with pytest.raises(Difference, match=f"page {number} "):
        trip.finish()


def test_wrong_bit_is_noticed_on_the_way_to_the_backing_device() -> None:
    number = codecs.get("deflate").measure(pages()).index(INCOMPRESSIBLE)
    trip = zram("6.12", flip(number, 9), zram_writeback="huge")
    swap_out(trip)
    with pytest.raises(Difference, match=f"page {number} "):
        trip.finish()


@pytest.mark.parametrize("mode", ["huge", "idle"])
def test_what_goes_to_the_backing_device_is_decompressed_and_compared(mode: str) -> None:
    trip = zram("6.12", zram_writeback=mode, zram_writeback_limit=20)
    measures = swap_out(trip)
    assert trip.finish().loads == len(measures) - 30
    assert trip.fill.outcome().zram["bd_writes"] == 20


def test_page_that_the_zeromap_takes_must_be_zeros() -> None:
    trip = zram("6.12")
    measures = swap_out(trip)
    zeros = measures.count(ZEROS)
    assert zeros == 30
    assert trip.finish().loads == len(measures) - zeros
    same = next(number for number, n in enumerate(measures) if SAME < n < INCOMPRESSIBLE)
    measures[same] = ZEROS
    with pytest.raises(Difference, match="zeromap"):
        swap_out(zram("6.12"), measures)


@pytest.mark.parametrize("design", ["vswap", "ghost-dynamic", "disk"])
def test_other_designs_bring_every_page_back_too(design: str) -> None:
    trip = round_trip("6.18", [], design=design, zpool=None, ram=RAM)
    measures = swap_out(trip)
    stored = 0 if design == "disk" else len(measures) - measures.count(ZEROS)
    assert trip.finish().loads == stored


# ---- disks --------------------------------------------------------------------------------------


BAD = (1, 2, 40, 300)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[tuple[Path, Disk]]:
    """A full area of 600 pages, of which the first and some others are bad."""
    raw = pack_badpages(BAD, NATIVE)
    header = Header(PAGE_SIZE, NATIVE, last_page=599, nr_badpages=len(BAD), badpages_raw=raw)
    path = tmp_path / "full"
    path.write_bytes(header.build() + b"\xee" * 599 * PAGE_SIZE)
    with open_target(str(path), write=True) as target:
        yield path, Disk(target)


def test_pages_go_to_their_slots_and_bad_pages_and_the_header_are_left_alone(
    full: tuple[Path, Disk],
) -> None:
    path, disk = full
    before = path.read_bytes()
    assert before[1024:1028] != bytes(4)
    areas = [SwapArea("full", "full", 595, badpages=BAD)]
    trip = round_trip("6.12", areas, disks={"full": disk}, zswap_enabled=False)
    source = random.Random(5).randbytes(595 * PAGE_SIZE)
    trip.swap_out(memoryview(source), array("H", [INCOMPRESSIBLE]) * 595)
    assert trip.finish().disk_reads == 595
    after = path.read_bytes()
    same = [
        page
        for page in range(600)
        if after[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
        == before[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    ]
    assert same == [0, *BAD]
    assert after[3 * PAGE_SIZE : 4 * PAGE_SIZE] == source[:PAGE_SIZE]
    assert after[599 * PAGE_SIZE :] == source[594 * PAGE_SIZE :]
    assert len(after) == len(before)


@pytest.mark.parametrize("kernel", ["6.12", "6.18"])
def test_refused_and_written_back_pages_are_read_from_the_disk(
    full: tuple[Path, Disk], kernel: str
) -> None:
    areas = [SwapArea("full", "full", 595, badpages=BAD)]
    trip = round_trip(kernel, areas, disks={"full": full[1]}, max_pool_percent=5)
    swap_out(trip)
    found = trip.finish()
    result = trip.fill.outcome()
    assert result.vmstat["zswpwb"] > 0
    assert result.kept_pages == 0
    assert found.disk_reads == result.vmstat["pswpout"]
    assert found.loads == result.zswap["stored_pages"] + result.vmstat["zswpwb"]
    assert found.disk_reads + result.zswap["stored_pages"] + result.vmstat["swpout_zero"] == 420


def test_disk_that_changes_a_page_is_noticed(full: tuple[Path, Disk]) -> None:
    path, disk = full
    trip = round_trip("6.12", [SwapArea("full", "full", 595)], disks={"full": disk})
    first = swap_out(trip).index(INCOMPRESSIBLE)
    data = pages()[first * PAGE_SIZE : (first + 1) * PAGE_SIZE]
    at = path.read_bytes().index(data)
    assert at % PAGE_SIZE == 0
    with path.open("r+b") as file:
        file.seek(at + 1000)
        file.write(bytes([data[1000] ^ 1]))
        os.fsync(file.fileno())
    with pytest.raises(Difference, match=f"page {first} .*full"):
        trip.finish()
