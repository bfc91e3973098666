# SPDX-License-Identifier: GPL-2.0-or-later
"""Block devices by their numbers: what they are called, what they lie on, who names them.

By /sys/dev/block, and by the links that udev makes in /dev/disk.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator

from ghostswap.mounts import fstype

#: Devices and file systems that are memory.
_IN_MEMORY = re.compile("z?ram[0-9]+")
_MEMORY_TYPES = ("tmpfs", "devtmpfs", "ramfs")
#: What may stand before ``=`` in the name of a device, and the directory of links by it.
_TAGS = {
    "UUID": "by-uuid",
    "LABEL": "by-label",
    "PARTUUID": "by-partuuid",
    "PARTLABEL": "by-partlabel",
}


def name(number: int) -> str:
    """Its path in /dev, as the kernel calls it."""
    return f"/dev/{os.path.basename(_sysfs(number)).replace('!', '/')}"


def memory_under(number: int) -> str | None:
    """What loses all at power-off and holds the device, in the end; ``None`` where nothing does."""
    place = _sysfs(number)
    if os.path.exists(f"{place}/partition"):
        place = os.path.dirname(place)
    if _IN_MEMORY.fullmatch(os.path.basename(place)):
        return f"/dev/{os.path.basename(place)}"
    found = (memory_under(below) for below in _below(place))
    return next((memory for memory in found if memory is not None), _file_in_memory(place))


def is_rotational(number: int) -> bool | None:
    """Whether the device counts as one that seeks; ``None`` where nobody tells."""
    place = _sysfs(number)
    for queue in (f"{place}/queue", f"{os.path.dirname(place)}/queue"):  # a partition has none
        with (
            contextlib.suppress(OSError),
            open(f"{queue}/rotational", encoding="ascii") as file,
        ):
            return file.read().strip() == "1"
    return None


def named_by(text: str) -> int | None:
    """The number of the device that *text* names: a path, ``8:1``, ``UUID=...`` and the like."""
    if match := re.fullmatch("([0-9]+):([0-9]+)", text):
        return os.makedev(int(match[1]), int(match[2]))
    tag, equals, value = text.partition("=")
    path = f"/dev/disk/{_TAGS[tag]}/{value}" if equals and tag in _TAGS else text
    with contextlib.suppress(OSError, ValueError):
        info = os.stat(path)
        return info.st_rdev if stat.S_ISBLK(info.st_mode) else None
    return None


def _sysfs(number: int) -> str:
    return os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")


def _below(place: str) -> Iterator[int]:
    """The numbers of the devices that the one at *place* in sysfs lies on."""
    with contextlib.suppress(OSError):
        for below in os.scandir(f"{place}/slaves"):
            with open(f"{below.path}/dev", encoding="ascii") as file:
                major, minor = map(int, file.read().split(":"))
                yield os.makedev(major, minor)
    with contextlib.suppress(OSError):
        info = os.stat(_backing_file(place))
        yield info.st_rdev if stat.S_ISBLK(info.st_mode) else info.st_dev


def _backing_file(place: str) -> str:
    """Of a loop device; its error is that of any other device."""
    with open(f"{place}/loop/backing_file", encoding="utf-8", errors="surrogateescape") as file:
        return file.read().removesuffix("\n")


def _file_in_memory(place: str) -> str | None:
    """The file of a loop device, where it lies in memory."""
    with contextlib.suppress(OSError):
        path = _backing_file(place)
        fd = os.open(path, os.O_PATH)
        try:
            return path if fstype(fd) in _MEMORY_TYPES else None
        finally:
            os.close(fd)
    return None
