# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 7.3: zswap writes back 32 entries a visit; submissions to swap devices are counted."""

from __future__ import annotations

from dataclasses import replace

from ghostswap.kernels import v7_2

_7_2 = v7_2.KERNEL

KERNEL = replace(
    _7_2,
    name="7.3",
    source="7.3.4: swapon, zswap, zram and replays recorded",
    zswap=replace(_7_2.zswap, writeback_step=32),
    vmscan=replace(_7_2.vmscan, shrinker_flushes=False),
    vmstat=(*_7_2.vmstat, "nrswpin", "nrswpout"),
)
