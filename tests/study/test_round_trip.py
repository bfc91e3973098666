# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes behind the emulated stores: every page comes back, and one wrong bit is noticed."""

from __future__ import annotations

import os
import random
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ghostswap.study.zram_fill import ZERO, Zeromap, ZramFill
from support.corpora import CORPORA

from ghostswap import codecs, kernels
from ghostswap.area.header.header import NATIVE, Header, pack_badpages
from ghostswap.area.target.target import open_target
from ghostswap.errors import GhostswapError
from ghostswap.mm.swap.in_order import SwapInfo, SwapSpace
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.page import PAGE_SIZE
from ghostswap.study.round_trip import Difference, Disk, Store, ZramVerifier, ZswapVerifier

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


def zswap_verifier(
    kernel: str,
    area: SwapInfo,
    damage: Damage | None = None,
    disks: dict[int, Disk] | None = None,
    percent: int = 20,
) -> tuple[ZswapVerifier, codecs.Codec]:
    rules = kernels.get(kernel)
    codec = codecs.get("deflate", kernel)
    swap = SwapSpace([area])
    zswap = Zswap(rules, RAM // 100, swap, percent, zpool="zsmalloc")
    raw_from = PAGE_SIZE if rules.stores_incompressible else PAGE_SIZE + 1
    return ZswapVerifier(zswap, swap, Store(codec, raw_from, damage), disks or {}), codec


def swap_out(verifier: ZswapVerifier | ZramVerifier, lengths: array[int]) -> None:
    with memoryview(pages()) as view:
        verifier.swap_out(view, lengths)


@pytest.mark.parametrize("name", codecs.names())
@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18"])
def test_every_page_comes_back_from_the_store(name: str, kernel: str) -> None:
    try:
        codec = codecs.get(name, kernel)
    except GhostswapError as error:
        pytest.skip(error.message)
    store = Store(codec, PAGE_SIZE)
    data = memoryview(pages())
    for slot, length in enumerate(codec.lengths(data)):
        page = data[slot * PAGE_SIZE : (slot + 1) * PAGE_SIZE]
        store.store(slot, slot, page, length)
        assert store.load(slot) == page
    assert store.loads == len(store) == len(data) // PAGE_SIZE


def test_length_that_is_not_the_codecs_is_noticed() -> None:
    store = Store(codecs.get("deflate"), PAGE_SIZE)
    page = memoryview(CORPORA["text"]()[:PAGE_SIZE])
    with pytest.raises(Difference, match="page 3 "):
        store.store(0, 3, page, 5)


@pytest.mark.parametrize("number", [0, 17, 99, 200, 419])
def test_one_wrong_bit_in_zswap_names_the_page(number: int) -> None:
    lengths = codecs.get("deflate", "6.1").lengths(pages())
    verifier, _ = zswap_verifier("6.1", SwapInfo("ghost", "ghost"), flip(number, 100), percent=100)
    swap_out(verifier, lengths)
    if lengths[number] == codecs.REFUSED:
        pytest.skip("this page is not stored")
    with pytest.raises(Difference, match=f"page {number} of the source") as caught:
        verifier.finish()
    assert caught.value.number == number


@pytest.mark.parametrize("bit", range(0, 8 * PAGE_SIZE, 4001))
def test_one_wrong_bit_in_zram_is_noticed_wherever_it_is(bit: int) -> None:
    codec = codecs.get("deflate", design="zram")
    lengths = codec.lengths(pages())
    number = bit % len(lengths)
    fill = ZramFill(kernels.get("6.12"), tracked=True)
    verifier = ZramVerifier(fill, Store(codec, PAGE_SIZE, flip(number, bit)))
    swap_out(verifier, lengths)
    with pytest.raises(Difference, match=f"page {number} "):
        verifier.finish()


def test_wrong_bit_is_noticed_on_the_way_to_the_backing_device() -> None:
    codec = codecs.get("deflate", design="zram")
    lengths = codec.lengths(pages())
    number = lengths.index(PAGE_SIZE)
    fill = ZramFill(kernels.get("6.12"), tracked=True)
    verifier = ZramVerifier(fill, Store(codec, PAGE_SIZE, flip(number, 9)))
    swap_out(verifier, lengths)
    with pytest.raises(Difference, match=f"page {number} "):
        verifier.writeback("huge")


def test_page_that_the_zeromap_takes_must_be_zeros() -> None:
    codec = Zeromap(codecs.get("deflate", design="zram"))
    lengths = codec.lengths(pages())
    fill = ZramFill(kernels.get("6.12"), tracked=True)
    verifier = ZramVerifier(fill, Store(codec.codec, PAGE_SIZE))
    swap_out(verifier, lengths)
    zeros = sum(length == ZERO for length in lengths)
    assert zeros == 30
    assert verifier.finish().loads == len(lengths) - zeros
    lengths[lengths.index(0)] = ZERO
    again = ZramVerifier(ZramFill(kernels.get("6.12"), tracked=True), Store(codec.codec, PAGE_SIZE))
    with pytest.raises(Difference, match="zeromap"):
        swap_out(again, lengths)


# ---- disks --------------------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path: Path) -> Iterator[tuple[Path, Disk]]:
    """A full area of 600 pages, of which the first and some others are bad."""
    bad = [1, 2, 40, 300]
    raw = pack_badpages(bad, NATIVE)
    header = Header(PAGE_SIZE, NATIVE, last_page=599, nr_badpages=len(bad), badpages_raw=raw)
    path = tmp_path / "full"
    path.write_bytes(header.build() + b"\xee" * 599 * PAGE_SIZE)
    with open_target(str(path), write=True) as target:
        yield path, Disk(target, header)


def test_pages_go_to_their_slots_and_bad_pages_and_the_header_are_left_alone(
    full: tuple[Path, Disk],
) -> None:
    path, disk = full
    before = path.read_bytes()
    assert before[1024:1028] != bytes(4)
    for slot in range(595):
        disk.write(slot, bytes([slot % 251]) * PAGE_SIZE)
    disk.sync()
    assert all(disk.read(slot) == bytes([slot % 251]) * PAGE_SIZE for slot in range(595))
    after = path.read_bytes()
    same = [
        page
        for page in range(600)
        if after[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
        == before[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    ]
    assert [page for page in same if page in (0, 1, 2, 40, 300)] == [0, 1, 2, 40, 300]
    assert after[3 * PAGE_SIZE] == 0
    assert after[599 * PAGE_SIZE] == 594 % 251


@pytest.mark.parametrize("kernel", ["6.12", "6.18"])
def test_refused_and_written_back_pages_are_read_from_the_disk(
    full: tuple[Path, Disk], kernel: str
) -> None:
    area = SwapInfo("full", "full", 595)
    verifier, codec = zswap_verifier(kernel, area, disks={0: full[1]}, percent=5)
    swap_out(verifier, codec.lengths(pages()))
    vmstat = verifier.fill.result().vmstat
    found = verifier.finish()
    result = verifier.fill.result()
    assert vmstat["zswpwb"] > 0
    assert result.kept_pages == 0
    assert found.disk_reads == result.vmstat["pswpout"]
    assert found.loads == result.zswap["stored_pages"] + result.vmstat["zswpwb"]
    assert found.disk_reads + result.zswap["stored_pages"] + result.vmstat["swpout_zero"] == 420


def test_disk_that_changes_a_page_is_noticed(full: tuple[Path, Disk]) -> None:
    path, disk = full
    area = SwapInfo("full", "full", 595)
    verifier, codec = zswap_verifier("6.12", area, disks={0: disk})
    lengths = codec.lengths(pages())
    swap_out(verifier, lengths)
    first = lengths.index(codecs.REFUSED)
    data = pages()[first * PAGE_SIZE : (first + 1) * PAGE_SIZE]
    at = path.read_bytes().index(data)
    assert at % PAGE_SIZE == 0
    with path.open("r+b") as file:
        file.seek(at + 1000)
        file.write(bytes([data[1000] ^ 1]))
        os.fsync(file.fileno())
    with pytest.raises(Difference, match=f"page {first} .*full"):
        verifier.finish()
