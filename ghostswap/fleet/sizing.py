# SPDX-License-Identifier: GPL-2.0-or-later
"""What a choice of sizes comes to on all hosts: how it is spread, and which hosts lose by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from ghostswap.advise.options import size_for
from ghostswap.fleet.tasks import Stored

#: A host is worse off where it frees less than this part of what it frees with its own size.
WORSE = 0.99
PERCENTILES = (5, 50, 95)


class Spread(NamedTuple):
    """How a number is spread over hosts: the least, :data:`PERCENTILES`, the most, and the sum."""

    least: int
    percentiles: Mapping[int, int]
    most: int
    total: int

    @classmethod
    def of(cls, values: Iterable[int]) -> Spread:
        """Spread *values*, of which there is one at least."""
        ordered = sorted(values)
        found = {percent: percentile(ordered, percent) for percent in PERCENTILES}
        return cls(ordered[0], found, ordered[-1], sum(ordered))


def percentile(ordered: Sequence[int], percent: float) -> int:
    """The least of the *ordered* numbers that *percent* of them do not exceed.

    >>> percentile([10, 20, 30, 40], 50), percentile([10, 20, 30, 40], 95)
    (20, 40)
    """
    return ordered[max(ceil(len(ordered) * percent / 100), 1) - 1]


def size_of_all(needs: Iterable[int], cover: float) -> int:
    """The size of an area, in bytes, that is enough for *cover* per cent of hosts.

    :param needs: bytes that may leave, by host; each gets as much more as ``ghostswap advise`` has
        it.
    """
    return size_for(percentile(sorted(needs), cover))


class Plan(NamedTuple):
    """What some hosts come to with the sizes that they are given.

    :ivar size: of the area in bytes; ``None`` where it is not the same for all, or there is none.
    :ivar hosts: how many they are.
    :ivar losing: how many free less than nothing: slots take more than pages leave.
    :ivar worse_off: numbers of those that free less than with a size of their own.
    """

    size: int | None
    hosts: int
    freed: Spread
    refused_pages: Spread
    wasted: Spread
    wasted_disk: Spread
    losing: int
    worse_off: tuple[int, ...]


def plan(size: int | None, stored: Mapping[int, Stored], own: Mapping[int, Stored]) -> Plan:
    """Judge hosts by what is *stored* of each, and what would be with its *own* size.

    :param stored: by number of the host; one at least.
    """
    found = stored.values()
    return Plan(
        size,
        len(stored),
        Spread.of(one.freed_bytes for one in found),
        Spread.of(one.refused_pages for one in found),
        Spread.of(one.wasted_bytes for one in found),
        Spread.of(one.wasted_disk_bytes for one in found),
        sum(one.freed_bytes < 0 for one in found),
        tuple(number for number, one in stored.items() if is_worse(one, own[number])),
    )


def is_worse(one: Stored, own: Stored) -> bool:
    """Whether a host frees less with *one* size than with its *own*, by more than a trifle.

    >>> def freed(bytes_): return Stored(0, 0, bytes_, 0, 0, 0, "", None)
    >>> is_worse(freed(98), freed(100)), is_worse(freed(99), freed(100))
    (True, False)
    """
    return one.freed_bytes < own.freed_bytes - (1 - WORSE) * abs(own.freed_bytes)
