# SPDX-License-Identifier: GPL-2.0-or-later
"""What a file system is to a swap file: whether it can hold one, and what it needs for that.

What swapon(2) of Linux 6.1 to 7.3 makes of a file there is a row of :data:`FILE_SYSTEMS`; one
that has no row is taken for an ordinary one, which needs its blocks allocated and no more.
"""

from __future__ import annotations

from typing import NamedTuple


class FileSystem(NamedTuple):
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

#: By :func:`kind`.
FILE_SYSTEMS = {
    "btrfs": FileSystem(nocow=True),
    "f2fs": FileSystem(pinned=True),  # Documentation/filesystems/f2fs.rst; never tried here
    **dict.fromkeys(("tmpfs", "ramfs", "devtmpfs", "hugetlbfs"), _MEMORY),
    **dict.fromkeys(("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "virtiofs"), _NETWORK),
    **dict.fromkeys(("overlay", "ecryptfs"), _STACKED),
    **dict.fromkeys(("bcachefs", "zfs", "nilfs2"), _COPIES),
    "fuse": FileSystem("its blocks are known to a program in user space only"),
}


def kind(fstype: str) -> str:
    """The name that rows go by: a FUSE file system's without what follows the dot (fuse.sshfs)."""
    return fstype.partition(".")[0]


def of(fstype: str) -> FileSystem:
    """The row of the file system that mounts as *fstype*."""
    return FILE_SYSTEMS.get(kind(fstype), FileSystem())
