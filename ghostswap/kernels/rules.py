# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel's row says: a record for each part in which kernels differ (x86-64, 4 KiB pages).

The records hold data only. The models under :mod:`ghostswap.mm` and the judge under
:mod:`ghostswap.area` ask them, and compare no version.
"""

# Annotations are no strings here: as the records are made, Python would compile each of them.

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fractions import Fraction

CLUSTER_SHIFT = 9
#: Slots of a cluster: ``HPAGE_PMD_NR``, as x86-64 has it with CONFIG_THP_SWAP.
SWAPFILE_CLUSTER = 1 << CLUSTER_SHIFT


class Check(Enum):
    """What swapon(2) looks at, one after the other (mm/swapfile.c)."""

    FLAGS = "its flags"
    OPENING = "whether the file can be opened and claimed"
    ENCRYPTED = "fscrypt"
    SIGNATURE = "the signature"
    SWAPPED_BAD_PAGES = "nr_badpages of a header in the other byte order"
    VERSION = "version"
    LAST_PAGE = "last_page"
    AREA_SIZE = "last_page against the size"
    BAD_PAGES_ON_FILE = "bad pages of a file"
    BAD_PAGE_COUNT = "nr_badpages"
    SWAP_MAP = "memory for swap_map, which is one piece"  # up to 7.0
    MEMORY = "memory for all that slots take"
    BAD_PAGE_ENTRIES = "the entries of the bad page list"
    ACTIVATION = "what the file system finds"
    ANYTHING_LEFT = "whether a page is left"
    BAD_SLOTS = "the bad pages one by one, and whether a page is left"  # 7.1


class SwaponRules(NamedTuple):
    """``SYSCALL_DEFINE2(swapon)``, ``read_swap_header`` and ``setup_swap_map`` in mm/swapfile.c.

    :ivar checks: in the kernel's order; the first that refuses decides.
    :ivar ghost: a file of exactly one page is a ghost swapfile (RFC of November 2025).
    """

    checks: tuple[Check, ...]
    ghost: bool = False


class Allocator(Enum):
    """Which code of mm/swapfile.c finds a slot."""

    SCAN = "scan_swap_map_slots"
    CLUSTERS = "clusters"  # 6.12: lists of clusters, and each CPU's own per area
    ISOLATED_CLUSTERS = "isolated clusters"  # 6.14: off its list while used, nonfull ones first


class SwapRules(NamedTuple):
    """How slots are given and kept (mm/swapfile.c, mm/swap_slots.c, mm/page_io.c).

    :ivar zeromap: a page of zeros is a bit in the area's zeromap, and no data (6.12).
    :ivar solid_state: who finds slots of areas that count as solid state.
    :ivar rotational: who finds those of others.
    :ivar columns: the free list of a new area starts with every *columns*-th cluster.
    :ivar mthp: folios of all orders can be swapped in one piece, not only of ``PMD_ORDER``.
    :ivar slots_cache: slots that a CPU takes at a time, ``SWAP_SLOTS_CACHE_SIZE``; 0 where each
        is taken when it is wanted, and a CPU has one cluster over all areas.
    :ivar slots_kept_back: freed slots that a CPU keeps until it has so many. It is 0 also where
        their data is kept with them: that is *slots_returned*.
    :ivar slots_returned: freed slots that are kept back with their data.
    :ivar rations_first: a search counts a slot against its ration before it looks at it.
    :ivar default_prio: of each area that is given none (6.19); ``None`` where they get -2, -3 and
        so on, in the order of swapon.
    """

    zeromap: bool
    solid_state: Allocator
    rotational: Allocator
    columns: int
    mthp: bool
    slots_cache: int
    slots_kept_back: int
    slots_returned: int
    rations_first: bool
    default_prio: int | None

    def batch(self, rotational: bool) -> int:
        """Slots that an area gives before one of equal priority has its turn, if it is empty."""
        if self.slots_cache:
            return self.slots_cache
        return 1 if rotational else SWAPFILE_CLUSTER


class ChainSize(Enum):
    """How zsmalloc chooses the pages of a zspage."""

    LARGEST_USEDPC = "get_pages_per_zspage"  # up to 6.2
    LEAST_WASTE = "calculate_zspage_chain_size"  # 6.3


class Fullness(Enum):
    """How zsmalloc groups zspages by the objects in them, ``get_fullness_group()``."""

    THREE_QUARTERS = "almost empty, almost full"  # up to 6.3
    TENTHS = "inuse ratio"  # 6.4


class ZsmallocRules(NamedTuple):
    """mm/zsmalloc.c.

    6.1 also puts a zspage behind the head of its new list where that one is fuller. That never
    comes about: a zspage that lost an object enters its group with as many as the group can
    have, and one that gained an object enters an empty list, or a fuller one had been taken.

    :ivar max_chain_size: most pages in a zspage: ``CONFIG_ZSMALLOC_CHAIN_SIZE`` as it comes, before
        6.3 the constant ``ZS_MAX_PAGES_PER_ZSPAGE``.
    :ivar fullness_groups: names of the groups, as debugfs heads its columns.
    :ivar shown_groups: those that debugfs has a column for, in its order.
    """

    max_chain_size: int
    chain_size: ChainSize
    fullness: Fullness
    fullness_groups: tuple[str, ...]
    shown_groups: tuple[str, ...]


class Reclaim(Enum):
    """What ``shrink_worker()`` in mm/zswap.c does to get pages out of a full pool."""

    ZPOOL = "zpool"  # one page of the allocator, with all objects in it (up to 6.4)
    POOL_LRU = "pool lru"  # the pool's own list of entries, coldest first
    MEMCG_LRU = "memcg lru"  # a list for each cgroup in turn, with a second chance (6.8)


class ZswapRules(NamedTuple):
    """mm/zswap.c.

    :ivar same_filled: a page of one word over and over is kept as that word (up to 6.11).
    :ivar stores_incompressible: a page that does not fit is kept as it is (``zswap_compress``,
        6.18), where older kernels reject it.
    :ivar stores_folios: a folio of several pages is taken, all of them or none (6.13); else such
        a folio passes zswap by.
    :ivar zpools: allocators that zswap can be told to use, its own choice first.
    :ivar evictable_header_size: bytes before the data in a pool that can evict
        (``zpool_evictable()``: zbud and z3fold): a ``struct zswap_header`` up to 6.4.
    :ivar nr_zpools: allocators behind one zswap pool, ``ZSWAP_NR_ZPOOLS``.
    :ivar limit_is_allowed: a pool of exactly ``max_pool_percent`` takes more, and one of exactly
        the accept threshold does not; since 6.8 it is the other way round.
    :ivar reclaim: what its shrink worker does.
    :ivar writeback_step: entries of a list that a visit of writeback goes through, written or
        spared (``shrink_memcg()``: one up to 7.2, ``SWAP_CLUSTER_MAX`` from 7.3).
    :ivar exclusive_loads: a page that is loaded leaves zswap; elsewhere a copy stays.
    :ivar stale_first: an older entry of the slot goes before the store, not after.
    :ivar has_writeback_knob: cgroups have ``memory.zswap.writeback``.
    :ivar poor_compressors: those that say -ENOSPC of a page that does not fit, so that its refusal
        counts in ``reject_compress_poor``; that of others counts in ``reject_compress_fail``.
    :ivar counts_incompressible: ``memory.stat`` has ``zswap_incomp``, the bytes of pages that are
        kept as they are (7.1).
    :ivar debugfs: files in /sys/kernel/debug/zswap.
    :ivar parameters: files in /sys/module/zswap/parameters.
    """

    same_filled: bool
    stores_incompressible: bool
    stores_folios: bool
    zpools: tuple[str, ...]
    evictable_header_size: int
    nr_zpools: int
    limit_is_allowed: bool
    reclaim: Reclaim
    writeback_step: int
    exclusive_loads: bool
    stale_first: bool
    has_writeback_knob: bool
    poor_compressors: tuple[str, ...]
    counts_incompressible: bool
    debugfs: tuple[str, ...]
    parameters: tuple[str, ...]


class ZramRules(NamedTuple):
    """drivers/block/zram/zram_drv.c.

    :ivar writeback_step: blocks are written back longest first, in steps of this many bytes
        (``PP_BUCKET_SIZE_RANGE``, 6.13), and of those in one step the highest number first;
        ``None`` where they go by their numbers.
    :ivar recompresses_by_one: ``recompress`` tries one algorithm (7.1); else it goes on to the next
        until one saves memory.
    :ivar attributes: files of /sys/block/zramN that not every kernel has.
    """

    writeback_step: int | None
    recompresses_by_one: bool
    attributes: tuple[str, ...]


class ZstdRules(NamedTuple):
    """lib/zstd, and the size for which crypto and zram ask for level 3, 0 for any size."""

    version: str
    zswap_hint: int
    zram_hint: int


class MglruRules(NamedTuple):
    """MGLRU in mm/vmscan.c, mm/workingset.c and include/linux/mm_inline.h, for anonymous pages.

    :ivar promotes_at_once: a page that is found young goes to the youngest generation; and with
        that all else of the first form of MGLRU. From 6.14 on it is marked the first time.
    :ivar evicts_after_aging: a turn goes on after an aging, with its walk object alive (7.2).
    :ivar least_scan: pages of the oldest generation that a scan may look at, where less is asked
        for; so *most_scan*, where more is.
    :ivar stops_at_cluster: a turn ends when ``SWAP_CLUSTER_MAX`` pages are free (7.1).
    :ivar moves_on_written: a page under writeback is moved to the next generation by the scan; else
        it is isolated, and then activated.
    :ivar fault_activates: a fault puts its page where active ones go; else only one of the
        workingset, and others are marked (7.2).
    :ivar counts_refs: the third time that a page is found young makes it one of the workingset,
        else the second.
    :ivar marks_go_further: a page from swap goes one generation further if it is marked, not only
        if it is of the workingset.
    :ivar activates_all_refaults: each recent refault counts in ``workingset_activate_anon``; else
        only those of the workingset.
    :ivar workingset_tier: the tier of pages of the workingset.
    :ivar gains: of the first tier and of others, for the controller.
    """

    promotes_at_once: bool
    evicts_after_aging: bool
    least_scan: int
    most_scan: int
    stops_at_cluster: bool
    moves_on_written: bool
    fault_activates: bool
    counts_refs: bool
    marks_go_further: bool
    activates_all_refaults: bool
    workingset_tier: int
    gains: tuple[int, int]


class VmscanRules(NamedTuple):
    """mm/vmscan.c and mm/memcontrol.c.

    :ivar pagevec_size: pages that wait, on each CPU, to be put on their list.
    :ivar flushes_late: reclaim takes the statistics of cgroups as they are, up to 2 s old
        (``mem_cgroup_flush_stats_ratelimited()``, 6.8); else it has them flushed.
    :ivar flush_every: faults from one flush to the next, 0 where statistics are always fresh. With
        that the model comes nearest to what the kernel did where it was asked: 6.12 on a slow
        machine, 6.18 on one where a fault took 10 us.
    :ivar shrinker_flushes: zswap's shrinker has them flushed each time that it counts (up to 7.2).
    :ivar partial_walks: reclaim goes no further through the groups than it needs to, the next one
        goes on from there, and only one that brought nothing goes through all (6.10).
    :ivar kernel_pages: pages that the kernel takes for a process beside the tables that map its
        memory, as recorded: other page tables, its stack and the like.
    :ivar lru_gen_enabled: Debian builds it with CONFIG_LRU_GEN_ENABLED (from 6.12 on), so that
        MGLRU takes the place of the two lists.
    :ivar mglru: its rules.
    """

    pagevec_size: int
    flushes_late: bool
    flush_every: int
    shrinker_flushes: bool
    partial_walks: bool
    kernel_pages: int
    lru_gen_enabled: bool
    mglru: MglruRules


class Per(Enum):
    """What a field is needed for, each one of."""

    SLOT = "slot"  # of the area that is on, used or not
    CLUSTER = "cluster"  # of that area, used or not
    USED = "used slot"  # wherever its page is, the zeromap included
    POOL = "compressed page"  # in zswap or in zram
    ZSWAP = "page in zswap"
    DISK = "page on disk"


class Field(NamedTuple):
    """One thing that swap keeps in memory.

    :ivar shared_by: how many are together in *bytes*, as bits are; a part of a cluster.
    :ivar in_clusters: a table that is allocated for all slots of a cluster as soon as one of them
        is used.
    :ivar chunk: clusters whose shares lie in one page, which is mapped as the first is used; 0 for
        one that does not come by the page.
    :ivar published: counted in the published tables; else it is what they leave out of every
        design alike.
    """

    name: str
    bytes: int
    per: Per
    in_clusters: bool = False
    published: bool = True
    chunk: int = 0
    shared_by: int = 1

    @property
    def is_static(self) -> bool:
        """Whether it is there before any slot is used."""
        return self.per in (Per.SLOT, Per.CLUSTER)

    @property
    def cluster_bytes(self) -> int:
        """What it is for all slots of a cluster."""
        ones = 1 if self.per is Per.CLUSTER else SWAPFILE_CLUSTER
        return self.bytes * ones // self.shared_by

    @property
    def one_bytes(self) -> "Fraction":
        """What it is for one."""
        from fractions import Fraction  # here, for most commands do without

        return Fraction(self.bytes, self.shared_by)

    @property
    def slot_bytes(self) -> "Fraction":
        """A slot's share."""
        from fractions import Fraction

        return Fraction(self.cluster_bytes, SWAPFILE_CLUSTER)


class MetadataRules(NamedTuple):
    """What slots and zswap's entries take in memory.

    :ivar slot_maps: what swapon(2) allocates for each slot (``setup_swap_map``,
        ``swap_cgroup_swapon``).
    :ivar in_use: what is allocated as slots are used.
    :ivar zram_entry: ``struct zram_table_entry`` of each block of a zram device.
    :ivar zram_entry_actime: the same with the time of its last access, which
        CONFIG_ZRAM_TRACK_ENTRY_ACTIME adds.
    """

    slot_maps: tuple[Field, ...]
    in_use: tuple[Field, ...]
    zram_entry: int
    zram_entry_actime: int

    def slots_memory(self, slots: int) -> int:
        """Bytes that swapon(2) allocates for so many slots, used or not, the header's included."""
        return slots * sum(field.cluster_bytes for field in self.slot_maps) // SWAPFILE_CLUSTER


class Kernel(NamedTuple):
    """One kernel.

    :ivar name: its release, as ``6.12``; or what a series is called that is not merged.
    :ivar source: which release the facts were taken from, and how they were checked.
    :ivar vmstat: the swap counters in /proc/vmstat.
    :ivar released: not a series that was only posted.
    """

    name: str
    source: str
    swapon: SwaponRules
    swap: SwapRules
    zsmalloc: ZsmallocRules
    zswap: ZswapRules
    zram: ZramRules
    zstd: ZstdRules
    vmscan: VmscanRules
    metadata: MetadataRules
    vmstat: tuple[str, ...]
    released: bool = True
