# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.17: zsmalloc is zswap's only pool, zstd is 1.5.7, slots come from isolated clusters."""

from __future__ import annotations

from ghostswap.kernels import v6_12
from ghostswap.kernels.rules import Allocator, Check

_6_12 = v6_12.KERNEL

#: Faults between two flushes where a fault takes 10 us.
FLUSH_EVERY = 200_000

KERNEL = _6_12._replace(
    name="6.17",
    source="6.17.13: runs of zswap and zram asked for sums; all else as 6.18, which is recorded",
    swapon=_6_12.swapon._replace(
        checks=tuple(check for check in _6_12.swapon.checks if check is not Check.ENCRYPTED),
    ),
    swap=_6_12.swap._replace(
        solid_state=Allocator.ISOLATED_CLUSTERS,  # 6.14
        rotational=Allocator.ISOLATED_CLUSTERS,
        columns=1,
        slots_cache=0,  # 6.15
        slots_kept_back=0,
        rations_first=False,
    ),
    zswap=_6_12.zswap._replace(
        stores_folios=True,  # 6.13
        zpools=("zsmalloc",),  # 6.15
        poor_compressors=(*_6_12.zswap.poor_compressors, "deflate"),  # 6.16, crypto/deflate.c
        debugfs=(*_6_12.zswap.debugfs, "decompress_fail"),
    ),
    zram=_6_12.zram._replace(
        writeback_step=64,  # 6.13
        attributes=tuple(
            name
            for name in _6_12.zram.attributes
            if name != "max_comp_streams"  # 6.16
        ),
    ),
    zstd=_6_12.zstd._replace(version="1.5.7", zswap_hint=1 << 18),
    vmscan=_6_12.vmscan._replace(
        flush_every=FLUSH_EVERY,
        # 6.14
        mglru=_6_12.vmscan.mglru._replace(
            promotes_at_once=False,
            least_scan=0,
            workingset_tier=3,
            gains=(2, 3),
        ),
    ),
)
