# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate --verify``: what checks the pages, and the areas that it may overwrite."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from ghostswap.area.header.explain import inspect
from ghostswap.area.header.header import SWAPSPACE2
from ghostswap.area.target.target import in_use, lock, open_target
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import note
from ghostswap.codecs.measure import CHUNK_PAGES, Lengths
from ghostswap.errors import TargetError, UsageError
from ghostswap.mm.swap.in_order import SwapInfo
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Source
from ghostswap.study.round_trip import Disk


class Verifier(Protocol):
    """What keeps the bytes of all pages."""

    def swap_out(self, pages: memoryview, lengths: array[int]) -> None:
        """Take the next pages, given their compressed lengths."""


@contextmanager
def open_disks(areas: Sequence[SwapInfo], *, force: bool) -> Iterator[Mapping[int, Disk]]:
    """The full ones of *areas* by their numbers, open for writing; imagined ones have no disk.

    :raises UsageError: without *force*, for whatever is in them is lost.
    :raises TargetError: where one is in use, or no longer what *areas* say.
    """
    disks = {}
    with ExitStack() as stack:
        for number, area in enumerate(areas):
            if area.type == "ghost" or area.pages is None:
                continue
            if not force:
                raise UsageError(
                    f"--verify overwrites what is in {area.path}", "--force says that it may"
                )
            target = stack.enter_context(open_target(area.path, write=True))
            if user := in_use(target):
                raise TargetError(area.path, user)
            lock(target, "nonblock", lambda: note("waiting"))
            found = inspect(target)
            header = found.header
            now = (header.magic, header.page_size, found.type, header.usable_pages)
            if now != (SWAPSPACE2, PAGE_SIZE, area.type, area.pages):
                raise TargetError(area.path, "was changed since it was looked at", "try again")
            disks[number] = Disk(target, header)
        yield disks


def verify_all(
    source: Source, codec: Lengths, verifier: Verifier, swap_out: Callable[[array[int]], None]
) -> None:
    """Give all pages of *source* to *verifier*, and their lengths to *swap_out* as well.

    :raises Difference: where a page is found to be another one already.
    """
    buffer = memoryview(bytearray(CHUNK_PAGES * PAGE_SIZE))
    with progress_bar("compressing", source.pages) as advance:
        while filled := source.readinto(buffer):
            pages = buffer[:filled]
            lengths = codec.lengths(pages)
            swap_out(lengths)
            verifier.swap_out(pages, lengths)
            advance(len(lengths))
