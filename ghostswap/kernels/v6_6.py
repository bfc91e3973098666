# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.6: 32 pools behind zswap, evicted by a list of its own; zspages of up to 8 pages."""

from __future__ import annotations

from ghostswap.kernels import v6_1
from ghostswap.kernels.rules import ChainSize, Fullness, Reclaim, ZsmallocRules

_6_1 = v6_1.KERNEL
#: Recompression came with 6.2.
RECOMPRESS = ("recomp_algorithm", "recompress")
_TENTHS = (*(f"{tens}0%" for tens in range(1, 10)), "99%", "100%")

KERNEL = _6_1._replace(
    name="6.6",
    source="from its source; never recorded, swapon taken to be between its neighbours",
    zsmalloc=ZsmallocRules(
        max_chain_size=8,
        chain_size=ChainSize.LEAST_WASTE,
        fullness=Fullness.TENTHS,
        fullness_groups=("0%", *_TENTHS),
        shown_groups=_TENTHS,
    ),
    zswap=_6_1.zswap._replace(
        evictable_header_size=0,
        nr_zpools=32,
        reclaim=Reclaim.POOL_LRU,
        parameters=(*_6_1.zswap.parameters, "exclusive_loads", "non_same_filled_pages_enabled"),
    ),
    zram=_6_1.zram._replace(attributes=(*_6_1.zram.attributes, *RECOMPRESS)),
    zstd=_6_1.zstd._replace(version="1.5.2"),
    vmscan=_6_1.vmscan._replace(kernel_pages=11),
    metadata=_6_1.metadata._replace(
        slot_maps=(v6_1.SWAP_MAP, v6_1.SWAP_CGROUP),
        in_use=(v6_1.SWAP_CACHE, v6_1.zswap_entry(80), v6_1.HANDLE),
    ),
)
