# SPDX-License-Identifier: GPL-2.0-or-later
"""Every page that the running kernel swaps out gets the slot that we say, on the area we say."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_root
from support.swapon import PAGE, loop

from ghostswap import kernels
from ghostswap.area.header.header import NATIVE, Header, pack_badpages
from ghostswap.live.zswap import MADV_PAGEOUT
from ghostswap.mm.swap.slot_map import NO_SLOT
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.swap.swapfile import ExactSwapSpace

SWAP_FLAG_PREFER, SWAP_FLAG_DISCARD, SWAP_FLAG_DISCARD_PAGES = 0x8000, 0x10000, 0x40000
ORDER = 4
PAGES = 4096  # that come and go, and as many slots, more or less
THP = Path("/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled")
ZSWAP = Path("/sys/module/zswap/parameters/enabled")

pytestmark = [needs_root, pytest.mark.usefixtures("kernel_lock")]
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Area:
    """A swap area of *pages* pages, its header and bad ones among them."""

    pages: int
    rotational: bool = False
    prio: int | None = None
    badpages: tuple[int, ...] = ()
    discard: bool = False

    @property
    def flags(self) -> int:
        discard = (SWAP_FLAG_DISCARD | SWAP_FLAG_DISCARD_PAGES) * self.discard
        return discard | (0 if self.prio is None else SWAP_FLAG_PREFER | self.prio)

    def info(self) -> SwapArea:
        usable = self.pages - 1 - len(self.badpages)
        return SwapArea(
            "",
            "full",
            usable,
            self.prio,
            self.badpages,
            self.rotational,
            discard=self.discard,
            blkdev=True,
        )


class Memory:
    """Anonymous pages, each of which is swapped out or dropped when it is told to be."""

    def __init__(self, pages: int) -> None:
        self._map = mmap.mmap(-1, (pages + 512) * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        first = ctypes.addressof(ctypes.c_char.from_buffer(self._map)) // PAGE
        self._skip = -first % 512  # huge pages are aligned
        self._first = first + self._skip
        self._pages = pages
        self._pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)

    def close(self) -> None:
        self.drop(0, self._pages)
        os.close(self._pagemap)

    def advise(self, advice: int, page: int, count: int) -> None:
        self._map.madvise(advice, (self._skip + page) * PAGE, count * PAGE)

    def fill(self, page: int, order: int) -> None:
        """Fault a folio of *order* in, with pages that are not zero and compress well."""
        count = 1 << order
        self.advise(mmap.MADV_HUGEPAGE if order else mmap.MADV_NOHUGEPAGE, page, count)
        for number in range(page, page + count):
            start = (self._skip + number) * PAGE
            self._map[start : start + 8] = os.urandom(8)

    def drop(self, page: int, count: int) -> None:
        self.advise(mmap.MADV_DONTNEED, page, count)

    def swap_out(self, page: int, count: int) -> None:
        self.advise(MADV_PAGEOUT, page, count)

    def slot(self, page: int) -> tuple[int, int] | None:
        """Where *page* is: the number of the area, and the page there."""
        word = os.pread(self._pagemap, 8, (self._first + page) * 8)
        entry = int.from_bytes(word, "little")
        return (entry & 31, entry >> 5 & (1 << 50) - 1) if entry >> 62 & 1 else None


@contextmanager
def swapped_on(area: Area, path: Path) -> Iterator[None]:
    """*area* on a loop device over *path*, switched on."""
    bad = pack_badpages(area.badpages, NATIVE)
    header = Header(PAGE, NATIVE, area.pages - 1, len(area.badpages), badpages_raw=bad)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, area.pages * PAGE)
        file.write(header.build())
    with loop(path) as device:
        queue = Path("/sys/block", Path(device).name, "queue/rotational")
        queue.write_text(str(int(area.rotational)))
        if _libc.swapon(device.encode(), area.flags):
            pytest.skip(f"swapon: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            assert not _libc.swapoff(device.encode())


@contextmanager
def setting(path: Path, value: str) -> Iterator[None]:
    """*path* in sysfs at *value*."""
    if not path.exists():
        pytest.skip(f"no {path}")
    before = path.read_text().strip()
    if "[" in before:
        before = before.partition("[")[2].partition("]")[0]
    path.write_text(value)
    try:
        yield
    finally:
        path.write_text(before)


@contextmanager
def affinity(count: int) -> Iterator[list[int]]:
    """*count* CPUs to choose from."""
    before = os.sched_getaffinity(0)
    if len(before) < count:
        pytest.skip(f"fewer than {count} CPUs")
    try:
        yield sorted(before)[:count]
    finally:
        os.sched_setaffinity(0, before)


AREAS = {
    "solid state": [Area(4000)],
    "rotational": [Area(4000, rotational=True)],
    "full": [Area(2000)],
    "full, rotational": [Area(2000, rotational=True)],
    "equal": [Area(1500, prio=5), Area(1500, prio=5)],
    "equal, rotational": [Area(1500, True, 5), Area(1500, True, 5)],
    "three": [Area(1500, prio=5), Area(900, True, 5), Area(700, prio=3)],
    "by swapon": [Area(600), Area(600, True), Area(600)],
    "bad pages": [Area(3000, badpages=(7, 600, 601, 2999))],
    "equal, bad pages": [Area(700, True, 9, (3,)), Area(3000, False, 9, (1, 2, 3, 1500))],
}


class Trial:
    """The kernel and ours side by side."""

    def __init__(self, space: ExactSwapSpace, memory: Memory, cpus: list[int]) -> None:
        self.space = space
        self.memory = memory
        self.slots: dict[int, int] = {}
        self.kept = 0
        self._cpus = cpus
        self.run_on(0)

    def run_on(self, cpu: int) -> None:
        self._cpu = cpu
        os.sched_setaffinity(0, {self._cpus[cpu]})

    def swap_out(self, page: int, order: int = 0) -> None:
        """Swap out the folio at *page*.

        The kernel splits what it has no slots in a row for, and takes the pages behind the first
        from the last on.
        """
        count = 1 << order
        self.memory.fill(page, order)
        self.memory.swap_out(page, count)
        first = self.space.alloc(cpu=self._cpu, order=order)
        if first != NO_SLOT:
            found = dict(zip(range(page, page + count), range(first, first + count), strict=True))
        else:
            parts = (page, *range(page + count - 1, page, -1)) if order else ()
            slots = {number: self.space.alloc(cpu=self._cpu) for number in parts}
            found = {number: slot for number, slot in slots.items() if slot != NO_SLOT}
        for number in range(page, page + count):
            slot = found.get(number)
            expected = None if slot is None else self.space.locate(slot)
            assert self.memory.slot(number) == expected
        self.slots |= found
        self.kept += count - len(found)

    def drop(self, page: int, count: int) -> None:
        for number in range(page, page + count):
            self.memory.drop(number, 1)
            if number in self.slots:
                self.space.free(self.slots.pop(number))


@contextmanager
def trial(areas: list[Area], directory: Path, cpus: int = 1) -> Iterator[Trial]:
    """*areas* switched on, and ours of the same make."""
    found, known = kernels.nearest(os.uname().release)
    if not known:
        pytest.skip(f"no rules for Linux {os.uname().release}")
    with ExitStack() as stack:
        stack.enter_context(setting(ZSWAP, "Y"))  # so that a page is away when madvise returns
        chosen = stack.enter_context(affinity(cpus))
        for number, area in enumerate(areas):
            stack.enter_context(swapped_on(area, directory / f"area-{number}"))
        memory = Memory(PAGES)
        stack.callback(memory.close)
        space = ExactSwapSpace([area.info() for area in areas], found.swap, cpus=cpus)
        yield Trial(space, memory, chosen)


def undisturbed(test: Callable[..., None]) -> Callable[..., None]:
    """Once in some thousand pages the kernel takes a slot for another process: then try again."""

    @functools.wraps(test)
    def tried(tmp_path: Path, **parameters: Any) -> None:
        for attempt in range(3):
            directory = tmp_path / str(attempt)
            directory.mkdir()
            try:
                test(tmp_path=directory, **parameters)
            except AssertionError:
                if attempt == 2:
                    raise
            else:
                return

    return tried


@pytest.mark.parametrize("name", AREAS)
@pytest.mark.parametrize("cpus", [1, 2])
@undisturbed
def test_every_page_gets_the_slot(name: str, cpus: int, tmp_path: Path) -> None:
    """Pages go out and are dropped in no order, from one CPU and from two."""
    dice = random.Random(name)
    with trial(AREAS[name], tmp_path, cpus) as both:
        for _ in range(600):
            if dice.random() < 0.2:
                both.run_on(dice.randrange(cpus))
            start = dice.randrange(PAGES)
            if dice.random() < 0.62:
                for page in range(start, min(start + dice.choice((1, 5, 50, 200)), PAGES)):
                    if page not in both.slots:
                        both.swap_out(page)
            else:
                both.drop(start, min(dice.choice((1, 5, 50, 300, 1200)), PAGES - start))
        assert len(both.slots) == sum(slots.inuse_pages for slots in both.space.maps)
        assert both.kept or sum(area.pages for area in AREAS[name]) > 2000


@pytest.mark.parametrize("name", ["solid state", "rotational", "full", "equal"])
@undisturbed
def test_large_folios_get_slots_in_a_row(name: str, tmp_path: Path) -> None:
    """Folios of 64 KiB among single pages, until an area is too fragmented for them."""
    dice = random.Random(name)
    with setting(THP, "madvise"), trial(AREAS[name], tmp_path) as both:
        for _ in range(400):
            start = dice.randrange(PAGES)
            if dice.random() < 0.6:
                start, order = start >> ORDER << ORDER, dice.choice((0, ORDER))
                for folio in range(start, min(start + dice.choice((16, 64, 320)), PAGES), 16):
                    if both.slots.keys().isdisjoint(range(folio, folio + 16)):
                        both.memory.drop(folio, 16)
                        for page in range(folio, folio + 16, 1 << order):
                            both.swap_out(page, order)
            else:
                both.drop(start, min(dice.choice((1, 5, 50, 300, 1200)), PAGES - start))
        failures = sum(slots.stat().failures[ORDER] for slots in both.space.maps)
        assert bool(failures) == (name in ("full", "equal"))


@undisturbed
def test_a_cluster_is_discarded_when_it_is_free(tmp_path: Path) -> None:
    """With SWAP_FLAG_DISCARD_PAGES new clusters come before those with slots free."""
    dice = random.Random(3)
    with trial([Area(4000, discard=True)], tmp_path) as both:
        for _ in range(60):
            start = dice.randrange(PAGES)
            if dice.random() < 0.6:
                for page in range(start, min(start + dice.choice((5, 50, 700)), PAGES)):
                    if page not in both.slots:
                        both.swap_out(page)
            else:
                both.drop(start, min(dice.choice((300, 1200)), PAGES - start))
                time.sleep(0.05)  # for the worker that discards
        assert both.space.maps[0].stat().discards
