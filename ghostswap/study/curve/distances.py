# SPDX-License-Identifier: GPL-2.0-or-later
"""LRU stack distances: of each touch, how many other pages were touched since its page last was.

With memory for *m* pages, exact LRU has let a page go if and only if *m* others or more were
touched since (R. L. Mattson et al., "Evaluation techniques for storage hierarchies", 1970). So the
numbers of touches by distance tell the faults of all sizes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import TypeAlias

try:
    from ghostswap.codecs._codecs import stack_distances as _compiled
except ImportError:  # it is optional at build
    _compiled = None  # type: ignore[assignment]

#: Counts touches by distance: places of the pages in the LRU, coldest first, brought up to date;
#: pages touched; counts by distance, added to. Of types ``I``, ``I`` and ``Q``.
#: Raises ValueError for a page that is none, or places that are no order.
Count: TypeAlias = "Callable[[array[int], array[int], array[int]], None]"

#: Fewer touches than these are not worth their preparation.
_FEWEST = 1 << 16
_LINE = 1024  # bits


def count_in_python(places: array[int], touched: array[int], counts: array[int]) -> None:
    """As a :data:`Count`; stack_distances.c says how, this is the same in Python."""
    pages = len(places)
    if any(page >= pages for page in touched):
        raise ValueError(f"no page {next(page for page in touched if page >= pages)}")
    if sorted(places) != list(range(pages)):
        raise ValueError("the places of the pages are no order")
    lines = (pages + len(touched)) // _LINE + 1
    bits = [0] * lines
    for line in range(-(-pages // _LINE)):
        bits[line] = (1 << min(_LINE, pages - line * _LINE)) - 1
    tree = [0, *(each.bit_count() for each in bits)]
    for i in range(1, lines + 1):
        if i + (i & -i) <= lines:
            tree[i + (i & -i)] += tree[i]
    last, now = places.tolist(), pages
    for page in touched:
        at = last[page]
        if at == now - 1:
            counts[0] += 1  # the same page once more
            continue
        line, bit = at // _LINE, 1 << at % _LINE
        before = (bits[line] & (bit - 1)).bit_count()
        i = line
        while i:
            before += tree[i]
            i &= i - 1
        counts[pages - before - 1] += 1
        bits[line] ^= bit
        bits[now // _LINE] |= 1 << now % _LINE
        if line != now // _LINE:
            for i, more in ((line + 1, -1), (now // _LINE + 1, 1)):
                while i <= lines:
                    tree[i] += more
                    i += i & -i
        last[page] = now
        now += 1
    before_line = [0, *accumulate(each.bit_count() for each in bits)]
    for page, at in enumerate(last):
        line = at // _LINE
        places[page] = before_line[line] + (bits[line] & ((1 << at % _LINE) - 1)).bit_count()


IS_COMPILED = _compiled is not None
count: Count = _compiled if IS_COMPILED else count_in_python


class Distances:
    """Touches by distance, of a memory whose pages were written once, in order.

    :param pages: of the memory.
    """

    def __init__(self, pages: int) -> None:
        self._places = array("I", range(pages))
        self._counts = array("Q", bytes(8 * pages))
        self._waiting = array("I")

    def touch(self, pages: array[int]) -> None:
        """Count touches of *pages*, of type ``I``, in their order."""
        self._waiting += pages
        if len(self._waiting) >= max(_FEWEST, len(self._places)):
            self._count()

    def faults(self) -> array[int]:
        """By number of pages in memory, from 0 to all, how many touches found theirs gone.

        :return: of type ``Q``, one longer than there are pages.
        """
        self._count()
        found = array("Q", accumulate(reversed(self._counts), initial=0))
        found.reverse()
        return found

    def _count(self) -> None:
        count(self._places, self._waiting, self._counts)
        self._waiting = array("I")
