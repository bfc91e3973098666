# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in a figure, as plain data: made of an outcome, a timeline, a curve or a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ghostswap.kernels.rules import ZsmallocRules
from ghostswap.mm.zpool.size_class import ZS_HANDLE_SIZE, Filling, class_by_length, size_classes
from ghostswap.page import PAGE_SIZE
from ghostswap.study.curve.curve import Curve
from ghostswap.study.outcome import Outcome, Sample

#: Bytes of compressed length that one bar of pages is of.
BIN = 64
#: Points of a curve.
_STEPS = 200


class ClassUse(NamedTuple):
    """What one size class of zsmalloc holds.

    :ivar above: it takes compressed lengths of more bytes than that, and up to *length*.
    :ivar compressed_bytes: sum of the lengths in it.
    :ivar pool_bytes: memory that its zspages take.
    """

    above: int
    length: int
    compressed_bytes: int
    pool_bytes: int


class Lengths(NamedTuple):
    """Pages by compressed length, and the size classes that they fall into.

    :ivar pages: a number for each :data:`BIN` bytes of length.
    :ivar classes: those in use, by length; none where the allocator has no size classes.
    """

    title: str
    pages: tuple[int, ...]
    classes: tuple[ClassUse, ...]


def lengths(title: str, histogram: Mapping[int, int], rules: ZsmallocRules | None) -> Lengths:
    """The figure of pages by compressed length.

    :param histogram: pages by length in bytes, from 1 to the page size.
    :param rules: of zsmalloc in the kernel in question; ``None`` for another allocator.
    """
    bins = [0] * (PAGE_SIZE // BIN)
    for length, pages in histogram.items():
        bins[(length - 1) // BIN] += pages
    return Lengths(title, tuple(bins), () if rules is None else _classes(histogram, rules))


def _classes(histogram: Mapping[int, int], rules: ZsmallocRules) -> tuple[ClassUse, ...]:
    classes = size_classes(rules=rules)
    by_length = class_by_length(classes)
    inside: dict[int, dict[int, int]] = {}
    for length, pages in histogram.items():
        inside.setdefault(by_length[length], {})[length] = pages
    found = []
    for position, mine in sorted(inside.items()):
        pool = Filling(classes)
        for length, pages in mine.items():
            pool.store(length, pages)
        is_last = position == len(classes) - 1
        found.append(
            ClassUse(
                classes[position - 1].size - ZS_HANDLE_SIZE if position else 0,
                PAGE_SIZE if is_last else classes[position].size - ZS_HANDLE_SIZE,
                sum(length * pages for length, pages in mine.items()),
                pool.pages * PAGE_SIZE,
            )
        )
    return tuple(found)


class OverTime(NamedTuple):
    """A replay from its first touch to its last, in steps.

    :ivar touches: at the end of each step, all so far; so *pool_bytes* and *disk_bytes*.
    :ivar major_faults: in each step; so *refusals*, times that a page could not leave.
    :ivar killed: groups that ran out of memory.
    """

    title: str
    touches: tuple[int, ...]
    major_faults: tuple[int, ...]
    pool_bytes: tuple[int, ...]
    disk_bytes: tuple[int, ...]
    refusals: tuple[int, ...]
    killed: tuple[str, ...]


def over_time(title: str, outcome: Outcome) -> OverTime:
    """The figure of a replay's timeline, whose first sample is from before any touch."""
    steps, ends = list(pairwise(outcome.timeline)), outcome.timeline[1:]
    return OverTime(
        title,
        tuple(end.touches for end in ends),
        tuple(end.pgmajfault - start.pgmajfault for start, end in steps),
        tuple(end.pool_pages * PAGE_SIZE for end in ends),
        tuple(end.disk_pages * PAGE_SIZE for end in ends),
        tuple(_stayed(end) - _stayed(start) for start, end in steps),
        tuple(group.name for group in outcome.groups if group.killed),
    )


def _stayed(sample: Sample) -> int:
    return sample.refused + sample.no_slot


class Mark(NamedTuple):
    """A size of memory that was replayed.

    :ivar size: bytes of the process's pages in memory.
    :ivar miss_ratio: share of the touches that were major faults.
    :ivar killed: it ran out of memory, so the share says little.
    """

    name: str
    size: int
    miss_ratio: float
    killed: bool


class MissRatio(NamedTuple):
    """The share of touches that are major faults, against bytes of memory.

    :ivar who: replayed what is marked, such as a kernel.
    """

    title: str
    points: tuple[tuple[int, float], ...]
    who: str
    marks: tuple[Mark, ...]


def miss_ratio(title: str, curve: Curve, who: str, marks: Sequence[Mark]) -> MissRatio:
    """The figure of a miss-ratio curve under exact LRU."""
    points = ((pages * PAGE_SIZE, curve.miss_ratio(pages)) for pages in curve.sizes(_STEPS))
    return MissRatio(title, tuple(points), who, tuple(marks))


class Freed(NamedTuple):
    """Memory that each design frees.

    :ivar names: of the designs or kernels.
    :ivar swept: what differs between *words*; with but one of them, nothing.
    :ivar bytes: by word and name; ``None`` where a process was killed.
    :ivar intervals: by word and name, where 95 of 100 samples find it; ``None`` where it is exact.
    """

    title: str
    names: tuple[str, ...]
    swept: str
    words: tuple[str, ...]
    bytes: tuple[tuple[int | None, ...], ...]
    intervals: tuple[tuple[tuple[int, int] | None, ...], ...]


class FreedLine(NamedTuple):
    """What one option frees.

    :ivar points: bytes that have left, bytes freed, and the least and the most of 95 of 100
        samples; all three the same where all was measured.
    """

    name: str
    points: tuple[tuple[int, int, int, int], ...]


class Advised(NamedTuple):
    """What memory may leave by, and what the size of an area costs either way; all in bytes.

    :ivar lines: the one that is advised first.
    :ivar sizes: declared; for each what finds no slot, disk that stays unused, memory of slots.
    :ivar advised: the size.
    :ivar without: memory of slots in a design that has no size; ``None`` where there is none.
    :ivar source: where the figures come from.
    """

    title: str
    lines: tuple[FreedLine, ...]
    sizes: tuple[tuple[int, int, int, int], ...]
    advised: int
    without: tuple[str, int] | None
    source: str


#: All that can be drawn.
Figure = Lengths | OverTime | MissRatio | Freed | Advised
