# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of cgroups that change where their pages go, of version 2 and of version 1.

Only what differs from what a new cgroup has is listed (Documentation/admin-guide/cgroup-v2.rst and
cgroup-v1/memory.rst, Linux 6.18).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ghostswap.live.seen.tree import Tree
from ghostswap.mounts import Mount, mounts

#: Directories that are looked into; a fleet of containers may have thousands.
_MOST = 1000
_V2 = {
    "memory.swap.max": "max",
    "memory.swap.high": "max",
    "memory.zswap.max": "max",
    "memory.zswap.writeback": "1",
}
#: ``PAGE_COUNTER_MAX`` in bytes, with pages of 4 KiB: no limit.
_V1 = {"memory.memsw.limit_in_bytes": str((1 << 63) - 4096)}
_COUNTERS = ("memory.swap.current", "memory.zswap.current")


@dataclass(frozen=True, slots=True)
class Group:
    """A cgroup that is set otherwise than a new one.

    :ivar path: below the mount.
    :ivar settings: those files whose content differs, with their content.
    :ivar counters: ``memory.swap.current``, ``memory.zswap.current``, and ``max`` and ``fail`` of
        memory.swap.events, which count what its limits refused.
    """

    path: str
    settings: Mapping[str, str]
    counters: Mapping[str, int]


class Cgroups(NamedTuple):
    """The hierarchy that has the memory controller.

    :ivar version: of it; ``None`` where there is none.
    :ivar groups: those with settings.
    :ivar looked_at: cgroups whose settings were read.
    :ivar more: there are more than that.
    """

    version: Literal[1, 2] | None = None
    groups: tuple[Group, ...] = ()
    looked_at: int = 0
    more: bool = False


def read(tree: Tree) -> Cgroups:
    """The cgroups of the host, as far as this process sees them."""
    for mount in mounts(root=tree.root):
        if mount.fstype == "cgroup" and "memory" in mount.options:
            inherited = tree.word(f"{mount.point}/memory.swappiness")
            defaults = {**_V1, "memory.swappiness": inherited} if inherited else _V1
            return _walk(tree, mount, 1, defaults)
        if mount.fstype == "cgroup2":
            controllers = tree.word(f"{mount.point}/cgroup.controllers").split()
            if "memory" in controllers:
                return _walk(tree, mount, 2, _V2)
    return Cgroups()


def _walk(tree: Tree, mount: Mount, version: Literal[1, 2], defaults: Mapping[str, str]) -> Cgroups:
    top = tree.path(mount.point)
    found: list[Group] = []
    seen = 0
    for directory in _directories(top):
        if seen == _MOST:
            return Cgroups(version, tuple(found), seen, more=True)
        seen += 1
        path = directory.removeprefix(top) or "/"
        place = mount.point + directory.removeprefix(top)
        texts = {name: tree.text(f"{place}/{name}") for name in defaults}
        settings = {
            name: text
            for name, text in texts.items()
            if text is not None and text != defaults[name]
        }
        if settings:
            found.append(Group(path, settings, dict(_counters(tree, place))))
    return Cgroups(version, tuple(found), seen)


def _directories(top: str) -> Iterator[str]:
    """*top* and all below it, level by level, so that slices come before what is in them."""
    level = [top]
    while level:
        yield from level
        below: list[str] = []
        for directory in level:
            try:
                with os.scandir(directory) as entries:
                    names = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            except OSError:  # it has gone, or is another user's
                continue
            below += sorted(names)
        level = below


def _counters(tree: Tree, place: str) -> Iterator[tuple[str, int]]:
    for name in _COUNTERS:
        value = tree.number(f"{place}/{name}")
        if value is not None:
            yield name, value
    for name, value in tree.numbers(f"{place}/memory.swap.events").items():
        yield f"memory.swap.events {name}", value
