# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages: the two corpora that the kernel answers in tests/cases belong to, and made-up ones."""

from __future__ import annotations

import functools
import itertools
import lzma
import random
from collections.abc import Iterable
from pathlib import Path


@functools.cache
def text() -> bytes:
    """1,024 pages of source text, handed out with the recordings."""
    return lzma.decompress((Path(__file__).parent.parent / "cases" / "text.xz").read_bytes())


@functools.cache
def ladder() -> bytes:
    """2,048 pages: page i is 2 * i random bytes, then zeros, so every length comes up."""
    rng = random.Random(1)
    return b"".join(rng.randbytes(2 * i).ljust(4096, b"\0") for i in range(2048))


@functools.cache
def mixed() -> bytes:
    """256 pages of zeros, 256 of one word each, 256 of text, and 256 that do not compress."""
    rng = random.Random("mixed")
    words = b"".join(rng.randbytes(8) * 512 for _ in range(256))
    return bytes(256 * 4096) + words + text()[: 256 * 4096] + rng.randbytes(256 * 4096)


#: By the name that recorded rows give in their key ``corpus``.
CORPORA = {"text": text, "ladder": ladder, "mixed": mixed}


def patchwork(pieces: Iterable[tuple[str, int, int]]) -> bytes:
    """Sew one page from pieces, over and over: what, how long, and a number to vary it by."""
    page = bytearray()
    for what, length, number in itertools.cycle(pieces):
        if what == "literals":
            page += random.Random(number + len(page)).randbytes(length)
        elif what == "copy" and page:
            start = number % len(page)
            page += (page[start:] * length)[:length]
        else:  # a run, of zeros as often as not
            page += bytes([number % 256 if number % 2 else 0]) * length
        if len(page) >= 4096:
            break
    return bytes(page[:4096])
