# SPDX-License-Identifier: GPL-2.0-or-later
"""Partition tables: what sgdisk wrote is found, and nothing absurd costs time or memory."""

from __future__ import annotations

import os
import struct
import subprocess
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.area.disk.partitions import partitions
from ghostswap.area.disk.scan import scan
from ghostswap.area.header.explain import Inspection
from ghostswap.area.header.header import Header
from ghostswap.area.target.partition import SWAP_TYPES, Partition
from ghostswap.area.target.target import Target, open_target
from ghostswap.errors import TargetError

MIB = 1 << 20
SWAP = uuid.UUID(SWAP_TYPES[1])
DATA = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
needs_sgdisk = pytest.mark.skipif(which("sgdisk") is None, reason="sgdisk is not installed")

#: An entry of an MBR: type, first sector, sectors.
Entry = tuple[int, int, int]


def mbr(*entries: Entry, boot_ind: int = 0) -> bytes:
    rows = b"".join(
        struct.pack("<B3xB3xII", boot_ind, kind, start, count) for kind, start, count in entries
    )
    return bytes(440) + struct.pack("<IH", 0x1234ABCD, 0) + rows.ljust(64, b"\0") + b"\x55\xaa"


def gpt(
    entries: Sequence[tuple[uuid.UUID, int, int]],
    sectors: int,
    sector: int = 512,
    *,
    lba: int = 1,
    count: int = 128,
    each: int = 128,
) -> tuple[bytes, bytes]:
    """A GPT's header and its entries, which start at LBA 2: by the UEFI specification 2.10."""
    rows = [
        kind.bytes_le + uuid.UUID(int=number).bytes_le + struct.pack("<QQQ", first, last, 0)
        for number, (kind, first, last) in enumerate(entries, 1)
    ]
    table = b"".join(row.ljust(each, b"\0") for row in rows).ljust(min(each * count, MIB), b"\0")
    other = sectors - 1 if lba == 1 else 1
    fields = (lba, other, 34, sectors - 34, bytes(16), 2, count, each, zlib.crc32(table))
    rest = struct.pack("<IQQQQ16sQIII", 0, *fields)
    start = b"EFI PART" + struct.pack("<II", 0x10000, 92)
    crc = zlib.crc32(start + bytes(4) + rest)
    return (start + struct.pack("<I", crc) + rest).ljust(sector, b"\0"), table


def disk(path: Path, pieces: dict[int, bytes], size: int) -> str:
    with path.open("wb") as file:
        file.truncate(size)
        for offset, piece in pieces.items():
            file.seek(offset)
            file.write(piece)
    return str(path)


@contextmanager
def in_memory(image: bytes) -> Iterator[Target]:
    fd = os.memfd_create("disk")
    try:
        os.write(fd, image)
        yield Target("disk", fd, "file", len(image), 0, 0o600, 0, 0, "")
    finally:
        os.close(fd)


def found(path: str) -> list[Partition] | None:
    with open_target(path) as target:
        return partitions(target)


def told_by_partx(path: str) -> list[tuple[int, int, int, str, str]]:
    """What libblkid makes of the table, without extended partitions, which hold nothing."""
    if which("partx") is None:
        pytest.skip("partx is not installed")
    columns = ["--output", "NR,START,SECTORS,TYPE,UUID"]
    show = ["partx", "--show", "--noheadings", *columns, path]
    lines = subprocess.run(show, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = (line.split() for line in lines)
    return [
        (int(number), int(start) * 512, int(count) * 512, kind.removeprefix("0x"), name)
        for number, start, count, kind, name in rows
        if kind not in ("0x5", "0xf", "0x85")
    ]


def places(path: str) -> list[tuple[int, int, int]]:
    return [(part.number, part.start, part.size) for part in found(path) or []]


@needs_sgdisk
def test_a_gpt_made_by_sgdisk_is_read_with_names_and_identities(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.touch()
    os.truncate(path, 64 * MIB)
    made = str(uuid.UUID(int=7))
    options = ["-n", "1:2048:+4M", "-t", "1:8300", "-n", "3:0:+16M", "-t", "3:8200"]
    options += ["-c", "3:swap für x", "-u", f"3:{made}"]
    subprocess.run(["sgdisk", *options, path], check=True, capture_output=True)
    data, swap = found(str(path)) or []
    assert (data.number, data.start, data.size, data.for_swap) == (1, MIB, 4 * MIB, False)
    assert (swap.number, swap.start, swap.size) == (3, 5 * MIB, 16 * MIB)
    assert told_by_partx(str(path)) == [
        (part.number, part.start, part.size, part.type, part.uuid) for part in (data, swap)
    ]
    assert (swap.table, swap.for_swap, swap.uuid, swap.name) == ("gpt", True, made, "swap für x")


@needs_sgdisk
def test_a_damaged_gpt_is_read_from_its_second_copy(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.touch()
    os.truncate(path, 64 * MIB)
    subprocess.run(["sgdisk", "-n", "1:2048:+4M", path], check=True, capture_output=True)
    before = found(str(path))
    with path.open("r+b") as file:
        file.seek(512 + 40)
        file.write(b"damage")
    assert before is not None
    assert found(str(path)) == before
    with path.open("r+b") as file:
        file.seek(-512 + 40, os.SEEK_END)
        file.write(b"damage")
    with pytest.raises(TargetError, match="damaged"):
        found(str(path))


@needs_sgdisk
def test_an_mbr_made_by_sgdisk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.touch()
    os.truncate(path, 64 * MIB)
    options = ["-n", "1:2048:+4M", "-n", "2:0:+16M", "-t", "2:8200", "-m", "1:2"]
    subprocess.run(["sgdisk", *options, path], check=True, capture_output=True)
    table = found(str(path)) or []
    assert [(part.table, part.type, part.start) for part in table] == [
        ("dos", "83", MIB),
        ("dos", "82", 5 * MIB),
    ]
    disk_id = int.from_bytes(path.read_bytes()[440:444], "little")
    assert table[1].uuid == f"{disk_id:08x}-02"


def test_a_gpt_with_sectors_of_4096_bytes_is_found_in_an_image(tmp_path: Path) -> None:
    head, table = gpt([(SWAP, 256, 511)], 4096, 4096)
    pieces = {0: mbr((0xEE, 1, 4095)), 4096: head, 2 * 4096: table}
    assert places(disk(tmp_path / "disk", pieces, 16 * MIB)) == [(1, MIB, MIB)]


def test_logical_partitions_are_numbered_from_five_and_lie_relative_to_their_chain(
    tmp_path: Path,
) -> None:
    pieces = {
        0: mbr((0x83, 64, 64), (0x05, 1000, 5000)),
        1000 * 512: mbr((0x82, 10, 100), (0x05, 500, 600)),
        1500 * 512: mbr((0x83, 20, 200)),
    }
    path = disk(tmp_path / "disk", pieces, 8 * MIB)
    assert places(path) == [
        (1, 64 * 512, 64 * 512),
        (5, 1010 * 512, 100 * 512),
        (6, 1520 * 512, 200 * 512),
    ]
    assert told_by_partx(path) == [
        (part.number, part.start, part.size, part.type, part.uuid) for part in found(path) or []
    ]


def test_a_chain_of_logical_partitions_that_loops_ends(tmp_path: Path) -> None:
    pieces = {
        0: mbr((0x05, 1000, 5000)),
        1000 * 512: mbr((0x82, 10, 100), (0x05, 500, 600)),
        1500 * 512: mbr((0x82, 20, 100), (0x05, 0, 600)),
    }
    assert [row[0] for row in places(disk(tmp_path / "disk", pieces, 8 * MIB))] == [5, 6]


def test_an_endless_chain_of_logical_partitions_is_cut_where_the_kernel_cuts_it(
    tmp_path: Path,
) -> None:
    pieces = {0: mbr((0x05, 1000, 5000))}
    for link in range(1000):
        pieces[(1000 + link) * 512] = mbr((0x82, 10, 100), (0x05, link + 1, 600))
    assert places(disk(tmp_path / "disk", pieces, 8 * MIB))[-1][0] == 255


def test_a_fat_boot_sector_is_no_partition_table(tmp_path: Path) -> None:
    assert found(disk(tmp_path / "disk", {0: mbr((0x82, 1, 9), boot_ind=0x6F)}, MIB)) is None
    assert found(disk(tmp_path / "other", {0: mbr()}, MIB)) is None
    assert found(disk(tmp_path / "empty", {}, 0)) is None


@pytest.mark.parametrize(
    ("count", "each"), [(0xFFFFFFFF, 128), (128, 0xFFFFFFFF), (1, 0), (0, 128), (2, 256)]
)
def test_absurd_counts_in_a_gpt_are_refused_without_reading_them(
    tmp_path: Path, count: int, each: int
) -> None:
    head, table = gpt([], 2048, count=count, each=each)
    pieces = {0: mbr((0xEE, 1, 2047)), 512: head, 1024: table[:MIB]}
    path = disk(tmp_path / "disk", pieces, 2 * MIB)
    if count == 0:
        assert found(path) == []
    else:
        with pytest.raises(TargetError, match="damaged"):
            found(path)


def test_a_partition_that_lies_beyond_every_file_offset_is_named(tmp_path: Path) -> None:
    head, table = gpt([(SWAP, 1 << 62, (1 << 64) - 1)], 2048)
    pieces = {0: mbr((0xEE, 1, 2047)), 512: head, 1024: table}
    path = disk(tmp_path / "disk", pieces, MIB)
    with open_target(path) as target:
        (error,) = scan(target)
    assert isinstance(error, TargetError)
    assert "partition 1, for swap by its type: offset" in error.reason


def test_areas_are_found_at_the_start_and_in_partitions_and_a_missing_one_is_named(
    tmp_path: Path,
) -> None:
    area = Header(8192, "big", 20).build()
    boot = mbr((0x82, 100, 500), (0x83, 700, 300), (0x82, 1100, 100))
    whole = Header(4096, "little", 255).build()
    pieces = {0: whole, 100 * 512: area, 700 * 512: area, 446: boot[446:512]}
    with open_target(disk(tmp_path / "disk", pieces, MIB)) as target:
        results = list(scan(target))
    areas = [result for result in results if isinstance(result, Inspection)]
    assert [(a.offset, a.size, a.partition and a.partition.number) for a in areas] == [
        (0, MIB, None),
        (100 * 512, 500 * 512, 1),
        (700 * 512, 300 * 512, 2),
    ]
    (error,) = (result for result in results if isinstance(result, TargetError))
    assert error.reason.startswith("partition 3, for swap by its type: not a swap area")


@given(
    start=st.binary(max_size=2048),
    rows=st.lists(
        st.tuples(
            st.sampled_from([0, 5, 0x82, 0xEE]), st.integers(0, 40), st.integers(0, 0xFFFFFFFF)
        ),
        max_size=4,
    ),
    links=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20),
    header=st.binary(max_size=120),
)
@settings(deadline=None)
def test_no_bytes_make_more_of_it_than_a_list_or_an_error(
    start: bytes, rows: list[Entry], links: list[tuple[int, int]], header: bytes
) -> None:
    image = bytearray(64 * 512)
    for place, following in links:
        image[place * 512 : place * 512 + 512] = mbr((0x82, 1, 1), (5, following, 9))
    image[512 : 512 + len(header)] = header
    image[: len(start)] = start
    image[446:512] = mbr(*rows)[446:]
    with in_memory(image) as target, suppress(TargetError):
        for part in partitions(target) or []:
            assert part.number < 256
            assert part.start >= 0
        for result in scan(target):
            assert isinstance(result, Inspection | TargetError)


@given(
    changes=st.lists(st.tuples(st.integers(0, 91), st.binary(min_size=1, max_size=8)), max_size=3)
)
@settings(deadline=None)
def test_a_gpt_header_with_valid_checksum_and_any_fields_is_bounded(
    changes: list[tuple[int, bytes]],
) -> None:
    head, table = gpt([(SWAP, 40, 50), (DATA, 60, 50)], 128)
    changed = bytearray(head)
    for place, piece in changes:
        changed[place : place + len(piece)] = piece
    changed = changed[:512]
    changed[16:20] = bytes(4)
    changed[16:20] = struct.pack("<I", zlib.crc32(changed[:92]))
    image = (mbr((0xEE, 1, 127)) + bytes(changed) + table).ljust(128 * 512, b"\0")
    with in_memory(image) as target, suppress(TargetError):
        for part in partitions(target) or []:
            assert part.size > 0
