# SPDX-License-Identifier: GPL-2.0-or-later
"""Where file systems are mounted, and which one an open file lies on: /proc/self/mountinfo.

In a chroot whose ``/`` is no mount point, mountinfo has no row for it: then statfs(2) tells the
type, and the device's number its name.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

#: ``f_type`` of statfs(2) -> the name in /proc/filesystems (include/uapi/linux/magic.h of Linux
#: 6.18, and fs/ for those that are not in there). Where several share one, it is the name of the
#: youngest, whose swap files are no other.
_MAGIC = {
    0xEF53: "ext4",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0xF2F52010: "f2fs",
    0x5A4F4653: "zonefs",
    0x4D44: "vfat",
    0x2011BAB0: "exfat",
    0x3153464A: "jfs",
    0x482B: "hfsplus",
    0x7366746E: "ntfs3",
    0xCA451A4E: "bcachefs",
    0x2FC12FC1: "zfs",
    0x3434: "nilfs2",
    0x24051905: "ubifs",
    0x01021994: "tmpfs",
    0x858458F6: "ramfs",
    0x958458F6: "hugetlbfs",
    0x794C7630: "overlay",
    0xF15F: "ecryptfs",
    0x6969: "nfs4",
    0xFE534D42: "smb3",
    0xFF534D42: "cifs",
    0x01021997: "9p",
    0x00C36400: "ceph",
    0x6B414653: "afs",
    0x65735546: "fuse",
    0x9FA0: "proc",
}


class Mount(NamedTuple):
    """A row of /proc/self/mountinfo (proc(5)).

    :ivar device: ``major:minor`` as ``st_dev`` of the file system has it.
    :ivar root: the directory of the file system that was mounted.
    :ivar source: what was mounted, such as ``/dev/sda1``.
    :ivar options: those of the file system.
    """

    id: str
    device: str
    root: str
    point: str
    fstype: str
    source: str
    options: frozenset[str]


def mounts(pid: int | None = None, root: str = "") -> Iterator[Mount]:
    """Every mount that this process, or process *pid*, sees; none where /proc is not there.

    :param root: the directory that stands for ``/``.
    """
    path = f"{root}/proc/{pid or 'self'}/mountinfo"
    with (
        contextlib.suppress(OSError),
        open(path, encoding="utf-8", errors="surrogateescape") as file,
    ):
        for line in file:
            before, _, after = line.partition(" - ")
            fields, (fstype, source, *options) = before.split(), after.split()
            yield Mount(
                fields[0],
                fields[2],
                unescape(fields[3]),
                unescape(fields[4]),
                fstype,
                unescape(source),
                frozenset(",".join(options).split(",")),
            )


def mounted_at(number: int) -> str | None:
    """Where the block device of that number is mounted, ``None`` where it is not."""
    wanted = f"{os.major(number)}:{os.minor(number)}"
    return next((mount.point for mount in mounts() if mount.device == wanted), None)


def mount_of(fd: int) -> Mount | None:
    """The mount that an open file or directory lies on, ``None`` where nobody tells."""
    # By its id: on btrfs st_dev is the subvolume's, which mountinfo does not list.
    with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        wanted = dict(line.split(None, 1) for line in file).get("mnt_id:", "").strip()
        return next((mount for mount in mounts() if mount.id == wanted), None)
    return None


def fstype(fd: int) -> str:
    """The type of the file system that an open file or directory lies on; ``""`` if unknown."""
    mount = mount_of(fd)
    return mount.fstype if mount else name_of_magic(fd)


def name_of_magic(fd: int) -> str:
    """The type of the file system that *fd* lies on by statfs(2) alone; ``""`` if unknown."""
    import ctypes  # which costs, and mountinfo mostly answers

    found = (ctypes.c_ulong * 64)()  # struct statfs, whose first word it is, has less
    if ctypes.CDLL(None).fstatfs(fd, found):
        return ""
    name = _MAGIC.get(found[0] & 0xFFFFFFFF, "")
    # fuseblk has fuse's magic, and a block device below it.
    return "fuseblk" if name == "fuse" and os.major(os.fstat(fd).st_dev) else name


def device_name(fd: int) -> str:
    """The name of the device of the file system that an open file lies on, such as ``sda1``.

    That is ``s_id`` of struct super_block; ``"?"`` if unknown.
    """
    mount = mount_of(fd)
    if mount is not None:
        return os.path.basename(os.path.realpath(mount.source))
    number = os.fstat(fd).st_dev
    place = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    return os.path.basename(os.path.realpath(place)) if os.path.exists(place) else "?"


def unescape(path: str) -> str:
    r"""Undo the kernel's octal escapes (``\040``) in /proc files."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
