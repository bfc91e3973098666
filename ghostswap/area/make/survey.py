# SPDX-License-Identifier: GPL-2.0-or-later
"""What a target holds before it is formatted, and what stands against using it for swap."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ghostswap import extents
from ghostswap.area.header import header
from ghostswap.area.header.header import Header
from ghostswap.area.target import blkid
from ghostswap.area.target.blkid import Signature
from ghostswap.area.target.target import Target
from ghostswap.errors import TargetError
from ghostswap.extents import ExtentFlag

#: Called with bytes just done and bytes in all.
Progress = Callable[[int, int], None]

_BOOTBITS = 1024
_CHUNK = 1 << 20
_REFUSED_EXTENTS = {
    ExtentFlag.INLINE: "inline",
    ExtentFlag.SHARED: "shared",
    ExtentFlag.DELALLOC: "delalloc",
}


class Survey(NamedTuple):
    """What is there.

    :ivar signatures: that some prober would believe.
    :ivar bootbits: the first KiB to leave before the header.
    :ivar warnings: one for each thing that will be gone, or stays and should not.
    """

    signatures: tuple[Signature, ...]
    bootbits: bytes
    warnings: tuple[str, ...]


def survey(target: Target, offset: int, *, force: bool, damaged: bool = False) -> Survey:
    """Look for all that formatting an area at *offset* would destroy.

    A partition table stays, unless forced: its boot sector does swap no harm.

    :param damaged: places that cannot be read are expected, and no reason to refuse.
    :raises TargetError: where libblkid is missing and the target is not all zero, unless forced.
    """
    size = target.size - offset
    if size < _BOOTBITS:
        return Survey((), bytes(_BOOTBITS), ())
    if not blkid.available():
        if not force and not _is_zero(target, offset):
            raise TargetError(
                target.path,
                "holds data, and without libblkid nobody can tell which",
                "install libblkid1, or format it all the same with --force",
            )
        return Survey((), bytes(_BOOTBITS), ())
    table: str | None = None
    found: list[Signature] = []
    warnings = []
    try:
        table = blkid.partition_table(target.fd) if not offset and not force else None
        found.extend(blkid.signatures(target.fd, offset, size))
    except OSError as error:
        target.check_size()  # a file that has been cut cannot be read either
        said = f"cannot look for old signatures: {os.strerror(error.errno or 0)}"
        if not force and not damaged:
            raise TargetError(
                target.path, said, "--force formats it, and wipes those that can be read"
            ) from error
        warnings.append(f"{target.path}: warning: {said}")
    bootbits = bytes(_BOOTBITS)
    if table is not None:
        bootbits = target.read(0, _BOOTBITS)
        found = [old for old in found if old.offset >= _BOOTBITS]
        warnings.append(
            f"{target.path}: warning: don't erase bootbits sectors ({table} partition table"
            " detected). Use -f to force."
        )
    warnings += [f"{target.path}: warning: wiping old {old.type} signature." for old in found]
    return Survey(tuple(found), bootbits, tuple(warnings))


def header_of(target: Target, offset: int) -> Header:
    """The swap header that is there now, of whatever page size.

    :raises TargetError: where there is none, or one that has neither UUID nor label.
    """
    hint = "there is no UUID or label to keep"
    try:
        found = header.parse(target.read(offset, header.MAX_HEADER))
    except header.NotSwapError as error:
        raise TargetError(target.path, error.message, hint) from error
    if found.signature == header.SWAP_SPACE:
        raise TargetError(target.path, "is a swap area of version 0", hint)
    return found


def objections(target: Target) -> tuple[list[str], list[str]]:
    """What swapon(2) or a careful administrator would say against the target.

    :return: warnings, and the extents behind them, one line each.
    :raises TargetError: when the system refuses.
    """
    warnings = []
    try:
        bad_extents = list(_bad_extents(target))
    except OSError as error:
        raise TargetError.from_os(target.path, error, "cannot read its extents") from error
    if bad_extents:
        warnings.append(
            f"{target.path} contains holes or other unsupported extents. This swap file can be"
            " rejected by kernel on swap activation!"
        )
    proposed = target.insecure
    if proposed is not None:
        warnings.append(
            f"{target.path}: insecure permissions {target.mode:04o},"
            f" fix with: chmod {proposed:04o} {target.path}"
        )
    if target.kind == "file" and os.getuid() == 0 and target.uid != 0:
        warnings.append(
            f"{target.path}: insecure file owner {target.uid}, fix with: chown 0:0 {target.path}"
        )
    return warnings, bad_extents


def unreadable_pages(
    target: Target, offset: int, page_size: int, size: int, progress: Progress | None = None
) -> Iterator[int]:
    """The numbers of the pages of an area that cannot be read.

    :param size: bytes of the area.
    """
    step = max(_CHUNK, page_size)
    for start in range(0, size, step):
        length = min(step, size - start)
        if not _reads(target.fd, offset + start, length):
            for page in range(start, start + length, page_size):
                if not _reads(target.fd, offset + page, page_size):
                    yield page // page_size
        if progress is not None:
            progress(length, size)


def _reads(fd: int, offset: int, length: int) -> bool:
    try:
        return len(os.pread(fd, length, offset)) == length
    except OSError:
        return False


def _bad_extents(target: Target) -> Iterator[str]:
    if target.kind == "block":
        return
    found = extents.extents(target.fd)
    if found is None:
        return
    position = 0
    for extent in found:
        if extent.logical > position:
            yield f"hole detected at offset {position}"
        for flag, name in _REFUSED_EXTENTS.items():
            if extent.flags & flag:
                yield f"{name} extent detected at offset {extent.logical}"
        position = extent.end
    if position < target.size:
        yield f"hole detected at offset {position}"


def _is_zero(target: Target, offset: int) -> bool:
    while piece := target.read(offset, _CHUNK):
        if any(piece):
            return False
        offset += len(piece)
    return True
