# SPDX-License-Identifier: GPL-2.0-or-later
"""What swap does from one second to the next: counters of /proc/vmstat, and what is held."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from ghostswap.live.seen import zram
from ghostswap.live.seen.tree import Tree

#: Pages to and from swap devices, to and from zswap, and written back from it.
COUNTERS = ("pswpin", "pswpout", "zswpin", "zswpout", "zswpwb")


class Change(NamedTuple):
    """One look, or the difference of two.

    :ivar at: seconds since the epoch.
    :ivar counters: :data:`COUNTERS` that this kernel has, in pages.
    :ivar used: bytes of swap slots taken; so *pool* and *zram*, of memory.
    """

    at: float
    counters: Mapping[str, int]
    used: int
    pool: int
    zram: int


def sample(tree: Tree) -> Change:
    """The counters now."""
    vmstat, meminfo = tree.numbers("/proc/vmstat"), tree.numbers("/proc/meminfo")
    return Change(
        time.time(),
        {name: vmstat[name] for name in COUNTERS if name in vmstat},
        meminfo.get("SwapTotal", 0) - meminfo.get("SwapFree", 0),
        meminfo.get("Zswap", 0),
        sum(device.counters.get("mem_used_total", 0) for device in zram.devices(tree)),
    )


def between(before: Change, now: Change) -> Change:
    """What was counted since *before*, and what is held *now*."""
    counters = {name: value - before.counters[name] for name, value in now.counters.items()}
    return Change(now.at, counters, now.used, now.pool, now.zram)
