# SPDX-License-Identifier: GPL-2.0-or-later
"""Where file systems are mounted, and which one an open file lies on: /proc/self/mountinfo."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import NamedTuple


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


def mounts(pid: int | None = None) -> Iterator[Mount]:
    """Every mount that this process, or process *pid*, sees; none where /proc is not there."""
    path = f"/proc/{pid or 'self'}/mountinfo"
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
    return mount.fstype if mount else ""


def unescape(path: str) -> str:
    r"""Undo the kernel's octal escapes (``\040``) in /proc files."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)
