# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that both ways through a page table find the same anonymous pages, and only those."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator

import pytest

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes import pagemap

MAP_NORESERVE = 0x4000
MADV_GUARD_INSTALL = 102


@pytest.fixture
def fd() -> Iterator[int]:
    fd = os.open("/proc/self/pagemap", os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture(params=["scan", "read_entries"])
def walk(request: pytest.FixtureRequest, fd: int) -> pagemap.Walk:
    if request.param == "scan" and pagemap.best_walk(fd) is not pagemap.scan:
        pytest.skip("no PAGEMAP_SCAN in this kernel")
    return getattr(pagemap, request.param)  # type: ignore[no-any-return]


def anonymous(pages: int) -> mmap.mmap:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    return mmap.mmap(-1, pages * PAGE_SIZE, flags)


def address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def found(walk: pagemap.Walk, fd: int, memory: mmap.mmap, max_pages: int) -> list[int]:
    """Walk through all of *memory*; return the numbers of the pages found."""
    start = at = address(memory)
    end = start + len(memory)
    numbers: list[int] = []
    while at < end:
        runs, walk_end = walk(fd, at, end, max_pages)
        assert at < walk_end <= end
        assert sum(last - first for first, last in runs) <= max_pages * PAGE_SIZE
        for first, last in runs:
            assert at <= first < last <= walk_end
            numbers += range((first - start) // PAGE_SIZE, (last - start) // PAGE_SIZE)
        at = walk_end
    return numbers


@pytest.mark.parametrize("max_pages", [1, 3, 64, 5000])
def test_the_pages_that_were_written_are_found(walk: pagemap.Walk, fd: int, max_pages: int) -> None:
    written = [0, 1, 2, 3, 9, *range(1000, 3000), *range(4000, 5400, 2), 8191]
    with anonymous(8192) as memory:
        for number in written:
            memory[number * PAGE_SIZE] = 1
        assert found(walk, fd, memory, max_pages) == written


def test_lone_pages_in_a_vast_reserve_are_found(walk: pagemap.Walk, fd: int) -> None:
    pages = (1 << 36) // PAGE_SIZE
    with anonymous(pages) as memory:
        memory[(pages // 3) * PAGE_SIZE] = 1
        memory[(pages - 1) * PAGE_SIZE] = 1
        assert found(walk, fd, memory, 16) == [pages // 3, pages - 1]


def test_pages_of_files_are_none_until_they_are_copied(walk: pagemap.Walk, fd: int) -> None:
    with (
        open(ctypes.__file__, "rb") as file,
        mmap.mmap(file.fileno(), 2 * PAGE_SIZE, access=mmap.ACCESS_COPY) as memory,
    ):
        assert memory[0]
        assert found(walk, fd, memory, 16) == []
        memory[0] = 1
        assert found(walk, fd, memory, 16) == [0]


def test_shared_memory_is_none(walk: pagemap.Walk, fd: int) -> None:
    with mmap.mmap(-1, 4 * PAGE_SIZE, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS) as shared:
        shared[0] = 1
        assert found(walk, fd, shared, 16) == []


def test_only_the_scan_knows_the_shared_zero_page(walk: pagemap.Walk, fd: int) -> None:
    with anonymous(16) as memory:
        memory[3 * PAGE_SIZE] = 1
        assert memory[8 * PAGE_SIZE] == 0  # to read it maps the zero page
        expected = [3] if walk is pagemap.scan else [3, 8]
        assert found(walk, fd, memory, 16) == expected


def test_guard_regions_are_no_memory(walk: pagemap.Walk, fd: int) -> None:
    with anonymous(16) as memory:
        memory[:] = b"\1" * len(memory)
        try:
            memory.madvise(MADV_GUARD_INSTALL, 4 * PAGE_SIZE, 2 * PAGE_SIZE)
        except OSError:
            pytest.skip("no guard regions before Linux 6.13")
        assert found(walk, fd, memory, 16) == [0, 1, 2, 3, *range(6, 16)]
