# SPDX-License-Identifier: GPL-2.0-or-later
"""What decides when pages leave memory, and how hard that is now: sysctls, MGLRU, PSI.

Read: /proc/sys/vm, /sys/kernel/mm/lru_gen, /proc/pressure/memory, /proc/meminfo and /proc/vmstat
(Documentation/admin-guide/sysctl/vm.rst, Documentation/accounting/psi.rst, Linux 6.18).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ghostswap.live.seen.tree import Tree

_MEMINFO = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "SwapCached")
_VMSTAT = ("pswpin", "pswpout", "pgmajfault", "swpin_zero", "swpout_zero", "swap_ra", "swap_ra_hit")


class Reclaim(NamedTuple):
    """Reclaim of the host; ``None`` is what cannot be read.

    :ivar meminfo: lines of that file, in bytes.
    :ivar vmstat: counters since boot, in pages or events.
    :ivar lru_gen: whether the lists of generations (MGLRU) choose what goes.
    :ivar pressure: ``some`` and ``full`` of memory, per cent of the last ten seconds.
    """

    swappiness: int | None
    page_cluster: int | None
    watermark_scale_factor: int | None
    lru_gen: bool | None
    pressure: Mapping[str, float]
    meminfo: Mapping[str, int]
    vmstat: Mapping[str, int]


def read(tree: Tree) -> Reclaim:
    """What the host says."""
    meminfo, vmstat = tree.numbers("/proc/meminfo"), tree.numbers("/proc/vmstat")
    return Reclaim(
        tree.number("/proc/sys/vm/swappiness"),
        tree.number("/proc/sys/vm/page-cluster"),
        tree.number("/proc/sys/vm/watermark_scale_factor"),
        _lru_gen(tree.text("/sys/kernel/mm/lru_gen/enabled"), there=tree.exists("/sys/kernel/mm")),
        _pressure(tree.word("/proc/pressure/memory")),
        {name: meminfo[name] for name in _MEMINFO if name in meminfo},
        {name: vmstat[name] for name in _VMSTAT if name in vmstat},
    )


def _lru_gen(text: str | None, *, there: bool) -> bool | None:
    """``LRU_GEN_CORE`` is bit 0; a kernel without MGLRU has no such file."""
    if text is None:
        return False if there else None
    try:
        return bool(int(text, 16) & 1)
    except ValueError:
        return None


def _pressure(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        kind, *values = line.split()
        numbers = dict(value.split("=", 1) for value in values if "=" in value)
        if "avg10" in numbers:
            found[kind] = float(numbers["avg10"])
    return found
