# SPDX-License-Identifier: GPL-2.0-or-later
"""Sizes are read and written as util-linux does, and text is safe to print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import UsageError
from ghostswap.units import format_size, parse_size, printable


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("0x10000", 65536),
        ("010", 8),
        ("64K", 65536),
        ("64k", 65536),
        ("64KiB", 65536),
        ("64KB", 64000),
        ("1.5M", 1572864),
        ("2T", 2 << 40),
        ("1E", 1 << 60),
        ("0.5G", 1 << 29),
    ],
)
def test_sizes_are_read_as_util_linux_reads_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "64Q", "-1", "1.5", "K", "1 K", "1KiBs", "089", "0x", "1\x1b"]
)
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (36864, "36 KiB"),
        (294912, "288 KiB"),
        (1044480, "1020 KiB"),
        (1568768, "1.5 MiB"),
        (8589930496, "8 GiB"),
        (17592186036224, "16 TiB"),
        (1023, "1023 B"),
        (0, "0 B"),
        (-36864, "-36 KiB"),
    ],
)
def test_sizes_are_written_as_mkswap_writes_them(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.text(st.characters(codec=None)))
def test_nothing_printable_returns_can_move_a_cursor(text: str) -> None:
    assert printable(text).isprintable()


def test_printable_leaves_ordinary_text_alone() -> None:
    assert printable("Größe 日本") == "Größe 日本"
    assert printable("a\x1b[31m\n\udcff\u202e") == "a\\x1b[31m\\n\\udcff\\u202e"
