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
    :ivar source: what was mounted, such as ``/dev/sda1``.
    """

    id: str
    device: str
    point: str
    fstype: str
    source: str


def mounts() -> Iterator[Mount]:
    """Every mount that this process sees; none where /proc is not there."""
    with (
        contextlib.suppress(OSError),
        open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file,
    ):
        for line in file:
            before, _, after = line.partition(" - ")
            fields, (fstype, source, *_) = before.split(), after.split()
            yield Mount(fields[0], fields[2], unescape(fields[4]), fstype, unescape(source))


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
