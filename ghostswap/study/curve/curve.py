# SPDX-License-Identifier: GPL-2.0-or-later
"""Major faults against memory, under exact LRU: all sizes from one pass over the touches.

Where there are more touches than can be gone through, they are those of a sample of the pages:
SHARDS (C. A. Waldspurger et al., FAST 2015), with its adjustment. The pages are known, so one is
drawn out of every few neighbours, where SHARDS draws by a hash: loops and scans come out even.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from ghostswap.pages.touches import Touches
from ghostswap.study.curve.distances import IS_COMPILED, Distances

#: The most touches that are all gone through: for half a minute, or for some ten seconds in Python.
EXACT_TOUCHES = 200_000_000 if IS_COMPILED else 2_000_000
#: No sample has fewer pages, if the memory has as many.
FEWEST_PAGES = 2_000
#: Pages that a sample has at least -> how far the miss ratio is off, as a mean over sizes.
ERRORS = {20_000: 0.01, FEWEST_PAGES: 0.03}


@dataclass(frozen=True, slots=True)
class Curve:
    """What a memory of any size would have made of the touches.

    The memory was written once, in order, before; those faults do not count.

    :ivar pages: of the whole memory.
    :ivar sampled: of them, those whose touches were counted; all where the curve is exact.
    :ivar every: out of how many one was drawn.
    """

    pages: int
    touches: int
    sampled: int
    every: int
    _faults: array[int]

    @property
    def error(self) -> float:
        """How far miss ratios are off, as a mean over all sizes; 0 for those that are exact."""
        if self.every == 1:
            return 0.0
        return next(error for pages, error in ERRORS.items() if self.sampled >= pages)

    def major_faults(self, pages: int) -> int:
        """Touches that find their page gone where there is room for *pages*."""
        # Of a touch that had n sampled pages in between, n * every is what is expected of all. What
        # the sample has of touches more or less than its share are hits: that is the adjustment.
        at = min(-(-pages // self.every), self.sampled)
        return min(self.every * self._faults[at], self.touches)

    def miss_ratio(self, pages: int) -> float:
        """The share of the touches that is."""
        return self.major_faults(pages) / self.touches

    def pages_for(self, miss_ratio: float) -> int:
        """The fewest pages with which no more than that share of the touches are faults."""
        return bisect_left(range(self.pages), -miss_ratio, key=lambda n: -self.miss_ratio(n))

    def sizes(self, steps: int) -> list[int]:
        """Numbers of pages that show the curve: it is drawn in so many *steps* of equal length.

        Two neighbours are at most ``2 / steps`` of all pages apart, and at most as much of all
        faults that memory can save, unless they are as near as one page.
        """
        most, least = self.major_faults(1), self.major_faults(self.pages)

        def length(pages: int) -> float:
            saved = (most - self.major_faults(pages)) / max(most - least, 1)
            return pages / self.pages + saved

        found = {1, self.pages}
        for number in range(1, steps):
            at = bisect_left(range(self.pages), 2 * number / steps, key=length)
            found.add(max(at, 1))
            if at > 1 and length(at) - length(at - 1) > 2 / steps:  # a cliff, with its edge
                found.add(at - 1)
        return sorted(found)


def draw(
    chunks: Iterable[Touches],
    pages: int,
    touches: int | None,
    *,
    seed: int = 0,
    most: int = EXACT_TOUCHES,
    advance: Callable[[int], object] = int,
) -> Curve:
    """Draw the curve of the touches of one memory.

    :param pages: of the memory.
    :param touches: how many *chunks* have, where that is known; else all are gone through.
    :param seed: of which pages are drawn, where there are more touches than *most*.
    :param advance: called with the numbers of touches gone through.
    """
    every = 1 if touches is None else min(-(-touches // most), max(pages // FEWEST_PAGES, 1))
    sample = array("i", range(pages)) if every == 1 else _draw_pages(pages, every, seed)
    sampled = pages if every == 1 else max(sample) + 1
    distances = Distances(sampled)
    passed = 0
    for chunk in chunks:
        wanted = chunk.pages
        if every > 1:
            numbers = map(sample.__getitem__, wanted)
            wanted = array("I", [number for number in numbers if number >= 0])
        distances.touch(wanted)
        passed += len(chunk.pages)
        advance(len(chunk.pages))
    return Curve(pages, passed, sampled, every, distances.faults())


def _draw_pages(pages: int, every: int, seed: int) -> array[int]:
    """By page, its number among those that are drawn, of type ``i``; -1 for others."""
    rng = Random(f"curve {seed}")
    sample = array("i", [-1]) * pages
    number = 0
    for first in range(0, pages, every):
        page = first + rng.randrange(every)
        if page < pages:
            sample[page] = number
            number += 1
    return sample
