# SPDX-License-Identifier: GPL-2.0-or-later
"""Inode flags: the ioctls of lsattr(1) and chattr(1)."""

from __future__ import annotations

import errno
import fcntl
import struct
from enum import IntFlag

_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS = 0x80086601, 0x40086602
_UNKNOWN = (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class InodeFlag(IntFlag):
    """``FS_*_FL`` (include/uapi/linux/fs.h), those that swapon(2) cares for."""

    COMPR = 0x4
    IMMUTABLE = 0x10
    APPEND = 0x20
    ENCRYPT = 0x800
    VERITY = 0x100000
    NOCOW = 0x800000


def inode_flags(fd: int) -> InodeFlag:
    """The flags of an open file; none where its file system has no such thing.

    :raises OSError: from the ioctl, except that it is unknown.
    """
    try:
        answer = fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(8))
    except OSError as error:
        if error.errno in _UNKNOWN:
            return InodeFlag(0)
        raise
    return InodeFlag(struct.unpack("I4x", answer)[0])


def add_inode_flags(fd: int, flags: InodeFlag) -> None:
    """Set *flags* beside those that the open file has.

    :raises OSError: from the ioctls.
    """
    fcntl.ioctl(fd, _FS_IOC_SETFLAGS, struct.pack("I4x", inode_flags(fd) | flags))
