# SPDX-License-Identifier: GPL-2.0-or-later
"""Mappings that may hold anonymous memory, of /proc/PID/smaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Why

#: VmFlags in /proc/PID/smaps (Documentation/filesystems/proc.rst) of memory that never goes to
#: swap, and that for ``io`` and ``pf`` is no memory at all: reading it would act on a device.
_NEVER_SWAPPED = {
    "io": (Why.DEVICE, "device memory"),
    "pf": (Why.DEVICE, "device memory"),
    "ht": (Why.HUGETLB, "huge pages of hugetlbfs, which are never swapped"),
    "lo": (Why.LOCKED, "locked by mlock(2), which keeps it out of swap"),
}


class Mapping(NamedTuple):
    """A private mapping: one entry of /proc/PID/smaps.

    :ivar anonymous: pages in memory that belong to the process and not to a file.
    :ivar referenced: pages in memory that were touched since somebody cleared their bits.
    :ivar hugetlb: what it holds of huge pages, counted in pages of 4 KiB.
    :ivar swap: pages in swap.
    :ivar flags: VmFlags, two letters each.
    """

    start: int
    end: int
    anonymous: int
    referenced: int
    hugetlb: int
    swap: int
    flags: frozenset[str]

    @property
    def never_swapped(self) -> tuple[Why, str] | None:
        """Why its pages never go to swap, ``None`` if they do."""
        return next((why for flag, why in _NEVER_SWAPPED.items() if flag in self.flags), None)


_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (....) ")


def parse_smaps(lines: Iterable[str]) -> Iterator[Mapping]:
    """Find the private mappings in the text of /proc/PID/smaps."""
    fields: dict[str, str] = {}
    head: re.Match[str] | None = None

    def pages(field: str) -> int:
        return int(fields[field].removesuffix(" kB")) * 1024 // PAGE_SIZE

    for line in lines:
        if new := _HEAD.match(line):
            head = new
            continue
        name, _, value = line.partition(":")
        fields[name] = value.strip()
        if name == "VmFlags" and head and head[3][3] == "p":  # the last field of each mapping
            yield Mapping(
                int(head[1], 16),
                int(head[2], 16),
                pages("Anonymous"),
                pages("Referenced"),
                pages("Private_Hugetlb"),
                pages("Swap"),
                frozenset(value.split()),
            )
