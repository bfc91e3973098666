# SPDX-License-Identifier: GPL-2.0-or-later
"""All of a host's swap at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ghostswap import kernels
from ghostswap.live.seen import areas, cgroups, reclaim, zram, zswap
from ghostswap.live.seen.areas import AreaState, ResumeState, Room
from ghostswap.live.seen.cgroups import Cgroups
from ghostswap.live.seen.reclaim import Reclaim
from ghostswap.live.seen.tree import Tree
from ghostswap.live.seen.zram import Tool, ZramDevice
from ghostswap.live.seen.zswap import Zswap
from ghostswap.page import PAGE_SIZE


class Status(NamedTuple):
    """What was seen of a host, each part from its reader.

    :ivar kernel: its release, as ``uname -r``; ``""`` where nobody tells.
    :ivar zswap: ``None`` where the kernel has none, or /sys is not there.
    :ivar compressors: what the kernel's crypto layer has loaded (/proc/crypto).
    :ivar resume: ``None`` where the kernel looks for no image.
    :ivar room: for a further swap file.
    :ivar unseen: what could not be read, and why.
    """

    kernel: str
    areas: tuple[AreaState, ...]
    zswap: Zswap | None
    zram: tuple[ZramDevice, ...]
    tools: tuple[Tool, ...]
    compressors: frozenset[str]
    reclaim: Reclaim
    cgroups: Cgroups
    resume: ResumeState | None
    room: Room
    unseen: Mapping[str, str]

    @property
    def active(self) -> tuple[AreaState, ...]:
        """Areas that are on, the highest priority first."""
        return tuple(area for area in self.areas if area.active)

    @property
    def ram(self) -> int:
        """Bytes of memory, 0 where nobody tells."""
        return self.reclaim.meminfo.get("MemTotal", 0)

    @property
    def size(self) -> int:
        """Bytes of all areas that are on."""
        return sum(area.size for area in self.active)

    @property
    def used(self) -> int:
        """Bytes of those whose slots are taken."""
        return sum(area.used for area in self.active)

    @property
    def reserved(self) -> int:
        """Bytes that areas take on disks."""
        return sum(area.size for area in self.active if area.on_disk)

    @property
    def never_written(self) -> int:
        """Bytes of *reserved* that at least were not written since boot.

        Each page that went to any device, ``pswpout``, wrote one slot at the most.
        """
        written = self.reclaim.vmstat.get("pswpout", 0) * PAGE_SIZE
        return max(self.reserved - written, 0)


def read(tree: Tree) -> Status:
    """Look at everything once; nothing is changed."""
    release = tree.word("/proc/sys/kernel/osrelease")
    state = reclaim.read(tree)
    found, resume = areas.read(tree), None
    if found or tree.exists("/sys/power/resume"):
        # What judges them costs more to import than all the rest.
        from ghostswap.live.seen import judged

        kernel, _ = kernels.running(release)
        found = judged.judge(tree, found, kernel, state.meminfo.get("MemTotal", 0))
        resume = judged.find_resume(tree, found)
    for place, what in (("/proc/meminfo", "memory and swap"), ("/sys/kernel", "zswap and zram")):
        if not tree.exists(place):
            tree.bar(place, f"not there, so nothing can be said of {what}")
    return Status(
        kernel=release,
        areas=found,
        zswap=zswap.read(tree),
        zram=zram.devices(tree),
        tools=zram.tools(tree),
        compressors=_compressors(tree),
        reclaim=state,
        cgroups=cgroups.read(tree),
        resume=resume,
        room=areas.room(tree, found),
        unseen=tree.barred,
    )


def _compressors(tree: Tree) -> frozenset[str]:
    found = set()
    name = ""
    for line in tree.word("/proc/crypto").splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "name":
            name = value
        elif key == "type" and value in ("compression", "scomp", "acomp"):
            found.add(name)
    return frozenset(found)
