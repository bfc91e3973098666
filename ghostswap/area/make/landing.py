# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a new swap file is about to land: is there room for it, and what must be done first."""

from __future__ import annotations

import fcntl
import os
import struct

from ghostswap.area.judge import natures
from ghostswap.area.judge.natures import FileSystem
from ghostswap.area.target.inode import InodeFlag, add_inode_flags
from ghostswap.errors import TargetError
from ghostswap.mounts import fstype
from ghostswap.units import format_size

_F2FS_IOC_SET_PIN_FILE = 0x4004F50D


def of(directory: int) -> tuple[str, FileSystem]:
    """The file system of an open directory: its name and what it needs."""
    name = fstype(directory)
    return name, natures.of(name)


def check(path: str, directory: int, size: int, *, ghost: bool, force: bool) -> None:
    """See before anything is created that a file of *size* bytes can be made and used there.

    :raises TargetError: where there is too little room, or the file system cannot hold swap.
    """
    name, needs = of(directory)
    hopeless = needs.refuses and not (ghost and needs.holds_ghosts)
    if hopeless and not force:
        raise TargetError(
            path, f"{name} cannot hold swap: {needs.refuses}", "--force makes the file all the same"
        )
    try:
        room = os.fstatvfs(directory)
    except OSError as error:
        raise TargetError.from_os(path, error, "cannot find how much room there is") from error
    free = (room.f_bfree if os.geteuid() == 0 else room.f_bavail) * room.f_frsize
    if size > free:
        raise TargetError(
            path, f"needs {format_size(size)}, and {format_size(free)} are free on its file system"
        )


def prepare_empty(fd: int, needs: FileSystem) -> None:
    """Give a file that is still empty what its file system needs to hold swap.

    :raises OSError: where that is refused.
    """
    if needs.nocow:
        add_inode_flags(fd, InodeFlag.NOCOW)
    if needs.pinned:
        fcntl.ioctl(fd, _F2FS_IOC_SET_PIN_FILE, struct.pack("I", 1))
