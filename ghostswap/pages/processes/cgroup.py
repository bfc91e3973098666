# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory of the processes in a cgroup and those below it, of version 2 or 1.

It is what they map. What they are charged for may be a little else: a page is charged to the cgroup
that touched it first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ghostswap.errors import TargetError
from ghostswap.mounts import mounts
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes.host import OnceSource, Totals
from ghostswap.pages.processes.process import others
from ghostswap.pages.source import Why

_CONTAINER = re.compile("[0-9a-f]{12,64}")
_SHOWN = 3
_HINT = (
    "write its path, the name of a systemd unit or the id of a container; systemd-cgls shows them"
)


class CgroupSource(OnceSource):
    """The pages of the processes in the cgroup that *spec* names, and in those below it.

    :param spec: ``cgroup:/PATH``, or a name or id that only one has.
    :raises TargetError: where none, or several, are named so, or it has no processes; and for
        anybody but root.
    """

    def __init__(self, spec: str) -> None:
        group = _find(spec, spec.removeprefix("cgroup:"))
        pids = set(group.pids())
        if not pids:
            raise TargetError(spec, "has no processes", "its memory is that of processes")
        strangers = pids - set(others())
        super().__init__(spec, sorted(pids - strangers), group.totals)
        if 0 in strangers:
            reason = "in another PID namespace, and without a number here"
            self.account.leave(Why.REFUSED, 0, reason, "run where they are seen", what="process")


def members(spec: str) -> Callable[[], set[int]]:
    """What lists the processes in the cgroup that *spec* names as they are then, but for our own.

    :raises TargetError: where none, or several, are named so.
    """
    group = _find(spec, spec.removeprefix("cgroup:"))
    return lambda: set(group.pids()) & set(others())


class _Cgroup(NamedTuple):
    directory: str

    def pids(self) -> Iterator[int]:
        """All processes in it and below; 0 for those that have no number here."""
        for directory, _, _ in os.walk(self.directory):
            try:
                with open(f"{directory}/cgroup.procs") as file:
                    yield from map(int, file.read().split())
            except OSError:  # it has gone; or has threads alone, of processes that stand above
                continue

    def totals(self) -> Totals:
        """What is charged to it and to those below."""
        try:
            with open(f"{self.directory}/memory.stat") as file:
                stat = dict(line.split() for line in file)
        except OSError:  # no memory controller in this hierarchy
            return Totals(None, None)

        def pages(*names: str) -> int | None:
            name = next((name for name in names if name in stat), None)
            return None if name is None else int(stat[name]) // PAGE_SIZE

        return Totals(pages("zswapped"), pages("total_shmem", "shmem"))


def _find(spec: str, name: str) -> _Cgroup:
    hierarchies = _hierarchies()
    if not hierarchies:
        raise TargetError(spec, "no cgroups are mounted here", "name pid:N or host")
    if not name or ".." in name.split("/") or "\0" in name:
        raise TargetError(spec, "is no cgroup", _HINT)
    if name.startswith("/"):
        # Also as it lies in the file system.
        paths = (name.removeprefix(top) for top in hierarchies if name.startswith(f"{top}/"))
        path = next(paths, name).rstrip("/")
        found = [top + path for top in hierarchies if os.path.isdir(top + path)][:1]
    else:
        found = next(filter(None, (_search(top, name) for top in hierarchies)), [])
    if len(found) > 1:
        shown = ", ".join(found[:_SHOWN]) + ", ..." * (len(found) > _SHOWN)
        raise TargetError(spec, f"{len(found)} cgroups are named so: {shown}", "write a path")
    if not found:
        raise TargetError(spec, "there is no such cgroup", _HINT)
    return _Cgroup(found[0])


def _hierarchies() -> list[str]:
    """Where cgroups are, the hierarchy with the memory controller first."""
    found = [
        ("memory" not in mount.options, mount.fstype != "cgroup2", mount.point)
        for mount in mounts()
        if mount.fstype in ("cgroup", "cgroup2")
    ]
    return [point for *_, point in sorted(found)]


def _search(top: str, name: str) -> list[str]:
    """The cgroups of that name below *top*, without those in them."""
    is_id = _CONTAINER.fullmatch(name) is not None
    found = []
    for directory, names, _ in os.walk(top):
        matching = [
            other
            for other in names
            if other in (name, f"{name}.service")
            or (is_id and any(part.startswith(name) for part in re.split("[-.:]", other)))
        ]
        found += [f"{directory}/{other}" for other in matching]
        names[:] = (other for other in names if other not in matching)
    return found
