# SPDX-License-Identifier: GPL-2.0-or-later
"""One measurement of a source for all designs: lengths, and which pages are one word over and over.

zswap, older zswap and zram say different things of the same page. So a page is measured as it is:
0 for zeros, :data:`SAME` and its length for any other word over and over, its length, or
``REFUSED``; and each design gets its view of that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghostswap import codecs
from ghostswap.codecs import REFUSED, Codec
from ghostswap.designs.slotted import SAME_FILLED
from ghostswap.kernels import Filled, Kernel
from ghostswap.mm.zpool.size_class import huge_class_size, size_classes
from ghostswap.pages.source import PAGE_SIZE
from ghostswap.study.zram_fill import ZERO, Zeromap, has_zeromap

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Set in the length of a page of one word over and over, other than zero.
SAME = 1 << 15
#: No such page is longer with any codec.
_SAME_AT_MOST = 128
_WORD = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """A zswap codec that tells pages of one word over and over apart, where it compresses them."""

    codec: Codec

    def lengths(self, buffer: ReadableBuffer) -> array[int]:
        """As :meth:`Codec.lengths`, with :data:`SAME`."""
        found = self.codec.lengths(buffer)
        pages = memoryview(buffer).cast("B")
        for number, length in enumerate(found):
            if 0 < length <= _SAME_AT_MOST:
                page = pages[number * PAGE_SIZE : (number + 1) * PAGE_SIZE]
                if page[:-_WORD] == page[_WORD:]:
                    found[number] = length | SAME
        return found


@dataclass(frozen=True, slots=True)
class MeasuredByZram:
    """The same by a zram codec, where the kernel sets it up otherwise for zswap."""

    codec: Codec

    def lengths(self, buffer: ReadableBuffer) -> array[int]:
        """As :class:`Measured`'s; a huge page is ``REFUSED``."""
        found = Zeromap(self.codec).lengths(buffer)
        marks = {ZERO: 0, 0: SAME + 1, PAGE_SIZE: REFUSED}
        return array("H", (marks.get(length, length) for length in found))


@dataclass(frozen=True, slots=True)
class Several:
    """Measurements of the same pages.

    :ivar of: one or two of them.
    :ivar place_of: for ``zswap`` and ``zram``, which one is theirs.
    :ivar error: how far lengths may be from the kernel's; ``""`` where they are the kernel's.
    """

    of: tuple[Measured | MeasuredByZram, ...]
    place_of: Mapping[str, int]
    error: str

    def lengths(self, buffer: ReadableBuffer) -> array[int]:
        """All by the first, then all by the second."""
        found = array("H")
        for measured in self.of:
            found += measured.lengths(buffer)
        return found


def codecs_for(compressor: str, kernel: Kernel, designs: Iterable[str]) -> Several:
    """What measures all that *designs* want to know, in one go over the pages.

    :raises UsageError: as :func:`ghostswap.codecs.get`; so GhostswapError.
    """
    designs = set(designs)
    zswap = codecs.get(compressor, kernel.name)
    zram = codecs.get(compressor, kernel.name, "zram")
    hints = kernel.zstd_hint
    if compressor != "zstd" or hints["zswap"] == hints["zram"] or "zram" not in designs:
        return Several((Measured(zswap),), {"zswap": 0, "zram": 0}, zswap.error)
    if designs == {"zram"}:
        return Several((MeasuredByZram(zram),), {"zswap": 0, "zram": 0}, zram.error)
    measured = (Measured(zswap), MeasuredByZram(zram))
    return Several(measured, {"zswap": 0, "zram": 1}, zswap.error)


def for_zswap(kernel: Kernel, measured: array[int]) -> array[int]:
    """What zswap of *kernel* gets: its codec's ``lengths``."""
    same = 0 if kernel.zswap_filled is Filled.SAME else ~SAME
    return array("H", (n & same if SAME < n < REFUSED else n for n in measured))


def for_zram(kernel: Kernel, measured: array[int]) -> array[int]:
    """What zram of *kernel* gets as a swap area, :data:`SAME_FILLED` for what it keeps as a word.

    A page that the zeromap takes stays 0.
    """
    huge = huge_class_size(size_classes(rules=kernel.zsmalloc))
    zero = 0 if has_zeromap(kernel) else SAME_FILLED

    def view(length: int) -> int:
        if length == 0:
            return zero
        if SAME < length < REFUSED:
            return SAME_FILLED
        return length if length < huge else PAGE_SIZE

    return array("H", map(view, measured))
