# SPDX-License-Identifier: GPL-2.0-or-later
"""Several sources as one, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction

from ghostswap.errors import TargetError
from ghostswap.pages.source import Account, Source, Why


class SeveralSources:
    """The pages of *sources*, which are closed with it; each is read to its end before the next.

    One that fails is left where it stood.

    :ivar sources: all of them.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.name = ", ".join(source.name for source in sources)
        self.sources = sources
        self._rest = list(reversed(sources))
        self._failures = Account("")

    @property
    def pages(self) -> int | None:
        """Pages expected in all; ``None`` where nobody can know of one."""
        known = [source.pages for source in self.sources]
        return None if None in known else sum(pages or 0 for pages in known)

    @property
    def account(self) -> Account:
        """The accounts of all together."""
        accounts = [source.account for source in self.sources]
        total = Account("; ".join(dict.fromkeys(account.memory for account in accounts)))
        for account in (*accounts, self._failures):
            total.absorb(account)
        return total

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0
        while filled < len(buffer) and self._rest:
            got = 0
            with self._noting_failure():
                got = self._rest[-1].readinto(buffer[filled:])
            filled += got
            if not got:
                self._rest.pop()
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says."""
        passed = 0
        while passed < pages and self._rest:
            got, rest = 0, pages - passed
            with self._noting_failure():
                got = self._rest[-1].skip(rest)
            passed += got
            if got < rest:
                self._rest.pop()
        return passed

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        while self._rest:
            came = None
            with self._noting_failure():
                came = self._rest[-1].read_one(page)
            if came is not None:
                return came
            self._rest.pop()
        return None

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        for source in self.sources:
            source.weigh(weight)

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except TargetError as error:
            reason = f"{error.path}: {error.reason}"
            self._failures.leave(Why.UNREADABLE, 0, reason, error.hint, what="source")

    def __enter__(self) -> SeveralSources:
        return self

    def __exit__(self, *exc: object) -> None:
        with ExitStack() as stack:
            for source in self.sources:
                stack.push(source.__exit__)
