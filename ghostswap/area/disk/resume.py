# SPDX-License-Identifier: GPL-2.0-or-later
"""``resume=`` and ``resume_offset=``: how a kernel that boots finds an image in this area.

There is such a place only where the kernel switches the area on, and where it outlasts a power
cut. ``resume_offset`` is the page of the device on which the area's header lies: what FIEMAP tells
of the file's first byte, or on btrfs, where FIEMAP tells of its own address space, what the chunk
tree makes of it. Documentation/power/swsusp-and-swap-files.rst, Linux 6.18.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ghostswap import extents
from ghostswap.area.header.explain import Inspection
from ghostswap.area.target import blockdev
from ghostswap.area.target.target import Target
from ghostswap.errors import TargetError
from ghostswap.extents import ExtentFlag
from ghostswap.units import format_size, format_uuid

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


class Note(NamedTuple):
    """Something that stands against resuming from a place, a clause.

    :ivar text: with a ``{}`` for each of *sizes*, if there are any.
    :ivar sizes: in bytes.
    """

    text: str
    sizes: tuple[int, ...] = ()

    def told(self, size: Callable[[int], str] = format_size) -> str:
        """In words, with sizes as *size* writes them."""
        return self.text.format(*map(size, self.sizes)) if self.sizes else self.text


class Resume(NamedTuple):
    """Where the area is, for the kernel command line; or why it has no place there.

    :ivar device: ``UUID=...`` or a path; ``None`` where there is nothing to resume from.
    :ivar offset: ``resume_offset``, in pages of the area's page size; 0 for a whole device.
    :ivar reason: why there is none, ``""`` where there is.
    :ivar notes: what stands against it all the same.
    """

    device: str | None = None
    offset: int | None = None
    reason: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def line(self) -> str | None:
        """Ready to be added to the kernel command line."""
        if self.device is None:
            return None
        offset = f" resume_offset={self.offset}" if self.offset else ""
        return f"resume={self.device}{offset}"


class _NoPlaceError(Exception):
    """The area has no resume_offset; the message says why."""


def find(target: Target, found: Inspection, refused: str = "", ram: int | None = None) -> Resume:
    """How to resume from the area *found* in *target*.

    :param refused: why the kernel does not switch it on, ``""`` where it does.
    :param ram: bytes of the machine's memory; ``None`` where nobody knows.
    :raises TargetError: where the file system refuses to tell.
    """
    if found.type == "ghost" and found.kind == "file":
        return Resume(
            reason="a ghost has no data pages: there is no place on disk to write an image to"
        )
    if found.offset and found.partition is None:
        return Resume(reason="swapon(2) takes no offset: it wants a device or file of its own")
    if refused:
        return Resume(reason=f"the kernel does not switch it on: {refused}")
    info = os.fstat(target.fd)
    number = info.st_rdev if target.kind == "block" else info.st_dev
    # An image of a disk lies where it lies; the disk will be elsewhere.
    memory = None if found.partition and target.kind == "file" else blockdev.memory_under(number)
    if memory is not None:
        return Resume(reason=f"{memory} is in memory, and gone when the power is off")
    place = _in_file(target, found) if _is_file(target, found) else _on_device(target, found)
    if place.device is None:
        return place
    notes = (*_too_small(found.usable_size, ram), *_elsewhere(place, number))
    return place._replace(notes=notes)


def _is_file(target: Target, found: Inspection) -> bool:
    return target.kind == "file" and found.partition is None


def _on_device(target: Target, found: Inspection) -> Resume:
    uuid = found.header.uuid
    path = os.path.abspath(target.path)
    other = f"PARTUUID={found.partition.uuid}" if found.partition else path
    return Resume(f"UUID={uuid}" if uuid else other, 0)


def _in_file(target: Target, found: Inspection) -> Resume:
    page_size = found.header.page_size
    try:
        place, device = _place(target)
    except _NoPlaceError as error:
        return Resume(reason=str(error))
    except OSError as error:
        raise TargetError.from_os(target.path, error, "cannot find its place on disk") from error
    if place % page_size:
        return Resume(reason=f"it lies at byte {place} of the device, inside a page")
    return Resume(device, place // page_size)


def _too_small(size: int, ram: int | None) -> Iterator[Note]:
    """What may not fit into an area of *size* usable bytes."""
    limit = _number("/sys/power/image_size")
    if limit is not None and size < limit:
        text = "it has {}, and an image may take {} (/sys/power/image_size): there may be no room"
        yield Note(text, (size, limit))
    elif ram is not None and size < ram:
        text = "it has {}, less than the {} of memory: no larger image can be written to it"
        yield Note(text, (size, ram))


def _elsewhere(ours: Resume, number: int) -> Iterator[Note]:
    """Whether the running kernel looks for an image at another place.

    :param number: of the device of *ours*, where its name is nobody's yet.
    """
    theirs = asked_for()
    if theirs is not None and ours.device is not None and not is_place(ours, theirs, number):
        yield Note(f"this kernel looks for one elsewhere: {theirs.line}")


def is_place(ours: Resume, theirs: Resume, number: int) -> bool:
    """Whether both are the same place.

    :param number: of the device of *ours*, where its name is nobody's yet.
    """
    if theirs.device is None or ours.device is None:
        return False
    here, there = blockdev.named_by(ours.device) or number, blockdev.named_by(theirs.device)
    same = theirs.device == ours.device or there == here
    return same and (theirs.offset or 0) == (ours.offset or 0)


def asked_for(root: str = "") -> Resume | None:
    """Where the running kernel looks: by its command line, else by what was written to it since.

    :param root: the directory that stands for ``/``.
    """
    words = (_text(f"{root}/proc/cmdline") or "").split()
    asked = (word for word in words if word.startswith(("resume=", "resume_offset=")))
    given = dict(word.split("=", 1) for word in asked)
    if "noresume" in words:
        return None
    if "resume" in given:
        offset = given.get("resume_offset", "0")
        return Resume(given["resume"], int(offset) if offset.isdecimal() else 0)
    device = _text(f"{root}/sys/power/resume")
    if device is None or device == "0:0":
        return None
    return Resume(device, _number(f"{root}/sys/power/resume_offset") or 0)


def _number(path: str) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.isdecimal() else None


def _text(path: str) -> str | None:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return None


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
    return blockdev.name(number)
