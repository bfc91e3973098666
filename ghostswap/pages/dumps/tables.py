# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers as dumps write them, and tables of them that are too long for Construct."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from construct import Int16ub, Int16ul, Int32ub, Int32ul, Int64ub, Int64ul, Struct


class Layout(NamedTuple):
    """How numbers are written: addresses of 32 or 64 bits, the low byte first or not."""

    bits: int
    is_little: bool


class Numbers(NamedTuple):
    """Construct's numbers of 16, 32 and 64 bits, and of as many as an address has."""

    u16: Struct
    u32: Struct
    u64: Struct
    word: Struct


def numbers(layout: Layout) -> Numbers:
    """The numbers of a dump."""
    u32 = Int32ul if layout.is_little else Int32ub
    u64 = Int64ul if layout.is_little else Int64ub
    word = u64 if layout.bits == 64 else u32
    return Numbers(Int16ul if layout.is_little else Int16ub, u32, u64, word)


@cache
def row(table: Struct) -> struct.Struct:
    """The same row for :mod:`struct`: a million of them would take Construct a minute."""
    codes = [part.subcon.fmtstr for part in table.subcons]
    return struct.Struct(codes[0][0] + "".join(code[1:] for code in codes))


def rows(table: Struct, data: bytes) -> Iterator[tuple[int, ...]]:
    """The whole rows in *data*."""
    size = row(table).size
    return row(table).iter_unpack(data[: len(data) // size * size])
