# SPDX-License-Identifier: GPL-2.0-or-later
"""Data pages are counted right, whatever is a hole, and an empty terabyte costs no time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.area.header.contents import Contents, count, data_size
from ghostswap.area.header.explain import inspect
from ghostswap.area.header.header import PAGE_SIZES, Header
from ghostswap.area.target.target import open_target


def area(path: Path, header: Header, pages: dict[int, bytes], size: int, offset: int = 0) -> str:
    """An area of *size* bytes at *offset*, sparse but for its header and *pages*."""
    with path.open("wb") as file:
        file.truncate(offset + size)
        for number, data in {0: header.build(), **pages}.items():
            file.seek(offset + number * header.page_size)
            file.write(data)
    return str(path)


def counted(path: str, offset: int = 0) -> Contents:
    steps: list[int] = []
    with open_target(path) as target:
        found = inspect(target, offset)
        result = count(target, found, steps.append)
        assert sum(steps) == data_size(found)
        assert min(steps, default=0) >= 0
    return result


@given(
    page_size=st.sampled_from(PAGE_SIZES),
    written=st.dictionaries(st.integers(1, 39), st.sampled_from([b"\0", b"x", b"last"])),
    there=st.integers(1, 45),
    offset=st.sampled_from([0, 512, 12288]),
)
@settings(deadline=None)
def test_zero_nonzero_and_missing_pages_are_told_apart(
    tmp_path_factory: pytest.TempPathFactory,
    page_size: int,
    written: dict[int, bytes],
    there: int,
    offset: int,
) -> None:
    pages = {
        number: b"\0" * (page_size - 4) + what if what == b"last" else what
        for number, what in written.items()
        if number < there
    }
    full = sum(any(data) for data in pages.values())
    path = tmp_path_factory.mktemp("contents") / "area"
    size = there * page_size
    name = area(path, Header(page_size, "little", 39), pages, size, offset)
    present = min(there - 1, 39)
    assert counted(name, offset) == Contents(present - full, full, 39 - present)


def test_what_lies_behind_last_page_is_not_counted(tmp_path: Path) -> None:
    path = area(tmp_path / "area", Header(4096, "little", 9), {10: b"x" * 4096}, 1 << 20)
    assert counted(path) == Contents(9, 0, 0)


def test_a_ghost_has_nothing_but_missing_pages(tmp_path: Path) -> None:
    path = area(tmp_path / "ghost", Header(4096, "little", 99), {}, 4096)
    assert counted(path) == Contents(0, 0, 99)


def test_holes_are_skipped_and_memory_stays_flat(tmp_path: Path) -> None:
    header = Header(4096, "little", (1 << 28) - 1)
    data = {1000: b"x" * (8 << 20), 1 << 27: b"y"}
    path = area(tmp_path / "area", header, data, 1 << 40)
    tracemalloc.start()
    try:
        assert counted(path).nonzero_pages == (8 << 20) // 4096 + 1
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
