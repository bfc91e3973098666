# SPDX-License-Identifier: GPL-2.0-or-later
"""``resume=`` and ``resume_offset=``: how a kernel that boots finds an image in this area.

``resume_offset`` is the page of the device on which the area's header lies: what FIEMAP tells of
the file's first byte, or on btrfs, where FIEMAP tells of its own address space, what the chunk
tree makes of it. Documentation/power/swsusp-and-swap-files.rst, Linux 6.18.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import NamedTuple

from ghostswap import extents
from ghostswap.area.header import header
from ghostswap.area.header.explain import Inspection
from ghostswap.area.target.target import Target
from ghostswap.errors import TargetError
from ghostswap.extents import ExtentFlag
from ghostswap.units import format_uuid

#: File systems whose FIEMAP speaks of bytes on the device that they are mounted from.
_PLAIN = ("ext2", "ext3", "ext4", "xfs")
_NOWHERE = (
    ExtentFlag.UNKNOWN
    | ExtentFlag.DELALLOC
    | ExtentFlag.ENCODED
    | ExtentFlag.DATA_ENCRYPTED
    | ExtentFlag.NOT_ALIGNED
    | ExtentFlag.INLINE
    | ExtentFlag.TAIL
    | ExtentFlag.SHARED
)
_FS_IOC_GETFSUUID = 0x80111500  # since Linux 6.9


class Resume(NamedTuple):
    """Where the area is, for the kernel command line; or why it has no place there.

    :ivar device: ``UUID=...`` or a path; ``None`` where there is nothing to resume from.
    :ivar offset: ``resume_offset``, in pages of the area's page size; 0 for a whole device.
    :ivar reason: why there is none, ``""`` where there is.
    """

    device: str | None = None
    offset: int | None = None
    reason: str = ""

    @property
    def line(self) -> str | None:
        """Ready to be added to the kernel command line."""
        if self.device is None:
            return None
        offset = f" resume_offset={self.offset}" if self.offset else ""
        return f"resume={self.device}{offset}"


class _NoPlaceError(Exception):
    """The area has no resume_offset; the message says why."""


def find(target: Target, found: Inspection, summary: extents.Summary | None) -> Resume:
    """How to resume from the area *found* in *target*.

    :param summary: of its extents, where the file system tells.
    :raises TargetError: where the file system refuses to tell.
    """
    head = found.header
    if found.type == "ghost" and found.kind == "file":
        return Resume(
            reason="a ghost has no data pages: there is no place on disk to write an image to"
        )
    if head.version != 1 or head.magic not in header.SIGNATURES:
        return Resume(reason="no kernel of today switches this area on")
    if found.type != "full":
        return Resume(reason="the area is shorter than declared: no kernel switches it on")
    if found.partition is not None or (target.kind == "block" and not found.offset):
        path = os.path.abspath(target.path)
        other = f"PARTUUID={found.partition.uuid}" if found.partition else path
        return Resume(f"UUID={head.uuid}" if head.uuid else other, 0)
    if found.offset:
        return Resume(reason="swapon(2) takes no offset: it wants a device or file of its own")
    if summary is not None and summary.holes:
        return Resume(reason="the file has holes: no kernel switches it on")
    try:
        place, device = _place(target)
    except _NoPlaceError as error:
        return Resume(reason=str(error))
    except OSError as error:
        raise TargetError.from_os(target.path, error, "cannot find its place on disk") from error
    if place % head.page_size:
        return Resume(reason=f"it lies at byte {place} of the device, inside a page")
    return Resume(device, place // head.page_size)


def _place(target: Target) -> tuple[int, str]:
    """The byte of the device where the file starts, and the device's name."""
    if target.fstype not in (*_PLAIN, "btrfs"):
        raise _NoPlaceError(f"not known on {target.fstype or 'this file system'}")
    first = next(extents.extents(target.fd) or iter(()), None)
    if first is None or first.logical:
        raise _NoPlaceError(f"{target.fstype} does not tell where the file starts")
    if bad := first.flags & _NOWHERE:
        names = ", ".join(extents.flag_names(bad))
        raise _NoPlaceError(f"the header lies in an extent that is {names}")
    if target.fstype != "btrfs":
        return first.physical, _file_system(target)
    from ghostswap.area.target import btrfs

    try:
        return btrfs.place(target.fd, first.physical)
    except PermissionError:
        raise _NoPlaceError(
            "btrfs keeps it in its chunk tree, which only root may read: run this as root"
        ) from None
    except ValueError as error:
        raise _NoPlaceError(str(error)) from error


def _file_system(target: Target) -> str:
    """The device of the file system that holds *target*: by UUID, else its path."""
    uuid = bytearray(17)
    with contextlib.suppress(OSError):
        fcntl.ioctl(target.fd, _FS_IOC_GETFSUUID, uuid)
        if uuid[0] == 16 and any(uuid[1:]):
            return f"UUID={format_uuid(bytes(uuid[1:]))}"
    number = os.fstat(target.fd).st_dev
    with contextlib.suppress(OSError):
        for entry in os.scandir("/dev/disk/by-uuid"):
            if entry.stat().st_rdev == number:
                return f"UUID={entry.name}"
    place = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    return f"/dev/{os.path.basename(place).replace('!', '/')}"
