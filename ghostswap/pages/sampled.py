# SPDX-License-Identifier: GPL-2.0-or-later
"""Single pages of a source, drawn without replacement: a sample of what is too large to read.

Single ones, for neighbours compress alike: sixteen pages in a row tell hardly more than one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, log, log1p
from random import Random
from typing import NamedTuple

from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.profiles.source import ProfileSource
from ghostswap.pages.source import Account, Source
from ghostswap.units import printable

#: Pages of a source that is measured whole unless something else is asked for: 4 GiB.
WHOLE_PAGES = 1 << 20
#: Pages that are drawn of a larger one.
DEFAULT_PAGES = 50_000

_HINT = "write a number of pages, as 50000, or a share, as 2%; 100% is all of them"


class Wanted(NamedTuple):
    """How much of a source is to be drawn: *pages*, or a *share* of it.

    :ivar share: above 0, at most 1; ``None`` where *pages* says it.
    """

    pages: int = DEFAULT_PAGES
    share: Fraction | None = None


#: All pages.
ALL = Wanted(share=Fraction(1))


def parse(text: str) -> Wanted:
    """Read ``50000`` or ``2%``.

    :raises UsageError: where *text* is neither, or none at all.

    >>> parse("2%").share, parse("1000").pages
    (Fraction(1, 50), 1000)
    """
    number = re.fullmatch(r"([0-9]{1,15})|([0-9]{1,3}(?:\\.[0-9]{1,9})?)%", text.strip())
    if number and number[1] and int(number[1]):
        return Wanted(int(number[1]))
    if number and number[2] and 0 < (share := Fraction(number[2]) / 100) <= 1:
        return Wanted(share=share)
    raise UsageError(f'not a sample: "{printable(text)}"', _HINT)


class SampledSource:
    """Pages of *source*, drawn one by one by lot.

    :param pages: to draw, of those that *source* expects; so many of it.
    :param share: to draw of one that does not know how many it has.
    :param seed: of the lot.
    :ivar drawn: pages that were drawn, also those that had to be left then.
    :ivar population: pages that *source* had, once all was read.
    """

    def __init__(
        self, source: Source, pages: int | None, share: Fraction, seed: int | str = 0
    ) -> None:
        self.name = source.name
        self.source = source
        self.pages = pages
        self.drawn = 0
        self.population = 0
        self._gaps = _gaps(source.pages, pages, share, Random(f"sample {seed}"))
        source.weigh(1 / share)

    @property
    def account(self) -> Account:
        """That of the source, each page that was drawn and left counted for many."""
        return self.source.account

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0
        while filled < len(buffer):
            came = self.read_one(buffer[filled : filled + PAGE_SIZE])
            if came is None:
                break
            filled += PAGE_SIZE * came
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages that are drawn, as :meth:`Source.skip` says."""
        page = memoryview(bytearray(PAGE_SIZE))
        return sum(1 for _ in range(pages) if self.read_one(page) is not None)

    def read_one(self, page: memoryview) -> bool | None:
        """Read the next page that is drawn, as :meth:`Source.read_one` says."""
        gap = next(self._gaps)
        passed = self.source.skip(gap) if gap else 0
        self.population += passed
        if passed < gap:
            return None
        came = self.source.read_one(page)
        if came is not None:
            self.drawn += 1
            self.population += 1
        return came

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        self.source.weigh(weight)

    def __enter__(self) -> SampledSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.source.__exit__(*exc)


def sample(source: Source, wanted: Wanted | None = None, seed: int | str = 0) -> Source:
    """*source*, or so many pages of it: by itself all of 4 GiB, and 50,000 of what has more.

    :param seed: of the lot.
    :raises UsageError: for a number of pages of a source that does not know how many it has.

    >>> from ghostswap.pages import open_source
    >>> with sample(open_source("synthetic:1000:text"), parse("1%")) as some:
    ...     some.readinto(memoryview(bytearray(100 * PAGE_SIZE))) // PAGE_SIZE, some.population
    (10, 1000)
    """
    if isinstance(source, ProfileSource):
        return source  # it is one already
    expected = source.pages
    if wanted is None:
        wanted = Wanted() if expected and expected > WHOLE_PAGES else ALL
    if expected is None:
        if wanted.share is None:
            raise UsageError(
                f"{printable(source.name)}: nobody knows how many pages will come",
                "give a share of them: --sample 2%",
            )
        return source if wanted.share == 1 else SampledSource(source, None, wanted.share, seed)
    pages = wanted.pages if wanted.share is None else ceil(expected * wanted.share)
    if pages >= expected:
        return source
    return SampledSource(source, pages, Fraction(pages, expected), seed)


def _gaps(expected: int | None, pages: int | None, share: Fraction, rng: Random) -> Iterator[int]:
    """How many pages to pass over before each that is drawn; without end.

    Exactly *pages* are among those that are *expected*; of what comes behind them, as the memory
    of a process may grow, and of what nobody counted, each page is drawn with the same chance.
    """
    behind = 0
    if expected is not None and pages is not None:
        last = -1
        for number in sorted(rng.sample(range(expected), pages)):
            yield number - last - 1
            last = number
        behind = expected - 1 - last
    scale = 1 / log1p(-share)
    while True:
        yield behind + int(log(1 - rng.random()) * scale)
        behind = 0
