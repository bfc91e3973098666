# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between kernels on a page's way out of memory: a frozen record a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

from ghostswap.errors import UsageError
from ghostswap.pages.source import PAGE_SIZE
from ghostswap.units import printable


class Filled(IntEnum):
    """Which pages are kept as a value and never compressed; the numbers are _codecs.c's too."""

    NONE = 0
    ZERO = 1
    SAME = 2  # one 8-byte word over and over


class Reclaim(Enum):
    """What ``shrink_worker()`` in mm/zswap.c does to get pages out of a full pool."""

    ZPOOL = "zpool"  # one page of the allocator, with all objects in it (up to 6.4)
    POOL_LRU = "pool lru"  # the pool's own list of entries, coldest first
    MEMCG_LRU = "memcg lru"  # a list for each cgroup in turn, with a second chance (6.8)


_GAUGES = ("stored_pages", "pool_total_size")
_COUNTERS = (
    "pool_limit_hit",
    "reject_reclaim_fail",
    "reject_alloc_fail",
    "reject_kmemcache_fail",
    "reject_compress_poor",
    "written_back_pages",
)
_DEBUGFS_6_1 = (*_GAUGES, "same_filled_pages", *_COUNTERS)
_DEBUGFS_6_12 = (*_GAUGES, *_COUNTERS, "reject_compress_fail")
_DEBUGFS_6_18 = (*_DEBUGFS_6_12, "stored_incompressible_pages")
_VMSTAT_6_1 = ("pswpin", "pswpout", "zswpin", "zswpout")
_VMSTAT_6_12 = (*_VMSTAT_6_1, "zswpwb", "swpin_zero", "swpout_zero")


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel's rules (x86-64, 4 KiB pages).

    :ivar zswap_filled: pages that zswap does not compress.
    :ivar stores_incompressible: zswap keeps a page that does not fit as it is
        (``zswap_compress`` in mm/zswap.c, 6.18), where older ones reject it.
    :ivar stores_folios: zswap takes a folio of several pages, all of them or none (6.13); else such
        a folio passes it by.
    :ivar zpools: allocators that zswap can be told to use, the default one first.
    :ivar zsmalloc: whose zsmalloc it has, a key of :data:`ghostswap.mm.zpool.size_class.RULES`, and of
        :data:`ghostswap.mm.zpool.api.EVICTABLE_HEADER_SIZE` too.
    :ivar nr_zpools: allocators behind one zswap pool, ``ZSWAP_NR_ZPOOLS``.
    :ivar limit_is_allowed: a pool of exactly ``max_pool_percent`` takes more, and one of exactly
        the accept threshold does not; since 6.8 it is the other way round.
    :ivar reclaim: what its shrink worker does.
    :ivar exclusive_loads: a page that is loaded leaves zswap; elsewhere a copy stays.
    :ivar stale_first: an older entry of the slot goes before the store, not after.
    :ivar has_writeback_knob: cgroups have ``memory.zswap.writeback``.
    :ivar slots_returned: freed slots that are kept back, ``SWAP_SLOTS_CACHE_SIZE``.
    :ivar debugfs: files in /sys/kernel/debug/zswap.
    :ivar vmstat: the swap counters in /proc/vmstat.
    :ivar zstd: version of lib/zstd.
    :ivar zstd_hint: by design, the size for which zstd's level 3 is asked for.
    :ivar zram_writeback_step: zram writes blocks back longest first, in steps of this many bytes
        (``PP_BUCKET_SIZE_RANGE``, 6.13), and of those in one step the highest number first;
        ``None`` where it goes by their numbers.
    """

    name: str
    zswap_filled: Filled
    stores_incompressible: bool
    stores_folios: bool
    zpools: tuple[str, ...]
    zsmalloc: str
    nr_zpools: int
    limit_is_allowed: bool
    reclaim: Reclaim
    exclusive_loads: bool
    stale_first: bool
    has_writeback_knob: bool
    slots_returned: int
    debugfs: tuple[str, ...]
    vmstat: tuple[str, ...]
    zstd: str
    zstd_hint: Mapping[str, int]
    zram_writeback_step: int | None


KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel(
            "6.1",
            zswap_filled=Filled.SAME,
            stores_incompressible=False,
            stores_folios=False,
            zpools=("zbud", "z3fold", "zsmalloc"),
            zsmalloc="6.1",
            nr_zpools=1,
            limit_is_allowed=True,
            reclaim=Reclaim.ZPOOL,
            exclusive_loads=False,
            stale_first=True,
            has_writeback_knob=False,
            slots_returned=64,
            debugfs=_DEBUGFS_6_1,
            vmstat=_VMSTAT_6_1,
            zstd="1.4.10",
            zstd_hint={"zswap": 0, "zram": 0},
            zram_writeback_step=None,
        ),
        Kernel(
            "6.6",
            zswap_filled=Filled.SAME,
            stores_incompressible=False,
            stores_folios=False,
            zpools=("zbud", "z3fold", "zsmalloc"),
            zsmalloc="6.12",
            nr_zpools=32,
            limit_is_allowed=True,
            reclaim=Reclaim.POOL_LRU,
            exclusive_loads=False,
            stale_first=True,
            has_writeback_knob=False,
            slots_returned=64,
            debugfs=_DEBUGFS_6_1,
            vmstat=_VMSTAT_6_1,
            zstd="1.5.2",
            zstd_hint={"zswap": 0, "zram": 0},
            zram_writeback_step=None,
        ),
        Kernel(
            "6.12",
            zswap_filled=Filled.ZERO,
            stores_incompressible=False,
            stores_folios=False,
            zpools=("zsmalloc", "zbud", "z3fold"),
            zsmalloc="6.12",
            nr_zpools=1,
            limit_is_allowed=False,
            reclaim=Reclaim.MEMCG_LRU,
            exclusive_loads=True,
            stale_first=False,
            has_writeback_knob=True,
            slots_returned=0,
            debugfs=_DEBUGFS_6_12,
            vmstat=_VMSTAT_6_12,
            zstd="1.5.2",
            zstd_hint={"zswap": 0, "zram": PAGE_SIZE},
            zram_writeback_step=None,
        ),
        Kernel(
            "6.18",
            zswap_filled=Filled.ZERO,
            stores_incompressible=True,
            stores_folios=True,
            zpools=("zsmalloc",),
            zsmalloc="6.12",
            nr_zpools=1,
            limit_is_allowed=False,
            reclaim=Reclaim.MEMCG_LRU,
            exclusive_loads=True,
            stale_first=False,
            has_writeback_knob=True,
            slots_returned=0,
            debugfs=_DEBUGFS_6_18,
            vmstat=_VMSTAT_6_12,
            zstd="1.5.7",
            zstd_hint={"zswap": 1 << 18, "zram": PAGE_SIZE},
            zram_writeback_step=64,
        ),
    )
}
#: The ghost swapfile RFC was posted against 6.18 and leaves all of this alone.
KERNELS["ghost"] = KERNELS["6.18"]

#: Kernels by their releases, in order.
RELEASES = tuple(KERNELS)[:-1]

#: Every counter that some kernel has, so that JSON has the same keys for all of them.
DEBUGFS = tuple(dict.fromkeys(name for kernel in KERNELS.values() for name in kernel.debugfs))
VMSTAT = tuple(dict.fromkeys(name for kernel in KERNELS.values() for name in kernel.vmstat))

#: Every allocator that zswap of some kernel can use.
ZPOOLS = ("zsmalloc", "zbud", "z3fold")


def get(name: str) -> Kernel:
    """The record of kernel *name*.

    :raises UsageError: for one that is not known, naming those that are.
    """
    try:
        return KERNELS[name]
    except KeyError:
        known = f"known: {', '.join(KERNELS)}"
        raise UsageError(f'unknown kernel: "{printable(name)}"', known) from None
