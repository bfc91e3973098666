# SPDX-License-Identifier: GPL-2.0-or-later
"""A source of whose pages some are kept as they are, by lot, for what needs more than a measure."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Account, Source


class KeepingSource:
    """The pages of *source*, closed with it.

    :param most: pages to keep of all that are handed out, each with the same chance (Vitter's
        algorithm R); pages of zeros are not kept.
    :param seed: of the lot.
    :ivar kept: those pages.
    """

    def __init__(self, source: Source, most: int, seed: int | str = 0) -> None:
        self.name = source.name
        self.kept: list[bytes] = []
        self._source = source
        self._most = most
        self._met = 0
        self._rng = Random(f"kept {seed}")

    @property
    def pages(self) -> int | None:
        """As :attr:`Source.pages`."""
        return self._source.pages

    @property
    def account(self) -> Account:
        """As :attr:`Source.account`."""
        return self._source.account

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = self._source.readinto(buffer)
        for at in range(0, filled, PAGE_SIZE):
            self._look(buffer[at : at + PAGE_SIZE])
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says."""
        return self._source.skip(pages)

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        came = self._source.read_one(page)
        if came:
            self._look(page)
        return came

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        self._source.weigh(weight)

    def _look(self, page: memoryview) -> None:
        self._met += 1
        place = len(self.kept)
        if place == self._most:
            place = int(self._rng.random() * self._met)
            if place >= self._most:
                return
        data = bytes(page)
        if any(data):
            self.kept[place : place + 1] = [data]

    def __enter__(self) -> KeepingSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._source.__exit__(*exc)
