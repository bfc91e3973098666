# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 7.3: zswap writes back 32 entries a visit; submissions to swap devices are counted."""

from __future__ import annotations

from ghostswap.kernels import v7_2

_7_2 = v7_2.KERNEL

KERNEL = _7_2._replace(
    name="7.3",
    source="7.3.4: swapon, zswap, zram and replays recorded",
    zswap=_7_2.zswap._replace(writeback_step=32),
    vmscan=_7_2.vmscan._replace(shrinker_flushes=False),
    vmstat=(*_7_2.vmstat, "nrswpin", "nrswpout"),
)
