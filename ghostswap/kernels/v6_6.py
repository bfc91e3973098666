# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.6: 32 pools behind zswap, evicted by a list of its own; zspages of up to 8 pages."""

from __future__ import annotations

from dataclasses import replace

from ghostswap.kernels import v6_1
from ghostswap.kernels.rules import ChainSize, Fullness, Reclaim, ZsmallocRules

_6_1 = v6_1.KERNEL
#: Recompression came with 6.2.
RECOMPRESS = ("recomp_algorithm", "recompress")
_TENTHS = (*(f"{tens}0%" for tens in range(1, 10)), "99%", "100%")

KERNEL = replace(
    _6_1,
    name="6.6",
    source="from its source; never recorded, swapon taken to be between its neighbours",
    zsmalloc=ZsmallocRules(
        max_chain_size=8,
        chain_size=ChainSize.LEAST_WASTE,
        fullness=Fullness.TENTHS,
        fullness_groups=("0%", *_TENTHS),
        shown_groups=_TENTHS,
    ),
    zswap=replace(
        _6_1.zswap,
        evictable_header_size=0,
        nr_zpools=32,
        reclaim=Reclaim.POOL_LRU,
        parameters=(*_6_1.zswap.parameters, "exclusive_loads", "non_same_filled_pages_enabled"),
    ),
    zram=replace(_6_1.zram, attributes=(*_6_1.zram.attributes, *RECOMPRESS)),
    zstd=replace(_6_1.zstd, version="1.5.2"),
    vmscan=replace(_6_1.vmscan, kernel_pages=11),
    metadata=replace(
        _6_1.metadata,
        slot_maps=(v6_1.SWAP_MAP, v6_1.SWAP_CGROUP),
        in_use=(v6_1.SWAP_CACHE, v6_1.zswap_entry(80), v6_1.HANDLE),
    ),
)
