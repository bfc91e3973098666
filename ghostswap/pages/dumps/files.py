# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw memory: every page of a file or stream, the last one padded as the page cache does."""

from __future__ import annotations

from collections.abc import Generator

from ghostswap.pages.dumps.medium import Medium
from ghostswap.pages.dumps.runs import UNTIL_THE_END, Run, RunSource, pages_in
from ghostswap.pages.source import Account

RAW = "bytes as they are"


class RawSource(RunSource):
    """The pages of a medium from its first byte to its last.

    Holes are zero pages, but not read: the page cache would fill up with them. Pages that
    cannot be read, or that a shrinking file no longer has, are left.
    """

    def __init__(self, name: str, medium: Medium) -> None:
        pages = None if medium.size is None else pages_in(medium.size)
        super().__init__(name, medium, _all(medium.size), Account(RAW), pages)


def _all(size: int | None) -> Generator[Run]:
    yield Run(0, UNTIL_THE_END if size is None else size, pads=True)
