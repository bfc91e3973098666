# SPDX-License-Identifier: GPL-2.0-or-later
"""One measurement of a source for all designs: lengths, and which pages are one word over and over.

zswap, older zswap and zram say different things of the same page. So a page is measured as it is:
0 for zeros, :data:`SAME` and its length for any other word over and over, its length, or
``REFUSED``; and each design gets its view of that.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghostswap.mm.codecs import REFUSED, Codec
from ghostswap.mm.kernels import Filled, Kernel
from ghostswap.mm.swap_state import SAME_FILLED
from ghostswap.mm.zram_fill import has_zeromap
from ghostswap.mm.zsmalloc import huge_class_size, size_classes
from ghostswap.pages.source import PAGE_SIZE

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
