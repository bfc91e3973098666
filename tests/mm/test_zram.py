# SPDX-License-Identifier: GPL-2.0-or-later
"""zram's counters are the kernel's: recorded fills to the byte, and what its source says of the
limit, of overwriting, and of writeback."""

from __future__ import annotations

import os
import random
from array import array
from dataclasses import asdict
from typing import Any

import pytest
from conftest import load_case
from hypothesis import given
from hypothesis import strategies as st
from support.corpora import CORPORA
from support.machine import filling, host_of

from ghostswap import codecs, kernels
from ghostswap.codecs.views import for_zram
from ghostswap.errors import GhostswapError
from ghostswap.mm.zram import Zram
from ghostswap.page import INCOMPRESSIBLE, SAME, ZEROS
from ghostswap.study.fill import Fill
from ghostswap.study.outcome import Outcome

PAGE = 4096
NEW = kernels.get("6.12")


def recorded() -> list[Any]:
    return [
        pytest.param(row, id="-".join(row[key] for key in ("kernel", "corpus", "comp")))
        for row in load_case("kernel-fills.json.xz")
        if row["design"] == "zram"
    ]


def zram_filling(kernel: str, **options: Any) -> Fill:
    return filling(kernel, [], design="zram", **options)


def device(kernel: str, measured: array[int]) -> Outcome:
    """Pages written to a device, as to any block device."""
    fill = zram_filling(kernel, zram_is_device=True)
    fill.add(measured)
    return fill.outcome()


def swap_area(kernel: str, measured: array[int]) -> Outcome:
    """Pages swapped out to a device."""
    fill = zram_filling(kernel)
    fill.add(measured)
    return fill.outcome()


def mm_stat(zram: Zram) -> dict[str, int]:
    return asdict(zram.mm_stat)


@pytest.mark.parametrize("row", recorded())
def test_recorded_lengths_give_the_recorded_mm_stat(row: dict[str, Any]) -> None:
    """All compressors of both kernels, from the lengths that the kernel itself had."""
    lengths = [SAME if length == INCOMPRESSIBLE else length for length in row["lens"]]
    zram = Zram(kernels.get(row["kernel"]))
    for index, length in enumerate(lengths):
        assert zram.write(index, length)
    assert mm_stat(zram) == row["mm_stat"]
    # As zeros: a codec tells those from other words, and to a device both are the same.
    measured = array("H", (ZEROS if length == SAME else length for length in lengths))
    found = device(row["kernel"], measured).zram
    assert {name: found[name] for name in row["mm_stat"]} == row["mm_stat"]


@pytest.mark.parametrize("row", [p for p in recorded() if p.values[0]["comp"] in codecs.names()])
def test_recorded_pages_give_the_recorded_mm_stat(row: dict[str, Any]) -> None:
    """From the pages: every field where the codec claims exact lengths, else near the pool."""
    try:
        codec = codecs.get(row["comp"], row["kernel"], "zram")
    except GhostswapError as error:
        pytest.skip(error.message)
    zram = device(row["kernel"], codec.measure(CORPORA[row["corpus"]]())).zram
    found = {name: zram[name] for name in row["mm_stat"]}
    if codec.exact:
        assert found == row["mm_stat"]
        return
    exact = ("orig_data_size", "same_pages", "pages_compacted", "mem_limit")
    assert {name: found[name] for name in exact} == {name: row["mm_stat"][name] for name in exact}
    for name, error in (("compr_data_size", 0.003), ("mem_used_total", 0.015)):
        assert found[name] == pytest.approx(row["mm_stat"][name], rel=error)
    assert found["huge_pages"] == pytest.approx(row["mm_stat"]["huge_pages"], rel=0.01)


def test_zeromap_tells_zero_pages_from_other_same_filled_ones() -> None:
    pages = [bytes(PAGE), b"A" * PAGE, b"\0" * 8 + b"A" * (PAGE - 8), os.urandom(PAGE)]
    measured = codecs.get("deflate").measure(b"".join(pages))
    zero, same, plain, huge = for_zram(NEW, measured)
    assert (zero, same, huge) == (ZEROS, SAME, PAGE)
    assert 0 < plain < PAGE
    result = swap_area("6.12", measured)
    assert (result.zram["same_pages"], result.zram["orig_data_size"]) == (1, 3 * PAGE)
    assert (result.vmstat["pswpout"], result.vmstat["swpout_zero"]) == (3, 1)
    plainly = device("6.12", measured)
    assert (plainly.zram["same_pages"], plainly.vmstat["swpout_zero"]) == (2, 0)


def recompressed(kernel: str, lengths: list[int], second: list[int], **how: Any) -> list[int]:
    """The lengths of blocks that were *lengths* long when a second algorithm has been over them."""
    zram = Zram(kernels.get(kernel))
    for index, length in enumerate(lengths):
        zram.write(index, length)
    zram.mark_idle()
    before = zram.mm_stat.compr_data_size
    done = zram.recompress([second.__getitem__], **how)
    after = zram.mm_stat.compr_data_size
    assert done.decompressed == done.compressed[0] >= done.smaller
    assert (done.smaller == 0) == (before == after)
    return [zram.length(index) for index in range(len(lengths))]


def test_a_block_is_recompressed_only_into_a_smaller_class() -> None:
    """From the source of 7.3: ``zs_lookup_class_index()`` of both, with no handle counted."""
    lengths, second = [2000, 2000, PAGE, 100, SAME], [1999, 1200, 3624, 40, 10]
    assert recompressed("7.3", lengths, second) == [2000, 1200, 3624, 40, 0]
    assert recompressed("7.3", lengths, second, mode="huge") == [2000, 2000, 3624, 100, 0]
    assert recompressed("7.3", lengths, second, threshold=1500) == [2000, 1200, PAGE, 100, 0]
    assert recompressed("7.3", lengths, second, max_pages=1) == [2000, 2000, 3624, 100, 0]
    for wrong in ({"threshold": 3625}, {"priority": 2}, {"priority": 0}):
        with pytest.raises(ValueError, match="EINVAL"):
            recompressed("7.3", lengths, second, **wrong)


@pytest.mark.parametrize(("kernel", "length"), [("7.0", 900), ("7.1", 2000)])
def test_from_7_1_on_one_algorithm_is_tried_at_a_time(kernel: str, length: int) -> None:
    zram = Zram(kernels.get(kernel))
    zram.write(0, 2000)
    zram.recompress([lambda _: 1999, lambda _: 900])
    assert zram.length(0) == length
    zram.recompress([lambda _: 1999, lambda _: 900], priority=2)
    assert zram.length(0) == 900


def test_memory_that_zram_holds_is_recompressed_by_what_its_pages_measure() -> None:
    """The text of the recordings: zstd behind lz4 gives what zstd gives, but for its classes."""
    measured = {
        name: codecs.get(name, "7.3", "zram").measure(CORPORA["text"]()) for name in ("lz4", "zstd")
    }
    before, best = (swap_area("7.3", measured[name]).zram for name in ("lz4", "zstd"))
    host = host_of("7.3", [], design="zram", zram_recompress=("zstd",))
    fill = Fill(host, [measured["lz4"]], [], seconds=[measured["zstd"]])
    fill.run()
    outcome = fill.outcome()
    after, done = outcome.zram, outcome.recompression
    assert done is not None
    assert done.decompressed == done.compressed["zstd"] >= done.smaller > 1000
    assert after["orig_data_size"] == before["orig_data_size"]
    assert done.pool_bytes == before["mem_used_total"] > after["mem_used_total"]
    assert best["compr_data_size"] <= after["compr_data_size"] <= best["compr_data_size"] * 1.01


def test_what_the_last_algorithm_failed_on_is_not_tried_again() -> None:
    zram = Zram(kernels.get("7.3"))
    zram.write(0, 2000)
    asked: list[int] = []

    def second(block: int) -> int:
        asked.append(block)
        return 2100

    for _ in range(2):
        assert zram.recompress([second]).smaller == 0
    assert asked == [0]
    zram.write(0, 2000)
    zram.recompress([second])
    assert asked == [0, 0]


def test_limit_is_rounded_up_and_looked_at_after_the_allocation() -> None:
    zram = Zram(NEW, mem_limit=2 * PAGE - 1)
    assert zram.mm_stat.mem_limit == 2 * PAGE
    assert [zram.write(index, PAGE) for index in range(4)] == [True, True, False, False]
    assert zram.failed_writes == 2
    stat = zram.mm_stat
    assert (stat.mem_used_total, stat.mem_used_max) == (2 * PAGE, 3 * PAGE)
    assert (stat.orig_data_size, stat.huge_pages, stat.huge_pages_since) == (2 * PAGE, 2, 2)
    assert zram.write(4, SAME), "a same-filled page needs no memory"


def test_limit_lets_in_what_finds_room_in_a_zspage() -> None:
    zram = Zram(NEW, mem_limit=PAGE)
    assert zram.write(0, 1000)  # the class of 1008 is merged into 1024: four in one page
    assert [zram.write(index, 1000) for index in range(1, 5)] == [True, True, True, False]


def test_refused_block_keeps_what_it_held() -> None:
    zram = Zram(NEW, mem_limit=PAGE)
    assert zram.write(0, 2000)
    before = mm_stat(zram)
    assert not zram.write(0, PAGE)
    assert mm_stat(zram) == {**before, "mem_used_max": 2 * PAGE}


def test_overwriting_frees_the_old_object() -> None:
    zram = Zram(NEW)
    zram.write(0, PAGE)
    zram.write(0, 500)
    zram.write(7, SAME)
    stat = zram.mm_stat
    assert (stat.huge_pages, stat.huge_pages_since, stat.same_pages) == (0, 1, 1)
    assert (stat.compr_data_size, stat.orig_data_size) == (500, 2 * PAGE)
    zram.slot_free_notify(0)
    zram.slot_free_notify(7)
    zram.slot_free_notify(99)
    assert (stat.compr_data_size, stat.orig_data_size, stat.mem_used_total) == (0, 0, 0)


def test_writeback_of_huge_pages_in_order_of_their_numbers() -> None:
    zram = Zram(NEW, writeback_limit=2)
    for index, length in enumerate([PAGE, SAME, 100, PAGE, PAGE]):
        zram.write(index, length)
    assert zram.writeback("huge") == [0, 3]
    assert asdict(zram.bd_stat) == {"bd_count": 2, "bd_reads": 0, "bd_writes": 2}
    assert zram.writeback("huge") == [], "the budget is spent"
    stat = zram.mm_stat
    assert (stat.huge_pages, stat.huge_pages_since, stat.orig_data_size) == (1, 3, 5 * PAGE)
    assert stat.compr_data_size == 100 + PAGE
    zram.read(0)
    zram.read(4)
    zram.write(0, 300)
    zram.slot_free_notify(3)
    assert asdict(zram.bd_stat) == {"bd_count": 0, "bd_reads": 1, "bd_writes": 2}
    assert stat.orig_data_size == 4 * PAGE


def test_writeback_takes_long_blocks_first_since_6_13() -> None:
    """By the source of 6.18: buckets of 64 bytes, and the last block found is the first to go."""
    lengths = [64, 127, 128, 3600, PAGE, SAME, 3583, 3584, 63, PAGE]
    zram = Zram(kernels.get("6.18"), writeback_limit=6)
    for index, length in enumerate(lengths):
        zram.write(index, length)
    zram.mark_idle()
    assert zram.writeback("idle") == [9, 4, 7, 3, 6, 2]
    assert zram.mm_stat.compr_data_size == 64 + 127 + 63
    zram.writeback_limit = 2
    assert zram.writeback("idle") == [1, 0]
    zram.write(5, PAGE)
    zram.writeback_limit = None
    assert zram.writeback("huge") == [5]


def test_idle_pages_are_those_not_read_since_and_same_filled_ones_stay() -> None:
    zram = Zram(NEW)
    for index, length in enumerate([100, PAGE, SAME, 200]):
        zram.write(index, length)
    assert zram.writeback("idle") == []
    zram.mark_idle()
    zram.read(0)
    assert zram.writeback("huge_idle") == [1]
    assert zram.writeback("idle") == [3]
    assert zram.writeback("idle") == []
    assert (zram.mm_stat.same_pages, zram.mm_stat.compr_data_size) == (1, 100)


@given(st.integers(0, 2**32))
def test_whatever_happens_an_emptied_device_holds_nothing(seed: int) -> None:
    dice = random.Random(seed)
    limit = dice.choice((0, 20 * PAGE))
    zram = Zram(kernels.get(dice.choice(("6.1", "6.12"))), limit)
    held: dict[int, int] = {}
    for _ in range(200):
        index = dice.randrange(40)
        match dice.randrange(6):
            case 0:
                zram.slot_free_notify(index)
                held.pop(index, None)
            case 1 if dice.random() < 0.2:
                zram.mark_idle()
                for gone in zram.writeback(dice.choice(("huge", "idle", "huge_idle"))):
                    held[gone] = -1
            case 2:
                zram.read(index)
            case _:
                length = dice.choice((0, PAGE, dice.randrange(1, 3625)))
                if zram.write(index, length or SAME):
                    held[index] = length
        stat = zram.mm_stat
        assert stat.orig_data_size == len(held) * PAGE
        assert stat.compr_data_size == sum(length for length in held.values() if length > 0)
        assert stat.same_pages == sum(length == 0 for length in held.values())
        assert stat.huge_pages == sum(length == PAGE for length in held.values())
        assert zram.bd_stat.bd_count == sum(length < 0 for length in held.values())
        assert stat.mem_used_total <= stat.mem_used_max
        assert not limit or stat.mem_used_total <= limit
    for index in range(40):
        zram.slot_free_notify(index)
    assert (zram.mm_stat.mem_used_total, zram.bd_stat.bd_count) == (0, 0)


def test_counting_by_lengths_is_the_same_as_block_by_block() -> None:
    dice = random.Random(3)
    views = array(
        "H", (dice.choice((SAME, ZEROS, PAGE, dice.randrange(1, 3625))) for _ in range(5000))
    )
    together, single = Zram(NEW), Zram(NEW)
    together.write_run(1, views[:1000])
    together.write_run(1001, views[1000:])
    for index, view in enumerate(views, 1):
        if view != ZEROS:
            single.write(index, view)
    assert together.stat() == single.stat()
    for zram in (together, single):
        zram.slot_free_notify(views.index(PAGE) + 1)
        zram.write(7000, 100)
        zram.mark_idle()
    assert together.writeback("huge_idle") == single.writeback("huge_idle")
    assert together.stat() == single.stat()


def test_a_device_that_is_filled_at_once_ends_as_one_filled_page_by_page() -> None:
    dice = random.Random(4)
    measured = array("H", (dice.choice((ZEROS, SAME + 9, 4096, 3000)) for _ in range(3000)))
    together, single = zram_filling("6.18"), zram_filling("6.18")
    together.add(measured)
    for at in range(len(measured)):
        single.add(measured[at : at + 1])
    assert together.outcome() == single.outcome()
