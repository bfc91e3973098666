# SPDX-License-Identifier: GPL-2.0-or-later
"""What a profile says of its host in a few numbers, so that many can be looked through quickly."""

from __future__ import annotations

import os
import sys
from array import array
from collections import Counter
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from ghostswap.errors import TargetError
from ghostswap.mm.zpool.size_class import class_by_length, size_classes
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS
from ghostswap.pages.profiles.format import Group
from ghostswap.pages.profiles.source import ProfileSource
from ghostswap.study.samples.estimators import objects_share

#: Bytes that no host has: x86-64 has 52 bits of physical addresses.
_MOST = 1 << 52


class Figures(NamedTuple):
    """All pages of a host by one compressor; of a sample, as many as it stands for.

    :ivar zero: pages of zeros; *same*, of another word over and over; *incompressible*, which no
        compressor gets below a page.
    :ivar compressed: bytes of all that compress, those of one word too.
    :ivar classes: the same pages by size class of zsmalloc, as Linux 6.4 and later lay them out.
    """

    zero: int
    same: int
    incompressible: int
    compressed: int
    classes: tuple[int, ...]

    @property
    def pages(self) -> int:
        """All of them."""
        return self.zero + self.incompressible + sum(self.classes)

    @property
    def pool_bytes(self) -> int:
        """What they take compressed, in zspages that are full; those of zeros take nothing."""
        held = sum(map(float.__mul__, _shares(), map(float, self.classes)))
        return round(held) + self.incompressible * PAGE_SIZE

    @property
    def ratio(self) -> float:
        """Bytes of memory for one of the pool; as many as there are where that takes none."""
        return self.pages * PAGE_SIZE / max(self.pool_bytes, 1)

    def pack(self) -> bytes:
        """The same in 64 bits a number, low byte first."""
        numbers = (self.zero, self.same, self.incompressible, self.compressed, *self.classes)
        return _little(array("Q", numbers)).tobytes()

    @classmethod
    def unpack(cls, blob: bytes) -> Figures:
        """What :meth:`pack` packed."""
        zero, same, incompressible, compressed, *classes = _little(array("Q", blob))
        return cls(zero, same, incompressible, compressed, tuple(classes))


class Column(NamedTuple):
    """One compressor of a profile.

    :ivar compressor: it, and how a kernel sets it up.
    :ivar error: how far lengths may be from that kernel's, ``""`` where they are equal.
    """

    compressor: str
    error: str
    figures: Figures


class Host(NamedTuple):
    """A host of a fleet.

    :ivar digest: SHA-256 of its profile.
    :ivar name: what the profile was called, without its suffix.
    :ivar kernel: release that ran on it; so *machine*, the architecture.
    :ivar mem_total: its memory in bytes.
    :ivar pages: of the memory in the profile, of which *measured* were measured.
    """

    digest: bytes
    name: str
    kernel: str
    machine: str
    mem_total: int
    pages: int
    measured: int

    @property
    def raw_name(self) -> bytes:
        """The name, whose bytes need not be UTF-8."""
        return os.fsencode(self.name)

    @property
    def id(self) -> str:
        """What tells it from others, in short."""
        return self.digest.hex()[:12]


def read(path: str, name: str, data: bytes) -> tuple[Host, tuple[Column, ...]]:
    """What the profile *data* of host *name* says; *path* is for errors.

    :raises TargetError: where it is none, was cut short or changed, or no page was measured.
    """
    source = ProfileSource(path, data)
    profile, groups = source.profile, source.groups()
    if not groups:
        raise TargetError(path, "has no pages", "make another one, of memory that is in use")
    pages = round(sum(group.population / group.drawn * group.kept for group in groups))
    if max(pages * PAGE_SIZE, profile.mem_total) >= _MOST:
        raise TargetError(path, "tells of more memory than any host has", "make another one")
    host = Host(
        sha256(data).digest(),
        name,
        profile.kernel,
        profile.machine,
        profile.mem_total,
        pages,
        sum(group.kept for group in groups),
    )
    columns = tuple(
        Column(column.key, column.error, _count(groups, number))
        for number, column in enumerate(profile.columns)
    )
    return host, columns


def _count(groups: Iterable[Group], number: int) -> Figures:
    """What column *number* of all *groups* comes to."""
    found: Counter[int] = Counter()
    for group in groups:
        weight = group.population / group.drawn
        for measure, pages in Counter(group.measures[number]).items():
            found[measure] += round(weight * pages)
    position_of = class_by_length(size_classes())
    classes = [0] * len(size_classes())
    same = compressed = 0
    for measure, pages in found.items():
        if measure in (ZEROS, INCOMPRESSIBLE):
            continue
        length = measure % SAME
        same += pages if measure > SAME else 0
        compressed += length * pages
        classes[position_of[length]] += pages
    return Figures(found[ZEROS], same, found[INCOMPRESSIBLE], compressed, tuple(classes))


@cache
def _shares() -> tuple[float, ...]:
    """By size class, bytes that an object takes of a full zspage."""
    classes = size_classes()
    by_length = objects_share(classes)
    found = [0.0] * len(classes)
    for length, position in enumerate(class_by_length(classes)):
        found[position] = by_length[length]
    return tuple(found)


def _little(numbers: array[int]) -> array[int]:
    """Numbers as the store has them, or those that it has."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
