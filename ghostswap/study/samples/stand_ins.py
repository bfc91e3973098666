# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of which a sample is known, made whole again: each page has the measures of one drawn.

What touches pages needs all of them, one by one. Where they lie is not known any more, so they lie
as lots are drawn; of a source that was measured whole, each page stays where it is.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from random import Random

from ghostswap.errors import UsageError
from ghostswap.study.samples.estimators import Stratum

#: Of all sources, what the number of a page has room for.
MOST_PAGES = 1 << 32


def stand_in(strata: Sequence[Stratum], parts: Sequence[array[int]], seed: int) -> list[array[int]]:
    """As many pages as *strata* have, one stratum after the other.

    Each page that was drawn stands for its share of its stratum: no page for two more than another.

    :param parts: by each codec, what the pages measure as that were drawn, in the same order.
    :param seed: of where they are.
    :return: the same of all pages. Page by page, all codecs have the same one in mind.
    :raises UsageError: for more than :data:`MOST_PAGES`.
    """
    pages = sum(stratum.pages for stratum in strata)
    if pages > MOST_PAGES:
        raise UsageError(
            f"a sample of {pages} pages, more than can be told apart one by one",
            "simulate it, which needs but the sample",
        )
    numbers = array("I")
    first = 0
    for number, stratum in enumerate(strata):
        own = range(first, first + stratum.kept)
        numbers += _drawn(own, stratum.pages, Random(f"stand-ins {seed} {number}"))
        first += stratum.kept
    return [array("H", map(part.__getitem__, numbers)) for part in parts]


def _drawn(own: range, pages: int, rng: Random) -> array[int]:
    """Numbers of *own* for so many *pages*."""
    if pages == len(own):
        return array("I", own)
    times, rest = divmod(pages, len(own))
    numbers = array("I", own) * times
    numbers.extend(rng.sample(own, rest))
    rng.shuffle(numbers)
    return numbers
