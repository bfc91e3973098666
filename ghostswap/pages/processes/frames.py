# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of anonymous memory, each counted where it is met first, by the entries of pagemap.

An entry says whether a page is mapped once only; the frames of all others are remembered: after
fork(2), and with KSM, several pages have the same.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import compress

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes import pagemap
from ghostswap.pages.processes.pagemap import Run

#: Entries that are looked at together: short enough that look and read are close to each other.
_WINDOW = 1 << 13
#: A span below this is looked through without asking first where its pages are.
_SMALL = 1 << 20

_SLOT_TYPE = (1 << 5) - 1
_SLOT_SHIFT = 5
#: Least MAX_SWAPFILES (include/linux/swap.h) of any kernel; what is above is markers and migration.
_MAX_SWAPFILES = 23

_ALONE, _TOGETHER, _SWAPPED = 1, 2, 3


def _kind(flags: int) -> int:
    """What bits 56 to 63 of an entry say (Documentation/admin-guide/mm/pagemap.rst)."""
    exclusive, file, swapped, present = flags & 1, flags & 32, flags & 64, flags & 128
    if present:
        return 0 if file else _ALONE if exclusive else _TOGETHER
    return _SWAPPED if swapped else 0


_KINDS = bytes(map(_kind, range(256)))
_IS_TOGETHER = bytes(kind == _TOGETHER for kind in range(256))
_IS_SWAPPED = bytes(kind == _SWAPPED for kind in range(256))
_KEPT = re.compile(b"%c+" % _ALONE)


class _Seen:
    """Numbers that were met, a byte each, of which the kernel gives memory where one was met."""

    def __init__(self) -> None:
        self._marks = bytearray(1 << 16)

    def marks(self, most: int) -> bytearray:
        """Whether each number was met, up to *most* at least."""
        if most >= len(self._marks):
            marks = bytearray(1 << most.bit_length())
            marks[: len(self._marks)] = self._marks
            self._marks = marks
        return self._marks


class Frames:
    """The frames that one pass over some processes has met.

    :ivar again: pages that were mapped once more.
    :ivar swapped: slots of swap that pages of the processes are in.
    """

    def __init__(self) -> None:
        self.again = 0
        self.swapped = 0
        self._frames = _Seen()
        self._slots: defaultdict[int, _Seen] = defaultdict(_Seen)

    def count(self, fd: int, spans: Iterable[Run]) -> int:
        """Count the new pages in *spans* of the pagemap opened as *fd*."""
        return sum(kinds.count(_ALONE) for _, kinds in self._walk(fd, spans))

    def runs(self, fd: int, spans: Iterable[Run]) -> Iterator[list[Run]]:
        """Find the new pages, some at a time."""
        for start, kinds in self._walk(fd, spans):
            runs = [
                (start + run.start() * PAGE_SIZE, start + run.end() * PAGE_SIZE)
                for run in _KEPT.finditer(kinds)
            ]
            if runs:
                yield runs

    def _walk(self, fd: int, spans: Iterable[Run]) -> Iterator[tuple[int, bytearray]]:
        """Where each window starts, and its pages: new ones are :data:`_ALONE`."""
        can_scan = pagemap.best_walk(fd) is pagemap.scan
        for start, end in spans:
            while start < end:
                if can_scan and end - start > _SMALL:
                    start = pagemap.next_page(fd, start, end)
                size = min(_WINDOW, (end - start) // PAGE_SIZE) * 8
                entries = os.pread(fd, size, start // PAGE_SIZE * 8)
                if not entries:  # nothing is left of the span, or of the process
                    break
                kinds = bytearray(entries[7::8].translate(_KINDS))
                window_end = start + len(kinds) * PAGE_SIZE
                if _TOGETHER in kinds and can_scan:
                    for first, last in pagemap.zero_pages(fd, start, window_end):
                        size = (last - first) // PAGE_SIZE
                        place = (first - start) // PAGE_SIZE
                        kinds[place : place + size] = bytes(size)
                if _TOGETHER in kinds:
                    self._meet_frames(kinds, entries)
                if _SWAPPED in kinds:
                    self._meet_slots(kinds, entries)
                yield start, kinds
                start = window_end

    def _meet_frames(self, kinds: bytearray, entries: bytes) -> None:
        places, numbers = _marked(kinds, _IS_TOGETHER, entries)
        marks = self._frames.marks(max(numbers))
        again = 0
        for place, number in zip(places, numbers, strict=True):
            if marks[number]:
                kinds[place] = 0
                again += 1
            else:
                kinds[place] = marks[number] = _ALONE
        self.again += again

    def _meet_slots(self, kinds: bytearray, entries: bytes) -> None:
        _, numbers = _marked(kinds, _IS_SWAPPED, entries)
        for number in numbers:
            area, slot = number & _SLOT_TYPE, number >> _SLOT_SHIFT
            if area < _MAX_SWAPFILES:
                marks = self._slots[area].marks(slot)
                self.swapped += not marks[slot]
                marks[slot] = 1


def _marked(kinds: bytearray, table: bytes, entries: bytes) -> tuple[list[int], list[int]]:
    """The places of the kinds that *table* marks, and what their entries say."""
    marks = kinds.translate(table)
    numbers = compress(memoryview(entries).cast("Q"), marks)
    return list(compress(range(len(kinds)), marks)), [number & pagemap.NUMBER for number in numbers]
