# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a new swap file is about to land: what its file system needs, and whether it can hold swap.

What swapon(2) of Linux 6.1 to 6.18 makes of a file there is a row of :data:`FILE_SYSTEMS`; one
that has no row is taken for an ordinary one, which needs its blocks allocated and no more.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass

from ghostswap.area.target.inode import InodeFlag, add_inode_flags
from ghostswap.errors import TargetError
from ghostswap.mounts import fstype
from ghostswap.units import format_size

_F2FS_IOC_SET_PIN_FILE = 0x4004F50D


@dataclass(frozen=True, slots=True)
class FileSystem:
    """How to make a file that swapon takes.

    :ivar refuses: why it never takes one, ``""`` where it does.
    :ivar holds_ghosts: whether a kernel with the ghost RFC would take a ghost there all the same,
        since it never asks for the file's blocks.
    :ivar nocow: the file must be marked NOCOW while it is empty; no compression then either.
    :ivar pinned: the file must be pinned before its blocks are allocated.
    """

    refuses: str = ""
    holds_ghosts: bool = True
    nocow: bool = False
    pinned: bool = False


_MEMORY = FileSystem("it lies in memory, which is what swap is to relieve", holds_ghosts=False)
_NETWORK = FileSystem("its blocks are on another machine")
_STACKED = FileSystem("it lies on other file systems and has no blocks of its own")
_COPIES = FileSystem("it copies blocks on every write, and swap must stay where it is")

#: By the name in /proc/filesystems.
FILE_SYSTEMS = {
    "btrfs": FileSystem(nocow=True),
    "f2fs": FileSystem(pinned=True),  # Documentation/filesystems/f2fs.rst; never tried here
    **dict.fromkeys(("tmpfs", "ramfs", "devtmpfs", "hugetlbfs"), _MEMORY),
    **dict.fromkeys(("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs"), _NETWORK),
    **dict.fromkeys(("overlay", "ecryptfs"), _STACKED),
    **dict.fromkeys(("bcachefs", "zfs", "nilfs2"), _COPIES),
}


def of(directory: int) -> tuple[str, FileSystem]:
    """The file system of an open directory: its name and what it needs."""
    name = fstype(directory)
    kind = name.partition(".")[0]  # fuse.sshfs and its like
    if kind == "fuse":
        return name, FileSystem("its blocks are known to a program in user space only")
    return name, FILE_SYSTEMS.get(kind, FileSystem())


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
