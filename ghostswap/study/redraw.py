# SPDX-License-Identifier: GPL-2.0-or-later
"""What pages compress to once they have been written to: as before, or as some other page did."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from random import Random

from ghostswap.errors import UsageError

_BLOCK = 4096
_KEPT = -1


class Redraw:
    """Lengths of pages whose content changes.

    A write changes a page with a probability of *changed*; what it compresses to then is drawn
    from the lengths that all pages had at first, so that their distribution stays as it was.

    :param lengths: at first, of type ``H``, by page; left as it is.
    :param changed: from 0 to 1.
    :param seed: of both draws.
    :ivar lengths: now, by page.
    :raises UsageError: where *changed* is no probability.
    """

    def __init__(self, lengths: array[int], changed: float, seed: int = 0) -> None:
        if not 0 <= changed <= 1:
            raise UsageError(f"not a share of changes: {changed}", "give a number from 0 to 1")
        self.lengths = lengths[:]
        self._draws = _draw(lengths, changed, Random(seed))

    def draw(self, page: int) -> int:
        """Write to *page*; what it compresses to from now on."""
        length = next(self._draws)
        if length == _KEPT:
            return self.lengths[page]
        self.lengths[page] = length
        return length


def _draw(lengths: array[int], changed: float, rng: Random) -> Iterator[int]:
    """Draw without end: a length, or that it is kept."""
    while True:
        for length in rng.choices(lengths, k=_BLOCK):
            yield length if rng.random() < changed else _KEPT
