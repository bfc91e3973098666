# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a file's bytes lie on its device: the FIEMAP ioctl, as filefrag(8) asks it."""

from __future__ import annotations

import errno
import fcntl
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntFlag
from typing import NamedTuple

_FS_IOC_FIEMAP = 0xC020660B
_REQUEST = struct.Struct("=QQLLLL")  # struct fiemap without its extents
_EXTENT = struct.Struct("=QQQ2QL3L")  # struct fiemap_extent
_BATCH = 512
_SYNC = 1  # FIEMAP_FLAG_SYNC: write delayed allocations out first, as swapon(2) does


class ExtentFlag(IntFlag):
    """``FIEMAP_EXTENT_*`` (include/uapi/linux/fiemap.h)."""

    LAST = 0x1
    UNKNOWN = 0x2
    DELALLOC = 0x4
    ENCODED = 0x8
    DATA_ENCRYPTED = 0x80
    NOT_ALIGNED = 0x100
    INLINE = 0x200
    TAIL = 0x400
    UNWRITTEN = 0x800
    MERGED = 0x1000
    SHARED = 0x2000


class Extent(NamedTuple):
    """A run of a file's bytes that is contiguous on the device.

    :ivar logical: first byte in the file.
    :ivar physical: first byte on the device (on btrfs: in its logical address space).
    """

    logical: int
    physical: int
    length: int
    flags: ExtentFlag

    @property
    def end(self) -> int:
        return self.logical + self.length


def extents(fd: int) -> Iterator[Extent] | None:
    """The extents of an open file in order, or ``None`` where its file system cannot tell.

    :raises OSError: from the ioctl, except that it is unknown.
    """
    try:
        first = _batch(fd, 0)
    except OSError as error:
        if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return None
        raise
    return _all(fd, first)


def flag_names(flags: ExtentFlag) -> list[str]:
    """The names of the flags that are set, in lower case; bits without a name are left out."""
    return [str(flag.name).lower() for flag in ExtentFlag if flag in flags]


class Summary(NamedTuple):
    """The extents between two offsets of a file, counted.

    :ivar number: of them, as the file system reports them.
    :ivar allocated: bytes that lie in one of them.
    :ivar holes: ranges without an extent.
    :ivar hole_bytes: their bytes.
    :ivar unwritten_bytes: allocated, but never written through the file system.
    :ivar flags: how many carry a flag, by its name in lower case.
    """

    number: int
    allocated: int
    holes: int
    hole_bytes: int
    unwritten_bytes: int
    flags: dict[str, int]


def clip(found: Iterable[Extent], start: int, end: int) -> Iterator[Extent]:
    """What of the extents lies between two offsets."""
    for extent in found:
        if extent.logical >= end:
            break
        first, last = max(extent.logical, start), min(extent.end, end)
        if first < last:
            yield Extent(
                first, extent.physical + first - extent.logical, last - first, extent.flags
            )


def summary(found: Iterable[Extent], start: int, end: int) -> Summary:
    """Count the extents between *start* and *end*, in one pass."""
    allocated = gaps = unwritten = 0
    kinds = Counter[ExtentFlag]()
    position = start
    for extent in clip(found, start, end):
        kinds[extent.flags & ~ExtentFlag.LAST] += 1
        allocated += extent.length
        gaps += extent.logical > position
        position = extent.end
        if extent.flags & ExtentFlag.UNWRITTEN:
            unwritten += extent.length
    gaps += position < end
    flags = dict.fromkeys(flag_names(~ExtentFlag.LAST), 0)
    for kind, count in kinds.items():
        for name in flag_names(kind):
            flags[name] += count
    return Summary(kinds.total(), allocated, gaps, end - start - allocated, unwritten, flags)


def _all(fd: int, batch: list[Extent]) -> Iterator[Extent]:
    while batch:
        yield from batch
        if batch[-1].flags & ExtentFlag.LAST:
            return
        batch = _batch(fd, batch[-1].end)


def _batch(fd: int, start: int) -> list[Extent]:
    request = _REQUEST.pack(start, (1 << 64) - 1 - start, _SYNC, 0, _BATCH, 0)
    buffer = bytearray(request + bytes(_EXTENT.size * _BATCH))
    fcntl.ioctl(fd, _FS_IOC_FIEMAP, buffer)
    count = _REQUEST.unpack_from(buffer)[3]
    return [
        Extent(logical, physical, length, ExtentFlag(flags))
        for logical, physical, length, _, _, flags, *_ in _EXTENT.iter_unpack(
            buffer[_REQUEST.size : _REQUEST.size + count * _EXTENT.size]
        )
    ]
