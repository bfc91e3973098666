# SPDX-License-Identifier: GPL-2.0-or-later
"""Idle page tracking, by bits as Documentation/admin-guide/mm/idle_page_tracking.rst has them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ghostswap.errors import TargetError
from ghostswap.live.idle import Idle

HEAD, TAIL = 1 << 15, 1 << 16


@pytest.fixture
def idle(tmp_path: Path) -> Idle:
    """Of 1024 frames, of which 520 to 527 are a huge page, and 512 to 515 another."""
    flags = [0] * 1024
    for first, end in ((512, 516), (520, 528)):
        flags[first:end] = [HEAD] + [TAIL] * (end - first - 1)
    (tmp_path / "flags").write_bytes(struct.pack("<1024Q", *flags))
    (tmp_path / "bitmap").write_bytes(bytes(128))
    return Idle(str(tmp_path / "bitmap"), str(tmp_path / "flags"))


def words(tmp_path: Path) -> dict[int, int]:
    """The words of the bitmap that are not 0."""
    found = struct.unpack("<16Q", (tmp_path / "bitmap").read_bytes())
    return {number: word for number, word in enumerate(found) if word}


def test_a_frame_is_a_bit_and_a_huge_page_is_its_heads(idle: Idle, tmp_path: Path) -> None:
    with idle:
        idle.mark([0, 63, 64, 200])
        assert words(tmp_path) == {0: 1 | 1 << 63, 1: 1, 3: 1 << 8}
        idle.mark([515, 522, 524])
        assert words(tmp_path)[8] == 1 << 0 | 1 << 8


def test_touched_is_what_is_not_idle_any_more(idle: Idle, tmp_path: Path) -> None:
    with idle:
        idle.mark([1, 2, 521, 523])
        assert idle.touched([1, 2, 3, 520, 521, 527, 528]) == {3, 528}
        (tmp_path / "bitmap").write_bytes(bytes(128))  # as the kernel does for a touched page
        assert idle.touched([1, 2, 521]) == {1, 2, 521}


def test_a_kernel_without_is_said(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="No such file"):
        Idle(str(tmp_path / "none"))
