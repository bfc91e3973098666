# SPDX-License-Identifier: GPL-2.0-or-later
"""kdump-compressed files written by hand, with any codec, and their flattened form."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise

BLOCK = 4096

#: Flags and how a block is packed.
Packed = tuple[int, bytes]


def make_kdump(
    blocks: Sequence[bytes],
    pack: Callable[[bytes], Packed],
    *,
    excluded: int = 0,
    split: int = 0,
    bits: int = 64,
    order: str = "<",
    block_size: int = BLOCK,
) -> bytes:
    """A dump of *blocks*, those of zeros in one place, and of some that it leaves out."""
    pages = len(blocks) + excluded
    half = -(-pages // 8 // block_size) + 1
    head = struct.pack(f"{order}8si390s", b"KDUMP   ", 6, b"Linux")
    head += bytes((6 if bits == 64 else 2) + bits // 4)
    head += struct.pack(f"{order}6I", 1, block_size, 1, 2 * half, pages, 0)
    sub = struct.pack(f"{order}{'Q' if bits == 64 else 'I'}2I", 0, 0, split)
    valid = ((1 << pages) - 1).to_bytes(half * block_size, "little")
    dumped = ((1 << len(blocks)) - 1).to_bytes(half * block_size, "little")
    table, data = b"", b""
    start = (2 + 2 * half) * block_size + 24 * len(blocks)
    places: dict[bytes, tuple[int, int, int]] = {}
    for block in blocks:
        if block not in places or any(block):
            flags, packed = pack(block)
            places[block] = start + len(data), len(packed), flags
            data += packed
        table += struct.pack(f"{order}Q2IQ", *places[block], 0)
    headers = head.ljust(block_size, b"\0") + sub.ljust(block_size, b"\0")
    return headers + valid + dumped + table + data


def flatten(content: bytes, cuts: Sequence[int]) -> bytes:
    """The same written through a pipe: the parts between *cuts*, the last ones first."""
    edges = [0, *cuts, len(content)]
    records = [
        struct.pack(">2q", start, end - start) + content[start:end]
        for start, end in pairwise(edges)
        if start < end
    ]
    head = struct.pack(">16s2q", b"makedumpfile", 1, 1).ljust(4096, b"\0")
    return head + b"".join(reversed(records)) + struct.pack(">2q", -1, -1)
