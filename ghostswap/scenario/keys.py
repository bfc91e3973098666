# SPDX-License-Identifier: GPL-2.0-or-later
"""The one table of keys: every knob of a host, as scenarios, ``--set`` and options name it.

Scenario files, options, help, completion and manual pages are made from it or held to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ghostswap import codecs, kernels
from ghostswap.designs import table as designs
from ghostswap.scenario import kinds
from ghostswap.scenario.key import Key, Run

#: ``PMD_ORDER``: the largest folio of anonymous memory.
_PMD_ORDER = 9
_SHRT_MAX = (1 << 15) - 1
#: ``zs_huge_class_size()`` of all kernels that recompress: the threshold must be below.
_HUGE = 3625


def _in(*commands: str) -> frozenset[str]:
    return frozenset(commands)


_STUDIES = _in("simulate", "replay", "compare", "verify")
_WORK = _in("replay", "compare")
_PERCENT = kinds.integer(0, 100, "PERCENT")


def _rows(keys: Iterable[Key]) -> Mapping[str, Key]:
    return MappingProxyType({key.name: key for key in keys})


KEYS = _rows(
    (
        Key(
            "ram",
            kinds.MEMORY,
            "Memory of the machine.",
            "Machine",
            "--ram",
            shown=_STUDIES,
            default="this machine's",
        ),
        Key(
            "kernel",
            kinds.one_of(*kernels.RELEASES),
            "Linux whose rules are followed.",
            "Design",
            "--kernel",
            shown=_STUDIES,
            default="the running one",
        ),
        Key(
            "design",
            kinds.one_of(*designs.RUN),
            "Where pages go that leave memory: zswap over a ghost swapfile (ghost) or a full one"
            " (classic), zram, disk alone, or designs that were posted.",
            "Design",
            "--design",
            shown=_STUDIES,
            default="ghost",
        ),
        Key(
            "compressor",
            kinds.one_of(*codecs.names()),
            "Of zswap or zram, by the kernel's name.",
            "Design",
            "--compressor",
            shown=_STUDIES,
            default="lz4",
        ),
        Key(
            "size",
            kinds.IMAGINED_SIZE,
            "Size of the area that a design imagines; 0 for none.",
            "Design",
            "--size",
            shown=_STUDIES - {"verify"},
            default="as large as need be",
        ),
        Key(
            "reclaim",
            kinds.RECLAIM,
            "Which page leaves: by the kernel's two lists, by MGLRU, or exactly the one not touched"
            " for longest.",
            "Machine",
            "--reclaim",
            shown=_WORK,
            default="what the kernel runs: here as /sys/kernel/mm/lru_gen says, else as in Debian",
            runs=Run.REPLAY,
        ),
        Key(
            "cgroup_version",
            kinds.integer(1, 2, "1|2"),
            "2 charges compressed bytes in zswap to the process, 1 to nobody.",
            "Machine",
            "--cgroup",
            default="2, but 1 where --limit is a number of frames",
            runs=Run.REPLAY,
        ),
        Key(
            "cpus",
            kinds.integer(1, 8192, "CPUS"),
            "CPUs that take slots in turn, each from clusters of its own.",
            "Machine",
            "--cpus",
            default="1",
            runs=Run.REPLAY,
        ),
        Key(
            "flush_every",
            kinds.integer(0, (1 << 63) - 1, "FAULTS"),
            "Faults between two flushes of the statistics of cgroups that reclaim goes by (2 s of"
            " them), 0 where they are always fresh.",
            "Machine",
            "--flush-every",
            default="as the kernel was seen to do",
            runs=Run.REPLAY,
        ),
        Key(
            "kernel_pages",
            kinds.integer(0, 1 << 20, "PAGES"),
            "Pages that the kernel takes for a process beside page tables.",
            "Machine",
            "--kernel-pages",
            default="as the kernel was seen to do",
            runs=Run.REPLAY,
        ),
        Key(
            "folio_order",
            kinds.integer(0, _PMD_ORDER, "ORDER"),
            "Pages leave in folios of 2 to this power pages, where an area is a device.",
            "Machine",
            "--folio-order",
            default="0",
            runs=Run.STORE,
        ),
        Key(
            "seed",
            kinds.integer(metavar="N"),
            "Of all that is drawn by lot.",
            "Machine",
            "--seed",
            default="0",
        ),
        Key("tiers", kinds.TEXT, "What is written to /sys/kernel/mm/swap/tiers."),
        Key(
            "zswap.max_pool_percent",
            _PERCENT,
            "zswap's parameter: how much of the memory its pool may take.",
            "Machine",
            "--max-pool-percent",
            shown=_in("simulate", "verify"),
            default="20",
            part="zswap",
        ),
        Key(
            "zswap.accept_threshold_percent",
            _PERCENT,
            "zswap's parameter: how empty a pool that was full has to be to take pages again.",
            "Machine",
            "--accept-threshold-percent",
            default="90",
            part="zswap",
        ),
        Key(
            "zswap.zpool",
            kinds.one_of(*kernels.ZPOOLS),
            "zswap's allocator, where the kernel has several.",
            "Design",
            "--zpool",
            shown=_in("simulate"),
            default="the kernel's own choice",
            part="zswap",
        ),
        Key(
            "zswap.enabled",
            kinds.BOOLEAN,
            "zswap stands before whatever the design has: before zram as well, which some"
            " distributions ship.",
            default="as the design has it",
        ),
        Key(
            "zswap.shrinker_enabled",
            kinds.BOOLEAN,
            "zswap's parameter: reclaim shrinks zswap as well.",
            default="false",
            runs=Run.REPLAY,
            part="zswap",
        ),
        Key(
            "zram.disksize",
            kinds.AREA_SIZE,
            "zram's disksize.",
            default="as large as need be",
            part="zram",
        ),
        Key(
            "zram.mem_limit",
            kinds.SIZE,
            "zram's mem_limit; 0 for none.",
            "Design",
            "--mem-limit",
            shown=_in("simulate"),
            default="0",
            part="zram",
        ),
        Key(
            "zram.backing_dev",
            kinds.SIZE,
            "Size of zram's backing device; 0 for none.",
            default="0",
            part="zram",
        ),
        Key(
            "zram.zeromap",
            kinds.BOOLEAN,
            "zram is a swap area, so that pages of zeros stop at the zeromap; else they are written"
            " to it as to any device.",
            "Design",
            "--zeromap/--no-zeromap",
            default="false where memory is stored once, else true",
            part="zram",
        ),
        Key(
            "zram.recompress",
            kinds.COMPRESSORS,
            "Compressor that zram compresses its pages with once more, where that saves memory; up"
            " to three, joined by commas.",
            "Design",
            "--recompress",
            shown=_in("simulate"),
            runs=Run.STORE,
            part="zram",
        ),
        Key(
            "zram.recompress_type",
            kinds.RECOMPRESS_TYPE,
            "Which pages that does: all of them, idle ones, or huge ones.",
            default="all",
            runs=Run.STORE,
            part="zram",
        ),
        Key(
            "zram.recompress_threshold",
            kinds.integer(0, _HUGE - 1, "BYTES"),
            "Compressed bytes that a page must have, and be below then; 0 for none.",
            default="0",
            runs=Run.STORE,
            part="zram",
        ),
        Key(
            "zram.writeback",
            kinds.one_of("huge", "idle", "huge_idle"),
            "What zram writes to its backing device in the end, when all pages are idle.",
            "Design",
            "--writeback",
            runs=Run.STORE,
            part="zram",
        ),
        Key(
            "zram.writeback_limit",
            kinds.integer(0, (1 << 63) - 1, "PAGES"),
            "Most pages that this may be.",
            "Design",
            "--writeback-limit",
            runs=Run.STORE,
            part="zram",
        ),
        Key("area.path", kinds.TEXT, "A real area, whose header tells what it is."),
        Key("area.type", kinds.one_of("full", "ghost"), "What an imagined area is."),
        Key("area.size", kinds.AREA_SIZE, "Size of an imagined area."),
        Key(
            "area.prio",
            kinds.integer(0, _SHRT_MAX, "PRIO"),
            "Priority, as swapon takes it.",
            default="what swapon gives by itself",
        ),
        Key(
            "area.rotational",
            kinds.BOOLEAN,
            "The disk turns, so that the kernel does not treat it as an SSD.",
            default="false",
        ),
        Key(
            "area.discard",
            kinds.BOOLEAN,
            "Free clusters are discarded, as by swapon --discard=pages.",
            "Design",
            default="false",
        ),
        Key(
            "group.NAME.source",
            kinds.SOURCE,
            "The memory: a file or device, pid:N, mine (every process that you may read),"
            " synthetic:PAGES:KINDS, or - for standard input. Again for more of it.",
            "Source",
            "--pages",
            shown=_STUDIES,
            default="mine",
        ),
        Key(
            "group.NAME.touches",
            kinds.TRACE,
            "The work: zipf:S, uniform, scan, loop:PART or hot:PART:SHARE, each with @COUNT and"
            " joined by commas; or a file of page numbers (.u32, .csv, .oracleGeneral).",
            "Source",
            "--touches",
            shown=_WORK,
            runs=Run.REPLAY,
        ),
        Key(
            "group.NAME.memory_max",
            kinds.LIMIT,
            "memory.max of the process: a size with its unit (512M), of which the kernel takes its"
            " part; or a plain number of page frames.",
            "Source",
            "--limit",
            option_kind=kinds.PROCESS_LIMIT,
            shown=_WORK,
            runs=Run.REPLAY,
        ),
        Key(
            "group.NAME.limit_frames",
            kinds.integer(1, (1 << 63) // 4096, "FRAMES"),
            "Page frames that the process may have, in place of memory_max.",
            runs=Run.REPLAY,
        ),
        Key(
            "group.NAME.write_ratio",
            kinds.WRITE_RATIO,
            "Share of touches that write; or odd: those of odd pages.",
            "Source",
            "--write-ratio",
            default="0",
            runs=Run.REPLAY,
        ),
        Key(
            "group.NAME.changed_ratio",
            kinds.SHARE,
            "Share of written pages that compress otherwise than before.",
            "Source",
            "--changed-ratio",
            default="0",
            runs=Run.REPLAY,
        ),
        Key(
            "group.NAME.swap_max",
            kinds.LIMIT,
            "memory.swap.max.",
            "Source",
            "--swap-max",
            default="max",
            needs_v2=True,
        ),
        Key(
            "group.NAME.zswap_max",
            kinds.LIMIT,
            "memory.zswap.max.",
            "Source",
            "--zswap-max",
            default="max",
            part="zswap",
            needs_v2=True,
        ),
        Key(
            "group.NAME.zswap_writeback",
            kinds.BOOLEAN,
            "memory.zswap.writeback: whether anything of it may go from zswap to disk.",
            "Source",
            "--no-writeback",
            switch=False,
            default="true",
            part="zswap",
            needs_v2=True,
        ),
        Key(
            "group.NAME.swap_tiers_max",
            kinds.TABLE,
            "memory.swap.tiers.max: tier = max or 0.",
            needs_v2=True,
        ),
        Key("group.NAME.parent", kinds.TEXT, "Name of the group above it."),
    )
)
