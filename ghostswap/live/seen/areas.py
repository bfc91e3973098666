# SPDX-License-Identifier: GPL-2.0-or-later
"""Swap areas of a host: those that are on, and those that /etc/fstab asks for.

Read: /proc/swaps, /etc/fstab, and what each area lies on.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ghostswap.area.judge import natures
from ghostswap.area.target import blockdev
from ghostswap.area.target.target import active_swaps
from ghostswap.live.seen.tree import Tree, number
from ghostswap.mounts import fstype, mount_of, unescape

if TYPE_CHECKING:
    from ghostswap.area.judge.dangers import Danger
    from ghostswap.area.judge.refusal import Refusal

#: What an area lies on, as far as it matters for speed and for the power going off.
Medium = Literal["zram", "memory", "solid state", "rotational", "ghost", ""]
_FSTAB = "/etc/fstab"


class AreaState(NamedTuple):
    """A swap area; sizes in bytes.

    :ivar path: as /proc/swaps has it, or, where it is off, as fstab names the device.
    :ivar type: ``partition`` or ``file``.
    :ivar used: slots in use.
    :ivar priority: ``None`` where it is off, or none is given.
    :ivar active: whether it is on.
    :ivar configured: the first field of its line in fstab; ``""`` where it has none.
    :ivar medium: ``""`` where nobody tells.
    :ivar length: of the file; 0 of a device.
    :ivar refusal: why the kernel would not switch it on.
    :ivar dangers: what else is wrong with it.
    """

    path: str
    type: str
    size: int = 0
    used: int = 0
    priority: int | None = None
    active: bool = False
    configured: str = ""
    medium: Medium = ""
    length: int = 0
    refusal: Refusal | None = None
    dangers: tuple[Danger, ...] = ()

    @property
    def on_disk(self) -> bool:
        """Whether its pages take space on a disk."""
        return self.medium not in ("zram", "memory", "ghost")


class Room(NamedTuple):
    """Where a further swap file could be made.

    :ivar path: of a file that is not there yet.
    :ivar free: bytes on its file system; 0 where that cannot hold swap.
    :ivar medium: what it would lie on; ``""`` where nobody tells.
    """

    path: str
    free: int
    medium: Medium = ""


class ResumeState(NamedTuple):
    """Where the kernel looks for a hibernation image.

    :ivar asked: that place, as it stands on a command line.
    :ivar area: what lies there; ``None`` for no area.
    :ivar image_size: bytes that an image may take; ``None`` where the kernel does not say.
    :ivar others: what a command line would have to say for each area that could serve.
    :ivar loader: what writes the kernel's command line here: ``update-grub``, ``grubby`` or ``""``.
    """

    asked: str
    area: AreaState | None
    image_size: int | None
    others: tuple[str, ...]
    loader: str


def read(tree: Tree) -> tuple[AreaState, ...]:
    """All areas, the highest priority first, those that are off last; none is judged yet."""
    found = [
        AreaState(
            row.path,
            row.type,
            row.size * 1024,
            row.used * 1024,
            row.priority,
            active=True,
            medium="ghost" if row.type == "ghost" else "",
        )
        for row in active_swaps(tree.root)
    ]
    found.sort(key=lambda area: -(area.priority or 0))
    for asked, path, priority in _fstab(tree):
        place = next((at for at, area in enumerate(found) if _same(tree, area.path, path)), None)
        if place is None:
            kind = "partition" if path.startswith("/dev/") else "file"
            found.append(AreaState(path, kind, priority=priority, configured=asked))
        else:
            found[place] = found[place]._replace(configured=asked)
    return tuple(_placed(tree, area) for area in found)


def room(tree: Tree, areas: Sequence[AreaState]) -> Room:
    """Beside the swap file that has the most room around it; else in ``/``."""
    files = [area.path for area in areas if area.active and area.type == "file"]
    found = [_beside(tree, path) for path in files or ("/swapfile",)]
    return max(found, key=lambda one: one.free)


def _beside(tree: Tree, path: str) -> Room:
    names = (path, *(f"{path}.{number}" for number in range(2, 100)))
    unused = next((name for name in names if not tree.exists(name)), path)
    try:
        fd = os.open(os.path.dirname(tree.path(path)) or "/", os.O_PATH)
    except OSError:
        return Room(unused, 0)
    try:
        if natures.of(fstype(fd)).refuses:
            return Room(unused, 0)
        there = os.fstatvfs(fd)
        medium = _medium_below(fd, os.fstat(fd).st_dev)
        return Room(unused, there.f_bavail * there.f_frsize, medium)
    finally:
        os.close(fd)


def _fstab(tree: Tree) -> Iterator[tuple[str, str, int | None]]:
    """Each swap line that counts at boot: its first field, the path that it means, its priority."""
    for line in tree.lines(_FSTAB):
        fields = line.split()
        if len(fields) < 3 or fields[2] != "swap":
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        if "noauto" in options:
            continue
        given = next((each[4:] for each in options if each.startswith("pri=")), "")
        path = unescape(fields[0])
        if not path.startswith("/"):
            device = blockdev.named_by(path)
            path = f"/dev/{path}" if device is None else blockdev.name(device)
        yield fields[0], path, number(given)


def _same(tree: Tree, one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        here, there = os.stat(tree.path(one)), os.stat(tree.path(other))
    except OSError:
        return False
    if stat.S_ISBLK(here.st_mode):
        return here.st_rdev == there.st_rdev
    return os.path.samestat(here, there)


def _placed(tree: Tree, area: AreaState) -> AreaState:
    """*area* with what it lies on."""
    if area.medium:
        return area
    if re.fullmatch("zram[0-9]+", os.path.basename(os.path.realpath(area.path))):
        return area._replace(medium="zram")
    try:
        fd = os.open(os.path.dirname(tree.path(area.path)) or "/", os.O_PATH)
    except OSError:
        return area
    try:
        info = os.stat(tree.path(area.path))
        if stat.S_ISBLK(info.st_mode):
            return area._replace(medium=_medium(info.st_rdev))
        return area._replace(medium=_medium_below(fd, info.st_dev), length=info.st_size)
    except OSError:
        return area
    finally:
        os.close(fd)


def _medium_below(directory: int, device: int) -> Medium:
    """What a file in *directory*, which says that it is on *device*, lies on."""
    mount = mount_of(directory)
    if not os.major(device) and mount is not None:  # as btrfs and overlay have it
        try:
            device = os.stat(mount.source).st_rdev
        except OSError:
            return ""
    return _medium(device)


def _medium(device: int) -> Medium:
    if memory := blockdev.memory_under(device):
        return "zram" if memory.startswith("/dev/zram") else "memory"
    seeks = blockdev.is_rotational(device)
    if seeks is None:
        return ""
    return "rotational" if seeks else "solid state"
