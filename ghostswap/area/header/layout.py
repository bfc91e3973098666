# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes of a swap area's first page, as Construct definitions; nothing else.

References: ``union swap_header`` in include/linux/swap.h and ``struct swsusp_header`` in
kernel/power/swap.c, Linux 6.18; both unchanged since 6.1. Field names are the kernel's.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from construct import (
    Bytes,
    FixedSized,
    GreedyBytes,
    Int32ub,
    Int32ul,
    Int64ub,
    Int64ul,
    Struct,
)

ByteOrder = Literal["little", "big"]

#: ``magic`` and both signatures of a hibernation header are ten bytes.
MAGIC_SIZE = 10
#: What TuxOnIce writes over the first bytes of an area that holds its image.
TUXONICE = bytes.fromhex("edc302e99856e50c")
#: First byte of ``info.badpages``; everything before it is the same for every page size.
BADPAGES_OFFSET = 1536


@cache
def swap_header(page_size: int, order: ByteOrder) -> Struct:
    """``union swap_header``, *page_size* bytes with the numbers in *order*.

    ``badpages`` stays bytes, an odd tail included, and is filled up with zeros: 637 numbers of a
    Construct Array cost more than the whole rest of the header.
    """
    u32 = Int32ul if order == "little" else Int32ub
    return Struct(
        "bootbits" / Bytes(1024),
        "version" / u32,
        "last_page" / u32,
        "nr_badpages" / u32,
        "sws_uuid" / Bytes(16),
        "sws_volume" / Bytes(16),
        "padding" / Bytes(117 * 4),
        "badpages" / FixedSized(page_size - BADPAGES_OFFSET - MAGIC_SIZE, GreedyBytes),
        "magic" / Bytes(MAGIC_SIZE),
    )


@cache
def swsusp_header(order: ByteOrder) -> Struct:
    """The used tail of ``struct swsusp_header``: the last 40 bytes of a suspended area's page."""
    u32, u64 = (Int32ul, Int64ul) if order == "little" else (Int32ub, Int64ub)
    return Struct(
        "hw_sig" / u32,
        "crc32" / u32,
        "image" / u64,
        "flags" / u32,
        "orig_sig" / Bytes(MAGIC_SIZE),
        "sig" / Bytes(MAGIC_SIZE),
    )


@cache
def uswsusp_header(order: ByteOrder) -> Struct:
    """``struct swsusp_header`` of the userspace tool uswsusp (suspend-utils): the last 28 bytes."""
    return Struct(
        "image" / (Int64ul if order == "little" else Int64ub),
        "orig_sig" / Bytes(MAGIC_SIZE),
        "sig" / Bytes(MAGIC_SIZE),
    )
