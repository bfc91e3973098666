# SPDX-License-Identifier: GPL-2.0-or-later
"""How full the data pages of an area are: zero or not, read once in one small buffer."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ghostswap.area.header.explain import Inspection
from ghostswap.area.target.target import Target
from ghostswap.errors import TargetError

_CHUNK = 1 << 20


class Contents(NamedTuple):
    """The data pages that a header declares, counted.

    :ivar zero_pages: there, and all zero; holes are.
    :ivar nonzero_pages: there, and with something in them.
    :ivar missing_pages: declared, but behind the end of the target.
    """

    zero_pages: int
    nonzero_pages: int
    missing_pages: int


def count(target: Target, found: Inspection, done: Callable[[int], object]) -> Contents:
    """Count the data pages of the area *found* in *target*.

    :param done: called with numbers of bytes as they pass; they add up to :func:`data_size`.
    :raises TargetError: where it cannot be read.
    """
    page = found.header.page_size
    there = data_size(found) // page
    nonzero = 0
    position = first = found.offset + page
    end = first + there * page
    for start, stop in _data(target, first, end):
        start -= (start - first) % page
        stop += -(stop - first) % page
        start = max(start, position)  # two ranges of data may meet inside a page
        done(start - position)
        for place in range(start, stop, _CHUNK):
            length = min(_CHUNK, stop - place)
            nonzero += _nonzero(target, place, length, page)
            done(length)
        position = max(position, stop)
    done(end - position)
    return Contents(there - nonzero, nonzero, found.header.last_page - there)


def data_size(found: Inspection) -> int:
    """Bytes of the data pages that are there, of those that the header declares."""
    page = found.header.page_size
    there = min(found.header.last_page, found.size // page - 1)
    return max(there, 0) * page


def _nonzero(target: Target, offset: int, length: int, page: int) -> int:
    data = target.read(offset, length)
    # Reading a swap area must not push everything else out of the page cache.
    os.posix_fadvise(target.fd, offset, length, os.POSIX_FADV_DONTNEED)
    if data == bytes(len(data)):
        return 0
    zeros = bytes(page)
    return sum(not data.startswith(zeros, start) for start in range(0, len(data), page))


def _data(target: Target, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The ranges between *start* and *end* that are no holes, as (start, stop)."""
    while start < end:
        try:
            start = os.lseek(target.fd, start, os.SEEK_DATA)
            stop = os.lseek(target.fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            if error.errno != errno.EINVAL:
                raise TargetError.from_os(target.path, error, "cannot look for holes") from error
            stop = end  # a block device, which has none
        if start < end:
            yield start, min(stop, end)
        start = stop
