# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.18: zswap keeps what does not compress, zsmalloc is its only pool; the swap table."""

from __future__ import annotations

from dataclasses import replace

from ghostswap.kernels import v6_1, v6_12
from ghostswap.kernels.rules import Allocator, Check, Field, Per

_6_12 = v6_12.KERNEL

#: Faults between two flushes where a fault takes 10 us.
FLUSH_EVERY = 200_000
SWAP_TABLE = Field("swap table", 8, Per.USED, in_clusters=True)

KERNEL = replace(
    _6_12,
    name="6.18",
    source="6.18.44, running: swapon, slots, zswap, zram, metadata and replays asked live",
    swapon=replace(
        _6_12.swapon,
        checks=tuple(check for check in _6_12.swapon.checks if check is not Check.ENCRYPTED),
    ),
    swap=replace(
        _6_12.swap,
        solid_state=Allocator.ISOLATED_CLUSTERS,
        rotational=Allocator.ISOLATED_CLUSTERS,
        columns=1,
        slots_cache=0,
        slots_kept_back=0,
        rations_first=False,
    ),
    zswap=replace(
        _6_12.zswap,
        stores_incompressible=True,
        stores_folios=True,
        zpools=("zsmalloc",),
        debugfs=(*_6_12.zswap.debugfs, "stored_incompressible_pages"),
    ),
    zram=replace(_6_12.zram, writeback_step=64),
    zstd=replace(_6_12.zstd, version="1.5.7", zswap_hint=1 << 18),
    vmscan=replace(_6_12.vmscan, flush_every=FLUSH_EVERY),
    metadata=replace(
        _6_12.metadata,
        in_use=(
            SWAP_TABLE,
            Field("zswap tree", 8, Per.ZSWAP),
            v6_1.zswap_entry(56),
            v6_1.HANDLE,
        ),
    ),
)
