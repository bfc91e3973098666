# SPDX-License-Identifier: GPL-2.0-or-later
"""Totals and counts of a population from samples without replacement, with 95 % intervals.

A population may consist of several strata, each with a sample of its own. References: W. G.
Cochran, Sampling Techniques, 3rd ed., 2.5 to 2.8 and 5.3; E. B. Wilson, JASA 22 (1927), 209-212.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from ghostswap.mm.zpool.size_class import SizeClass, class_by_length
from ghostswap.page import PAGE_SIZE

#: Two-sided 95 % of the normal distribution.
Z = 1.959963984540054


class Estimate(NamedTuple):
    """A number and where 95 of 100 samples find it."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Estimate:
        """The same in another unit."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)

    def around(self, value: float) -> Estimate:
        """As wide around another *value*, which is nearer."""
        shift = value - self.value
        return Estimate(value, self.low + shift, self.high + shift)


class Stratum(NamedTuple):
    """So many pages, and how many of them were drawn.

    :ivar kept: of those that were drawn, how many there was something to measure in.

    >>> Stratum(1000, 10, 10).weight
    100.0
    """

    population: int
    drawn: int
    kept: int

    @property
    def weight(self) -> float:
        """How many pages one that was drawn stands for."""
        return self.population / self.drawn

    @property
    def pages(self) -> int:
        """How many pages all that were kept stand for."""
        return round(self.weight * self.kept)

    @property
    def is_whole(self) -> bool:
        """Whether all were drawn."""
        return self.drawn >= self.population


def total(parts: Iterable[tuple[Stratum, Mapping[float, int]]]) -> Estimate:
    """The sum of a value over all pages: normal, with the finite population correction.

    :param parts: of each stratum, how many of the pages that were drawn have which value; those
        that are not among them have 0.

    >>> total([(Stratum(100, 100, 100), {2.0: 30})])
    Estimate(value=60.0, low=60.0, high=60.0)
    >>> [round(number) for number in total([(Stratum(10000, 100, 100), {2.0: 30})])]
    [6000, 4204, 7796]
    """
    value = variance = 0.0
    for stratum, values in parts:
        population, drawn = stratum.population, stratum.drawn
        mean = sum(one * pages for one, pages in values.items()) / drawn
        rest = drawn - sum(values.values())
        squares = rest * mean**2 + sum(pages * (one - mean) ** 2 for one, pages in values.items())
        value += population * mean
        if drawn > 1:
            spread = squares / (drawn - 1)
            variance += population**2 * (1 - drawn / population) * spread / drawn
    half = Z * sqrt(max(0.0, variance))
    return Estimate(value, value - half, value + half)


def count(parts: Sequence[tuple[Stratum, int]]) -> Estimate:
    """How many pages are of a kind: Wilson's interval, with the finite population correction.

    Where none was drawn, the interval still says how many there may be.

    :param parts: of each stratum, how many of the pages that were drawn are of the kind.

    >>> count([(Stratum(100, 100, 100), 30)])
    Estimate(value=30.0, low=30.0, high=30.0)
    >>> [round(number) for number in count([(Stratum(10000, 1000, 1000), 0)])]
    [0, 0, 34]
    """
    population = sum(stratum.population for stratum, _ in parts)
    value = sum(stratum.weight * pages for stratum, pages in parts)
    # As of one sample of so many pages with replacement: 1 / drawn times the correction.
    share = value / population
    plain = spread = 0.0
    for stratum, pages in parts:
        own = pages / stratum.drawn
        size = stratum.population**2 * (1 - stratum.drawn / stratum.population) / stratum.drawn
        plain += size
        spread += size * own * (1 - own)
    one = share * (1 - share)
    inverse = (spread / one if spread and one else plain) / population**2
    middle = share + Z**2 * inverse / 2
    half = Z * sqrt(one * inverse + (Z * inverse / 2) ** 2)
    bottom = 1 + Z**2 * inverse
    # What was drawn is there for certain.
    least = sum(pages for _, pages in parts)
    most = population - sum(stratum.drawn - pages for stratum, pages in parts)
    low, high = (population * (middle + side) / bottom for side in (-half, half))
    return Estimate(value, max(float(least), low), min(float(most), high))


@lru_cache(maxsize=32)
def objects_share(classes: tuple[SizeClass, ...]) -> tuple[float, ...]:
    """By length, the bytes of a zsmalloc pool that an object takes of a full zspage."""
    shares = [size.pages_per_zspage * PAGE_SIZE / size.objs_per_zspage for size in classes]
    return tuple(shares[position] for position in class_by_length(classes))


def open_zspages(
    classes: tuple[SizeClass, ...], objects: Mapping[int, float], pools: int = 1
) -> float:
    """Bytes of a zsmalloc pool that are free: in each class that is used, half of a zspage.

    Without them a pool is estimated too small, and a small one's size times the weight far too
    large: there, they are many.

    :param objects: by length, how many there are.
    :param pools: that the objects are spread over by lot.
    """
    position_of = class_by_length(classes)
    used = [0.0] * len(classes)
    for length, number in objects.items():
        used[position_of[length]] += number
    free = 0.0
    for size, number in zip(classes, used, strict=True):
        if number:
            objs = size.objs_per_zspage
            half = size.pages_per_zspage * PAGE_SIZE * (objs - 1) / (2 * objs)
            free += pools * (1 - (1 - 1 / pools) ** float(number)) * half
    return free
