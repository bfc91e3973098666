# SPDX-License-Identifier: GPL-2.0-or-later
"""``memory.zswap.max`` of the cgroups whose memory is in question.

It limits compressed bytes, not the pool's pages (Documentation/admin-guide/cgroup-v2.rst,
``obj_cgroup_charge_zswap``, Linux 6.18). What it does not let into zswap goes to the disk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ghostswap.advise.options import HEADROOM, Option, Place
from ghostswap.advise.sizes import Setting
from ghostswap.designs import table
from ghostswap.page import PAGE_SIZE
from ghostswap.study.outcome import Outcome
from ghostswap.units import format_size

#: What the file has where there is no limit.
MAX = "max"
_PREFIX = "cgroup:"
_MOUNT = "/sys/fs/cgroup"
#: Other units are not there before they are started, or have no drop-ins.
_UNIT = re.compile(r"[\w:.@\\-]+\.(service|slice)", re.ASCII)


class GroupLimit(NamedTuple):
    """One group; sizes in bytes.

    :ivar name: of its source, such as ``cgroup:/system.slice/db.service``; ``""`` where a profile
        does not tell.
    :ivar memory: what may leave, and
    :ivar compressed: what that counts for in memory.zswap.current.
    :ivar limit: memory.zswap.max, ``None`` for max.
    """

    name: str
    memory: int
    compressed: int
    limit: int | None
    because: str
    otherwise: str

    @property
    def value(self) -> int | str:
        """What to write."""
        return MAX if self.limit is None else self.limit

    @property
    def path(self) -> str:
        """Of the cgroup, below where version 2 is mounted; ``""`` where nobody tells.

        A profile may come from anybody: what is no plain path is none.
        """
        path = self.name.removeprefix(_PREFIX).removeprefix(_MOUNT)
        is_plain = path.isprintable() and ".." not in path.split("/")
        return path if is_plain and path.startswith("/") else ""

    @property
    def unit(self) -> str:
        """The service or slice of systemd that it is; ``""`` for none."""
        last = self.name.removeprefix(_PREFIX).rpartition("/")[2]
        return last if _UNIT.fullmatch(last) else ""


class GroupLimits(NamedTuple):
    """All groups.

    :ivar lacks: why no limit can be set; ``""`` where it can.
    """

    groups: tuple[GroupLimit, ...]
    lacks: str

    @property
    def wanted(self) -> tuple[GroupLimit, ...]:
        """Those that are to be limited."""
        return () if self.lacks else tuple(one for one in self.groups if one.limit is not None)


def limits(
    place: Place,
    option: Option,
    settings: Sequence[Setting],
    found: Sequence[tuple[str, Outcome]],
) -> GroupLimits:
    """What to set for the groups *found*, each with what all of it comes to in *option*.

    While all of them fit, grown by :data:`HEADROOM`, none needs a limit. Where they do not, each
    has the part of the pool that its memory is of all, and who takes less has no limit.
    """
    if not found:
        return GroupLimits((), "")
    percent = next((one.value for one in settings if one.name == "max_pool_percent"), None)
    if table.get(option.design).is_zram or not isinstance(percent, int):
        return GroupLimits((), "zram charges what it holds to no group")
    version = place.seen.cgroups.version
    lacks = ""
    if place.offered is not None and version != 2:
        lacks = "cgroups of version 1 have no memory.zswap.max"
        if version is None:
            lacks = "no cgroups with a limit of memory are seen here"
    pool = place.ram * percent // 100
    need = sum(round(one.compressed_bytes * HEADROOM) for _, one in found)
    pages = sum(one.pages for _, one in found)
    return GroupLimits(
        tuple(_limit(name, one, pool, need, one.pages / pages) for name, one in found), lacks
    )


def _limit(name: str, outcome: Outcome, pool: int, need: int, share: float) -> GroupLimit:
    memory, own = outcome.pages * PAGE_SIZE, outcome.compressed_bytes
    grown, part = round(own * HEADROOM), int(pool * share) // PAGE_SIZE * PAGE_SIZE
    limit = part if share < 1 and need > pool and grown > part else None
    takes = f"all of it takes {format_size(own)}, grown by half {format_size(grown)}"
    has = f"the pool may have {format_size(pool)}"
    if share == 1:
        why, other = f"{takes}; no other group is in question", "a profile of several groups"
    elif need <= pool:
        why = f"{takes}; with the other groups {format_size(need)}, and {has}"
        other = f"groups that together take more than {format_size(pool)}"
    elif limit is None:
        why = f"{takes}, less than its part of the pool, {format_size(part)}"
        other = "data that compresses worse, or a smaller max_pool_percent"
    else:
        why = f"{takes}; its memory is {100 * share:.0f} % of all, and {has}"
        other = "a larger max_pool_percent, or less memory in the other groups"
    return GroupLimit(name, memory, own, limit, why, other)
