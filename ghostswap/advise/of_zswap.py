# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be wrong with zswap (mm/zswap.c, Linux 6.1 to 6.18)."""

from __future__ import annotations

from collections.abc import Iterator

from ghostswap.advise.finding import Said, swapoff
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.zswap import PARAMETERS
from ghostswap.units import format_size, printable, shell_word

OFF = f"echo N > {PARAMETERS}/enabled"
ON = f"echo Y > {PARAMETERS}/enabled"
#: ``max_pool_percent`` of a kernel that nobody has configured.
_DEFAULT_PERCENT = 20


def over_zram(seen: Status) -> Iterator[Said]:
    """zswap is on, and what it writes back goes to zram."""
    zram = [area for area in seen.active if area.medium == "zram"]
    if seen.zswap is None or not seen.zswap.enabled or not zram:
        return
    names = " and ".join(printable(area.path) for area in zram)
    on_disk = any(area.on_disk for area in seen.active)
    yield Said(
        f"zswap is on, and {names} is a swap area",
        "what zswap writes back is compressed twice, and two pools take memory",
        swapoff(*zram) if on_disk else OFF,
    )


def at_limit(seen: Status) -> Iterator[Said]:
    """The pool is full, and nothing makes room in it."""
    zswap = seen.zswap
    if zswap is None or not zswap.enabled or not seen.active or not seen.ram:
        return
    if zswap.pool < zswap.accept_threshold or zswap.written_back:
        return
    hits = zswap.debugfs.get("pool_limit_hit", 0)
    refused = f", {hits:,} times a page was refused" if hits else ""
    percent = zswap.max_pool_percent
    yield Said(
        f"zswap's pool has {format_size(zswap.pool)} of the {format_size(zswap.limit)} that it may"
        f" have{refused}, and nothing was written back since boot",
        "new pages go past it to the disk or stay in memory, while the coldest keep the pool",
        f"echo {min(100, max(2 * percent, _DEFAULT_PERCENT))} > {PARAMETERS}/max_pool_percent"
        if percent < 100
        else f"echo Y > {PARAMETERS}/shrinker_enabled",
    )


def off(seen: Status) -> Iterator[Said]:
    """It is there, and swap goes to disk without it."""
    disks = [area for area in seen.active if area.on_disk]
    if seen.zswap is None or seen.zswap.enabled or not disks:
        return
    if any(area.medium == "zram" for area in seen.active):
        return  # which of both is to stay is another finding's
    yield Said(
        "zswap is compiled in and off",
        f"each page that leaves memory is written to {printable(disks[0].path)} and read from"
        " there; zswap would keep it in memory, compressed, as long as there is room",
        ON,
    )


def compressor(seen: Status) -> Iterator[Said]:
    """It compresses with another than it was told to."""
    zswap = seen.zswap
    if zswap is None or zswap.asked is None or zswap.asked.value == zswap.compressor:
        return
    asked = zswap.asked
    if not asked.works:
        why = "zswap is built into the kernel, and modprobe.d sets nothing that is built in"
    elif asked.value in seen.compressors:
        why = "what was asked for came too late, or somebody has changed it since"
    else:
        why = f"the kernel had no {printable(asked.value)} when zswap started, and took its default"
    name = shell_word(asked.value)
    load = "" if asked.value in seen.compressors else f"modprobe crypto-{name} && "
    yield Said(
        f"zswap compresses with {printable(zswap.compressor)}, and {printable(asked.source)} asks"
        f" for {printable(asked.value)}",
        why,
        f"{load}echo {name} > {PARAMETERS}/compressor",
    )
