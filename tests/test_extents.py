# SPDX-License-Identifier: GPL-2.0-or-later
"""Extents on real file systems are those of filefrag(8), with every flag, and add up."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.filesystems import mounted

from ghostswap import extents
from ghostswap.extents import Extent, ExtentFlag, Summary

BLOCK = 4096
needs_filefrag = pytest.mark.skipif(which("filefrag") is None, reason="filefrag is not installed")


def told_by_filefrag(path: Path) -> list[tuple[int, int, int, set[str]]]:
    show = ["filefrag", "-v", "-b1", path]
    text = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    rows = re.findall(
        r"^ *\d+: +(\d+)\.\. *\d+: +(\d+)\.\. *\d+: +(\d+):(?: +\d+)?:? *([a-z_,]*)$", text, re.M
    )
    return [
        (int(logical), int(physical), int(length), set(flags.split(",")) - {"", "last", "eof"})
        for logical, physical, length, flags in rows
    ]


def found(path: Path) -> list[Extent]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return list(extents.extents(fd) or ())
    finally:
        os.close(fd)


def summed(path: Path) -> Summary:
    return extents.summary(found(path), 0, path.stat().st_size)


@needs_filefrag
@pytest.mark.parametrize("fstype", ["ext4", "xfs", "btrfs"])
def test_extents_holes_and_unwritten_ranges_are_filefrags(tmp_path: Path, fstype: str) -> None:
    with mounted(fstype, tmp_path) as point:
        path = point / "file"
        with path.open("wb") as file:
            file.truncate(4 << 20)
            for offset in (0, 1 << 20, 3 << 20):
                file.seek(offset)
                file.write(os.urandom(64 << 10))
            os.posix_fallocate(file.fileno(), 2 << 20, 128 << 10)
            os.fsync(file.fileno())
        assert [
            (e.logical, e.physical, e.length, set(extents.flag_names(e.flags)) - {"last"})
            for e in found(path)
        ] == told_by_filefrag(path)
        total = summed(path)
        assert (total.holes, total.unwritten_bytes) == (4, 128 << 10)
        assert total.allocated == (3 * 64 + 128) << 10
        assert total.allocated + total.hole_bytes == 4 << 20
        assert total.allocated == path.stat().st_blocks * 512


@needs_filefrag
@pytest.mark.parametrize("fstype", ["xfs", "btrfs"])
def test_shared_extents_are_flagged(tmp_path: Path, fstype: str) -> None:
    with mounted(fstype, tmp_path) as point:
        (point / "one").write_bytes(os.urandom(1 << 20))
        subprocess.run(["cp", "--reflink=always", point / "one", point / "two"], check=True)
        os.sync()
        assert summed(point / "two").flags["shared"] == len(told_by_filefrag(point / "two")) > 0


def test_encoded_and_inline_extents_are_flagged(tmp_path: Path) -> None:
    with mounted("btrfs", tmp_path, options="compress=zlib") as point:
        (point / "packed").write_bytes(bytes(range(256)) * 4096)
        (point / "tiny").write_bytes(b"x" * 100)
        os.sync()
        packed = summed(point / "packed")
        assert packed.flags["encoded"] == packed.number > 0
        assert summed(point / "tiny").flags["inline"] == 1


def test_a_file_system_that_cannot_tell_gives_none() -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        assert extents.extents(file.fileno()) is None


@given(
    lengths=st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 9), st.sampled_from(list(ExtentFlag)))
    ),
    start=st.integers(0, 40),
    size=st.integers(1, 80),
)
def test_what_is_allocated_and_what_is_not_add_up_to_the_range(
    lengths: list[tuple[int, int, ExtentFlag]], start: int, size: int
) -> None:
    every, position = [], 0
    for gap, length, flag in lengths:
        every.append(Extent((position + gap) * BLOCK, 0, length * BLOCK, flag))
        position += gap + length
    end = start + size
    total = extents.summary(every, start * BLOCK, end * BLOCK)
    blocks = {b for e in every for b in range(e.logical // BLOCK, e.end // BLOCK)}
    inside = {b for b in blocks if start <= b < end}
    assert total.allocated == len(inside) * BLOCK
    assert total.hole_bytes == (size - len(inside)) * BLOCK
    assert total.holes == sum(
        1 for b in range(start, end) if b not in blocks and (b == start or b - 1 in blocks)
    )
    assert sum(total.flags.values()) <= total.number
