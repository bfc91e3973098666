# SPDX-License-Identifier: GPL-2.0-or-later
"""Swap areas as a user gives them: paths with priorities, sizes; their headers read."""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Iterable, Iterator

from ghostswap.errors import TargetError, UsageError
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.swap.tiers import SHRT_MAX
from ghostswap.page import PAGE_SIZE
from ghostswap.study.host import Area
from ghostswap.units import printable

#: An area with its priority, as ``/swapfile:prio=5``.
_WITH_PRIO = re.compile(r"(.+):prio=(-?[0-9]+)", re.DOTALL)


def parse_area(text: str) -> Area:
    """``PATH`` or ``PATH:prio=N``; a file that has just that name is meant first.

    :raises TargetError: for the empty name, which no file has.
    :raises UsageError: where swapon takes no such priority.
    """
    if not text:
        raise TargetError.from_os(text, FileNotFoundError(errno.ENOENT, ""), "cannot open")
    found = _WITH_PRIO.fullmatch(text)
    if found is None or os.path.lexists(text):
        return Area(text)
    prio = int(found[2]) if re.fullmatch("-?[0-9]{1,5}", found[2]) else SHRT_MAX + 1
    if not -1 <= prio <= SHRT_MAX:
        raise UsageError(
            f'no priority: "prio={printable(found[2])}"',
            f"give a number from 0 to {SHRT_MAX}, or -1 for what swapon gives by itself",
        )
    return Area(found[1], prio=None if prio < 0 else prio)


def open_areas(areas: Iterable[Area]) -> Iterator[SwapArea]:
    """Read the headers of those that are real, one after the other.

    :raises TargetError: for one that no kernel takes.
    :raises UsageError: for one that is given twice.
    """
    seen: dict[tuple[int, ...], str] = {}
    for area in areas:
        yield _imagined(area) if area.path is None else _open(area, area.path, seen)


def _imagined(area: Area) -> SwapArea:
    assert area.type is not None
    pages = None if area.size is None else area.size // PAGE_SIZE - 1
    return SwapArea(
        f"({area.type})",
        area.type,
        pages,
        prio=area.prio,
        rotational=area.rotational,
        discard=area.discard,
        is_imagined=True,
    )


def _open(area: Area, path: str, seen: dict[tuple[int, ...], str]) -> SwapArea:
    """The *area* at *path*, which is noted among those *seen*."""
    # construct is behind these, and most runs imagine their areas.
    from ghostswap.area.header.explain import inspect
    from ghostswap.area.header.header import SWAPSPACE2
    from ghostswap.area.target.target import open_target

    with open_target(path) as target:
        found = inspect(target)
        status = os.fstat(target.fd)
    # Links, hard ones too, and nodes of a device are names of one thing.
    is_file = found.kind == "file"
    what = (status.st_dev, status.st_ino) if is_file else (status.st_rdev,)
    if what in seen:
        raise UsageError(
            f"{path} is the same area as {seen[what]}",
            "it can be switched on once; leave one out",
        )
    seen[what] = path
    kind, head = found.type, found.header
    sound = head.magic == SWAPSPACE2 and head.version == 1 and head.page_size == PAGE_SIZE
    if kind == "short" or not sound or head.usable_pages < 1:
        raise TargetError(
            path,
            f"a kernel with {PAGE_SIZE}-byte pages does not take this area",
            f"'ghostswap validate {shlex.quote(path)}' says why",
        )
    return SwapArea(
        path,
        kind,
        head.usable_pages,
        prio=area.prio,
        badpages=head.badpages,
        rotational=area.rotational,
        discard=area.discard,
        blkdev=not is_file,
    )
