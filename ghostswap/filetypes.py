# SPDX-License-Identifier: GPL-2.0-or-later
"""What else a path may name where a file or block device is wanted, in words."""

from __future__ import annotations

import stat

from ghostswap.errors import TargetError

_OTHER_TYPES = {
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


def check_type(path: str, mode: int, stream_hint: str = "") -> None:
    """Refuse what is neither a regular file nor a block device.

    :param mode: ``st_mode`` of inode(7).
    :param stream_hint: what to do with what bytes come from: a FIFO, a character device.
    :raises TargetError: saying what it is instead.
    """
    what = _OTHER_TYPES.get(stat.S_IFMT(mode))
    if what is not None:
        hint = stream_hint if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) else ""
        raise TargetError(path, f"is {what}, not a file or block device", hint)
