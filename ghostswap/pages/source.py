# SPDX-License-Identifier: GPL-2.0-or-later
"""What every source of memory offers: whole pages, front to back, read once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Skipped:
    """Memory that a source names but could not, or must not, read.

    :ivar what: the range, file or process, in words for a person.
    :ivar pages: how many pages are missing; 0 where nobody can know.
    :ivar reason: why, in one clause.
    :ivar cure: what the user can do about it, or ``""``.
    """

    what: str
    pages: int
    reason: str
    cure: str = ""


class Source(Protocol):
    """Pages of memory that can be read once, in order, into a buffer of the caller's.

    A source is a context manager; leaving it closes what it opened.
    """

    @property
    def name(self) -> str:
        """What the user asked for, such as ``pid:1234`` or a path."""
        ...

    @property
    def pages(self) -> int | None:
        """Pages expected in all, for a progress bar; ``None`` where nobody can know (a pipe)."""
        ...

    @property
    def skipped(self) -> Iterable[Skipped]:
        """What was not read so far; complete once :meth:`readinto` has returned 0."""
        ...

    @property
    def swapped_pages(self) -> int:
        """Pages that were in swap and therefore left alone; reading would swap them in."""
        ...

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* (a whole number of pages) with the next pages.

        :return: bytes filled, a multiple of the page size; 0 at the end.
        """
        ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *exc: object) -> None: ...
