# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that cure an area: written so that they do, as they stand, on the area at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from ghostswap import here
from ghostswap.area.header.bounds import MIN_PAGES
from ghostswap.area.header.header import NATIVE, SWAP_SPACE, Header
from ghostswap.area.judge.area import Area, Machine
from ghostswap.units import exact_size


def least_size(page_size: int) -> int:
    """Bytes of the smallest area that mkswap makes."""
    return MIN_PAGES * page_size


def mkswap(area: Area, machine: Machine, *options: str, size: int = 0) -> str:
    """Write a header for what is there, or for *size* bytes; ``""`` where there is no room."""
    size = max(size, least_size(machine.page_size))
    words = ["ghostswap mkswap", *options]
    if size > area.size:
        if area.most is not None and size > area.most:
            return ""
        words.append(f"--file --size {exact_size(size)}")
    if machine.page_size != here.page_size():
        words.append(f"--pagesize {machine.page_size}")
    if machine.byte_order != NATIVE:
        words.append(f"--endianness {machine.byte_order}")
    if area.offset:
        words.append(f"--offset {area.offset}")
    words.append(area.shell_path)
    if area.ends_early:
        words.append(str(area.size // 1024))
    return " ".join(words)


def remake(area: Area, machine: Machine, head: Header, *options: str, size: int = 0) -> str:
    """The same with what is worth keeping of *head*, its header now: names and bad pages."""
    if head.signature == SWAP_SPACE:
        return mkswap(area, machine, *options, size=size)
    bad = _ranges(_bad_pages(area, machine, head))
    kept = ("--keep", f"--bad-pages {bad}") if bad else ("--keep",)
    return mkswap(area, machine, *kept, *options, size=size)


def label(area: Area, *options: str) -> str:
    """Give the area another label or UUID."""
    offset = (f"--offset {area.offset}",) if area.offset else ()
    return " ".join(("ghostswap label", *options, *offset, area.shell_path))


def _bad_pages(area: Area, machine: Machine, head: Header) -> list[int]:
    """Those bad pages that an area of today's size still has, in the machine's pages.

    None where the list is not to be believed, has no room in a header, or leaves no area.
    """
    if area.kind == "file" or head.nr_badpages > head.max_badpages:
        return []
    last_page = area.size // machine.page_size - 1
    bad = {
        page
        for listed in head.badpages
        if 0 < listed <= head.last_page
        for page in range(
            listed * head.page_size // machine.page_size,
            -(-(listed + 1) * head.page_size // machine.page_size),
        )
        if 0 < page <= last_page
    }
    room = min(last_page - MIN_PAGES, machine.parse(area.start).max_badpages)
    return sorted(bad) if len(bad) <= room else []


def _ranges(pages: Iterable[int]) -> str:
    """``5,7-9`` for 5, 7, 8 and 9."""

    def parts() -> Iterator[str]:
        for _, run in groupby(enumerate(pages), lambda pair: pair[1] - pair[0]):
            numbers = [page for _, page in run]
            first, last = numbers[0], numbers[-1]
            yield str(first) if first == last else f"{first}-{last}"

    return ",".join(parts())
