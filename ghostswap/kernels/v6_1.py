# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.1: the row that all later ones are told from."""

from __future__ import annotations

from ghostswap.kernels.rules import (
    Allocator,
    ChainSize,
    Check,
    Field,
    Fullness,
    Kernel,
    MetadataRules,
    MglruRules,
    Per,
    Reclaim,
    SwaponRules,
    SwapRules,
    VmscanRules,
    ZramRules,
    ZsmallocRules,
    ZstdRules,
    ZswapRules,
)

#: ``PAGE_SIZE``'s worth of slots that share neither a cache line nor an address space on the free
#: list: ``SWAP_CLUSTER_COLS`` (mm/swapfile.c).
SWAP_CLUSTER_COLS = 32

# A node of an XArray is 576 bytes for 64 slots; published figures count the 8 of its pointers.
SWAP_CACHE = Field("swap cache", 9, Per.USED)
HANDLE = Field("zsmalloc handle", 8, Per.POOL, published=False)  # ZS_HANDLE_SIZE
SWAP_MAP = Field("swap_map", 1, Per.SLOT)
SWAP_CGROUP = Field("swap_cgroup", 2, Per.SLOT)


def zswap_entry(size: int) -> Field:
    """``struct zswap_entry`` in mm/zswap.c, of *size* bytes."""
    return Field("zswap_entry", size, Per.ZSWAP, published=False)


KERNEL = Kernel(
    name="6.1",
    source="6.1.192: swapon, zswap, zram, zsmalloc and replays recorded",
    swapon=SwaponRules(
        checks=(
            Check.FLAGS,
            Check.OPENING,
            Check.ENCRYPTED,  # earlier than 6.1.192 did not know it
            Check.SIGNATURE,
            Check.SWAPPED_BAD_PAGES,
            Check.VERSION,
            Check.LAST_PAGE,
            Check.AREA_SIZE,
            Check.BAD_PAGES_ON_FILE,
            Check.BAD_PAGE_COUNT,
            Check.SWAP_MAP,
            Check.MEMORY,
            Check.BAD_PAGE_ENTRIES,
            Check.ACTIVATION,
            Check.ANYTHING_LEFT,
        )
    ),
    swap=SwapRules(
        zeromap=False,
        solid_state=Allocator.SCAN,
        rotational=Allocator.SCAN,
        columns=SWAP_CLUSTER_COLS,
        mthp=False,
        slots_cache=64,
        slots_kept_back=0,
        slots_returned=64,
        rations_first=False,
        default_prio=None,
    ),
    zsmalloc=ZsmallocRules(
        max_chain_size=4,
        chain_size=ChainSize.LARGEST_USEDPC,
        fullness=Fullness.THREE_QUARTERS,
        fullness_groups=("empty", "almost_empty", "almost_full", "full"),
        shown_groups=("almost_full", "almost_empty"),
    ),
    zswap=ZswapRules(
        same_filled=True,
        stores_incompressible=False,
        stores_folios=False,
        zpools=("zbud", "z3fold", "zsmalloc"),
        evictable_header_size=8,
        nr_zpools=1,
        limit_is_allowed=True,
        reclaim=Reclaim.ZPOOL,
        writeback_step=1,
        exclusive_loads=False,
        stale_first=True,
        has_writeback_knob=False,
        poor_compressors=("842",),
        counts_incompressible=False,
        debugfs=(
            "stored_pages",
            "pool_total_size",
            "same_filled_pages",
            "pool_limit_hit",
            "reject_reclaim_fail",
            "reject_alloc_fail",
            "reject_kmemcache_fail",
            "reject_compress_poor",
            "written_back_pages",
        ),
        parameters=(
            "accept_threshold_percent",
            "compressor",
            "enabled",
            "max_pool_percent",
            "same_filled_pages_enabled",
            "zpool",
        ),
    ),
    zram=ZramRules(
        writeback_step=None, recompresses_by_one=False, attributes=("max_comp_streams",)
    ),
    zstd=ZstdRules(version="1.4.10", zswap_hint=0, zram_hint=0),
    vmscan=VmscanRules(
        pagevec_size=15,
        flushes_late=False,
        flush_every=0,
        shrinker_flushes=True,
        partial_walks=False,
        kernel_pages=26,
        lru_gen_enabled=False,
        mglru=MglruRules(
            promotes_at_once=True,
            evicts_after_aging=False,
            least_scan=4096,  # MAX_LRU_BATCH
            most_scan=4096,
            stops_at_cluster=False,
            moves_on_written=True,
            fault_activates=True,
            counts_refs=False,
            marks_go_further=False,
            activates_all_refaults=True,
            workingset_tier=1,
            gains=(1, 2),
        ),
    ),
    metadata=MetadataRules(
        # frontswap went with 6.6
        slot_maps=(SWAP_MAP, SWAP_CGROUP, Field("frontswap_map", 1, Per.SLOT, shared_by=8)),
        in_use=(SWAP_CACHE, zswap_entry(64), HANDLE),  # the tree is in the entries
        zram_entry=16,
        zram_entry_actime=24,
    ),
    vmstat=("pswpin", "pswpout", "zswpin", "zswpout"),
)
