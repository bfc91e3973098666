# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels' verdicts: equal to what real kernels answered, in errno, log line and page count."""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from typing import Any

import pytest
from conftest import load_case

from ghostswap import kernels
from ghostswap.area.header.header import PAGE_SIZES, Header, pack_badpages
from ghostswap.area.header.layout import ByteOrder
from ghostswap.area.judge import filesystems
from ghostswap.area.judge.area import Area, Machine
from ghostswap.area.judge.refusal import Refusal
from ghostswap.area.judge.rules import judge
from ghostswap.kernels import KERNELS

ROWS = load_case("swapon.json.xz")
GUEST = Machine(ram=1 << 30)
HOLES = filesystems.IOMAP.hole
ON_TMPFS = Refusal("a file on tmpfs cannot hold swap", "put it on a disk")


def area_of(row: dict[str, Any]) -> Area:
    path = "/mnt/img"
    assert HOLES.log is not None
    holes = Refusal(HOLES.reason, HOLES.cure.advice, HOLES.log.format(path=path))
    return Area(
        start=zlib.decompress(base64.b64decode(row["data_z64"])),
        size=row["size"],
        kind="block" if row["mode"] == "loop" else "file",
        path=path,
        opening=ON_TMPFS if row["mode"] == "tmpfs" else None,
        activation=holes if row["mode"] == "file" and row["alloc"] in ("sparse", "hole") else None,
    )


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row['kernel']}-{row['mode']}-{row['name']}"
)
def test_verdict_is_the_recorded_one(row: dict[str, Any]) -> None:
    verdict = judge(area_of(row), KERNELS[row["kernel"]], GUEST, row["flags"])
    assert verdict.pages == row["pages"]
    if row["errno"] is None:
        assert verdict.accepted
        return
    assert verdict.refusal is not None
    assert verdict.refusal.errno == row["errno"]
    # The recorded caller was a program named "helper", a user's is swapon(8).
    log = [line.replace("helper: ", "swapon: ") for line in row["log"]]
    assert ([] if verdict.refusal.log is None else [verdict.refusal.log]) == log
    assert verdict.refusal.reason
    assert verdict.refusal.cure


def test_kernels_recorded_are_many() -> None:
    """So that a file of cases cannot lose some without a word."""
    assert Counter(row["kernel"] for row in ROWS) == {
        **{"6.1": 433, "6.12": 103, "6.18": 124, "7.1": 507, "7.3": 171},
        "ghost": 103,
    }


@pytest.mark.parametrize("kernel", ["6.1", "6.6", "6.18", "6.19"])
def test_other_released_kernels_judge_as_6_12_does(kernel: str) -> None:
    rows = [row for row in ROWS if row["kernel"] == "6.12"]
    assert len(rows) == 103
    for row in rows:
        expected = judge(area_of(row), KERNELS["6.12"], GUEST, row["flags"])
        found = judge(area_of(row), KERNELS[kernel], GUEST, row["flags"])
        assert (found.pages, found.refusal) == (expected.pages, expected.refusal)


BAD_PAGES = {
    "border": ((70,), "Bad slot offset is out of border: 70 (last_page: 63)"),
    "header": ((0,), "Bad slot offset is out of border: 0 (last_page: 63)"),
    "huge": ((0xFFFFFFFF,), "Bad slot offset is out of border: -1 (last_page: 63)"),
    "twice": ((3, 3), "Duplicated bad slot offset 3"),
    "sixteen times": ((3,) * 16, "Duplicated bad slot offset 3"),
    "all": (tuple(range(1, 64)), "Empty swap-file"),
}


@pytest.mark.parametrize("name", BAD_PAGES)
def test_from_7_1_on_bad_pages_are_looked_at_one_by_one(name: str) -> None:
    pages, log = BAD_PAGES[name]
    head = Header(*(4096, "little", 63, len(pages)), badpages_raw=pack_badpages(pages, "little"))
    area = Area(head.build(), 64 * 4096, "block")
    for kernel in ("7.1", "7.3"):
        refusal = judge(area, KERNELS[kernel], GUEST).refusal
        assert refusal is not None
        assert (refusal.errno, refusal.log) == ("EINVAL", log)
    before = judge(area, KERNELS["6.19"], GUEST)
    assert before.accepted == (name in ("twice", "sixteen times"))
    assert before.refusal is None or before.refusal.log in (None, "Empty swap-file")


def ghost(pages: int) -> Area:
    return Area(Header(page_size=4096, byte_order="little", last_page=pages - 1).build(), 4096)


def test_a_ghost_that_takes_all_memory_for_its_slots_gets_the_caller_killed() -> None:
    """467 M pages on a 1 GB machine: swap_map fits in one piece, all arrays together do not."""
    verdict = judge(ghost(467_000_000), KERNELS["ghost"], GUEST)
    assert verdict.refusal is not None
    assert verdict.refusal.errno is None
    assert "killed" in verdict.refusal.reason
    assert judge(ghost(467_000_000), KERNELS["ghost"], Machine(ram=4 << 30)).accepted


def test_a_page_of_another_kernel_is_named_with_the_page_size_to_use() -> None:
    """The Raspberry Pi case: a 4 KiB header on a kernel with 16 KiB pages."""
    area = Area(Header(page_size=4096, byte_order="little", last_page=1023).build(), 4 << 20)
    verdict = judge(area, KERNELS["6.12"], Machine(ram=1 << 30, page_size=16384))
    assert verdict.refusal is not None
    assert verdict.refusal.log == "Unable to find swap-space signature"
    assert "4 KiB" in verdict.refusal.reason
    assert "--pagesize 16384" in verdict.refusal.cure


@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize("area_order", ["little", "big"])
@pytest.mark.parametrize("machine_order", ["little", "big"])
def test_pages_of_its_own_size_are_all_that_a_kernel_asks_for(
    page_size: int, area_order: ByteOrder, machine_order: ByteOrder
) -> None:
    """Each page size is taken by its own kernel and no other; byte order makes no difference."""
    area = Area(Header(page_size, area_order, 15).build(), 16 * page_size, "block")
    for judging in PAGE_SIZES:
        for kernel in KERNELS.values():
            verdict = judge(area, kernel, Machine(1 << 30, judging, machine_order))
            assert verdict.pages == (15 if judging == page_size else None)


def test_a_version_is_named_as_the_machine_reads_it() -> None:
    area = Area(Header(4096, "little", 15, version=2).build(), 16 * 4096)
    logs = [
        refusal.log
        for order in ("little", "big")
        if (refusal := judge(area, KERNELS["6.18"], Machine(1 << 30, 4096, order)).refusal)
    ]
    assert logs == [f"Unable to handle swap header version {n}" for n in (2, 1 << 25)]


def test_a_ghost_is_as_large_as_a_page_of_the_kernel() -> None:
    for size in PAGE_SIZES:
        area = Area(Header(size, "little", 1 << 20).build(), size)
        machine = Machine(1 << 30, size, "little")
        assert judge(area, KERNELS["ghost"], machine).pages == 1 << 20
        refusal = judge(area, KERNELS["6.18"], machine).refusal
        assert refusal is not None
        assert refusal.log == "Swap area shorter than signature indicates"


def test_kernels_differ_where_memory_is_short_and_blocks_are_missing() -> None:
    """A file with holes that declares more slots than there is memory for."""
    slots = 1 << 24
    refusal = Refusal("holes", "fill them", "swapon: file FILE has unallocated extents")
    start = Header(4096, "little", slots - 1).build()
    area = Area(start, slots * 4096, activation=refusal)
    said = {}
    for kernel in KERNELS.values():
        found = judge(area, kernel, Machine(1 << 20)).refusal
        assert found is not None
        said[kernel.name] = found.errno
    assert {said.pop("6.1"), said.pop("6.6")} == {"ENOMEM"}
    assert set(said.values()) == {"EINVAL"}


def test_pages_that_the_file_system_does_not_find_are_not_counted() -> None:
    area = Area(Header(4096, "little", 15).build(), 16 * 4096, mapped_pages=10)
    for kernel in KERNELS.values():
        assert judge(area, kernel, GUEST).pages == 9
        alone = judge(area._replace(mapped_pages=1), kernel, GUEST).refusal
        assert alone is not None
        assert alone.log == "Empty swap-file"


@pytest.mark.parametrize(
    ("release", "name", "known"),
    [
        ("6.18.44-fc-v669", "6.18", True),
        ("6.12.0-1-amd64", "6.12", True),
        ("6.14.2", "6.12", False),
        ("6.19.14+deb13-amd64", "6.19", True),
        ("7.1.0-rc3", "7.1", True),
        ("9.1.0-rc3", kernels.RELEASES[-1], False),
        ("5.10.0", "6.1", False),
    ],
)
def test_a_release_is_judged_by_the_newest_known_kernel_not_newer(
    release: str, name: str, known: bool
) -> None:
    kernel, exact = kernels.nearest(release)
    assert (kernel.name, exact) == (name, known)
