# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.12: the zeromap, a list for each cgroup in zswap, exclusive loads, lists of clusters."""

from __future__ import annotations

from ghostswap.kernels import v6_1, v6_6
from ghostswap.kernels.rules import Allocator, Check, Field, Per, Reclaim

_6_6 = v6_6.KERNEL
_PARAMETERS = ("accept_threshold_percent", "compressor", "enabled", "max_pool_percent")
_DEBUGFS = (name for name in _6_6.zswap.debugfs if name != "same_filled_pages")
_LATE = (Check.SWAP_MAP, Check.MEMORY, Check.BAD_PAGE_ENTRIES)

ZEROMAP = Field("zeromap", 1, Per.SLOT, shared_by=8)

KERNEL = _6_6._replace(
    name="6.12",
    source="6.12.117: swapon, zswap, zram, zsmalloc and replays recorded",
    swapon=_6_6.swapon._replace(
        # The first of 6.12 had the map before the extents, as 6.6.
        checks=(
            *(check for check in _6_6.swapon.checks[:-1] if check not in _LATE),
            *_LATE,
            Check.ANYTHING_LEFT,
        ),
    ),
    swap=_6_6.swap._replace(
        zeromap=True,
        solid_state=Allocator.CLUSTERS,
        mthp=True,
        slots_kept_back=64,
        slots_returned=0,
        rations_first=True,
    ),
    zswap=_6_6.zswap._replace(
        same_filled=False,
        zpools=("zsmalloc", "zbud", "z3fold"),
        nr_zpools=1,
        limit_is_allowed=False,
        reclaim=Reclaim.MEMCG_LRU,
        exclusive_loads=True,
        stale_first=False,
        has_writeback_knob=True,
        debugfs=(*_DEBUGFS, "reject_compress_fail"),
        parameters=(*_PARAMETERS, "shrinker_enabled", "zpool"),
    ),
    zram=_6_6.zram._replace(attributes=(*_6_6.zram.attributes, "algorithm_params")),
    zstd=_6_6.zstd._replace(zram_hint=4096),
    vmscan=_6_6.vmscan._replace(
        pagevec_size=31,
        flushes_late=True,
        partial_walks=True,
        lru_gen_enabled=True,
    ),
    metadata=_6_6.metadata._replace(
        slot_maps=(v6_1.SWAP_MAP, v6_1.SWAP_CGROUP, ZEROMAP),
        in_use=(
            v6_1.SWAP_CACHE,
            Field("zswap tree", 9, Per.ZSWAP),
            v6_1.zswap_entry(56),
            v6_1.HANDLE,
        ),
    ),
    vmstat=(*_6_6.vmstat, "zswpwb", "swpin_zero", "swpout_zero"),
)
