# SPDX-License-Identifier: GPL-2.0-or-later
"""Kinds of hosts: as large as each other, with memory that compresses alike.

Two fixed grids, so that a host's kind is its own and does not change as others are added: its
memory to the nearest power of two, and the ratio of its memory to what that takes compressed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from ghostswap.units import format_size

#: Where one kind ends and the next begins: bytes of memory for one of the pool.
RATIOS = (1.5, 2.0, 3.0, 4.0, 6.0)


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """Hosts of about *memory* bytes, a power of two, whose ratio is from *low* on.

    :ivar low: 0 for the lowest; *high*, below which it is, ``None`` for the highest.
    """

    memory: int
    low: float
    high: float | None

    def __str__(self) -> str:
        if self.high is None:
            ratio = f"{self.low:g} to 1 or better"
        elif self.low:
            ratio = f"{self.low:g} to {self.high:g} to 1"
        else:
            ratio = f"below {self.high:g} to 1"
        return f"{format_size(self.memory)}, {ratio}"


def kind_of(mem_total: int, ratio: float) -> Kind:
    """The kind of a host with *mem_total* bytes whose memory compresses *ratio* to 1.

    >>> str(kind_of(15 << 30, 2.4)), str(kind_of(24 << 30, 7))
    ('16 GiB, 2 to 3 to 1', '32 GiB, 6 to 1 or better')
    """
    exponent = max(mem_total, 1).bit_length() - 1
    # Up from the square root of two on.
    exponent += mem_total**2 >= 1 << (2 * exponent + 1)
    place = bisect_right(RATIOS, ratio)
    low = RATIOS[place - 1] if place else 0.0
    return Kind(1 << exponent, low, RATIOS[place] if place < len(RATIOS) else None)
