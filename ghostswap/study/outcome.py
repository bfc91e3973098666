# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run came to: where the pages are, what moved, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ghostswap.designs.folios import Folios
from ghostswap.designs.metadata import Metadata
from ghostswap.designs.transfer import Held
from ghostswap.mm.swap.slot_map import SlotStat
from ghostswap.mm.swap.swap_info import SwapInfo, TierUse
from ghostswap.page import PAGE_SIZE

#: Counter -> the least and the most of several runs.
Band = dict[str, tuple[int, int]]
#: A total's name in JSON, with dots -> where 95 of 100 samples find it.
Intervals = dict[str, tuple[int, int]]


class Sample(NamedTuple):
    """The host after *touches* touches; faults are all so far, pages as they are then.

    :ivar refused: times so far that a page was refused by all that could have taken it; *no_slot*
        that it found no slot.
    """

    touches: int
    pgmajfault: int
    pool_pages: int
    resident_pages: int
    disk_pages: int
    refused: int
    no_slot: int


class GroupOutcome(NamedTuple):
    """One group: what was asked of it, where its pages are, what its touches cost.

    :ivar swap_ins: pages that came back, by where they were.
    :ivar refused: times that a page was refused by everything that could have taken it.
    :ivar no_slot: times that a page could not leave for want of a slot.
    :ivar killed: whether it ran out of memory.
    :ivar swap_current: ``memory.swap.current`` in bytes; so *zswap_current*.
    :ivar zswap_incomp: of *zswap_current*, pages that are kept as they are, as ``memory.stat`` has
        it; ``None`` where the kernel does not count them.
    :ivar events: counters of ``memory.stat``.
    """

    name: str
    pages: int
    touches: int
    resident_pages: int
    swap_ins: dict[str, int]
    swap_outs: int
    refused: int
    no_slot: int
    killed: bool
    swap_current: int
    zswap_current: int
    zswap_incomp: int | None
    events: dict[str, int]


class Recompression(NamedTuple):
    """What it took to compress zram's pages once more, and what the pool was before.

    :ivar decompressed: pages that were read for it.
    :ivar compressed: by algorithm, in the order of their priorities, pages that it was tried on.
    :ivar smaller: pages that are in a smaller class now.
    """

    pool_bytes: int
    decompressed: int
    compressed: Mapping[str, int]
    smaller: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to in one design; bytes and pages, counters by their kernel names.

    :ivar zswap: /sys/kernel/debug/zswap, empty where the design has none; so
    :ivar zram: mm_stat, bd_stat and failed_writes.
    :ivar zswap_own: what zswap did that no kernel counts, and its limits in pages: ``max_pages``
        and ``accept_pages``; empty where the design has none.
    :ivar vmstat: the counters of /proc/vmstat that memory and swap have.
    :ivar allocated_bytes: all metadata as it is allocated, tables by the cluster; ``None`` where
        nothing is known of how slots lie.
    :ivar reserved_bytes: disk that the areas take, used or not.
    :ivar written_bytes: written to it, every time counted.
    :ivar never_written_bytes: of what is reserved.
    :ivar slots_at_swap_out: slots of areas taken when their page left; *slots_at_writeback* those
        that were not taken before zswap wrote the page.
    :ivar slots: of each area, how its slots lie; ``None`` where nothing is known of that.
    :ivar tiers: by name, what each tier of areas gave and refused.
    :ivar vma_readahead: whether the kernel reads ahead by addresses; not while any area is on a
        disk that seeks, which a ghost never is.
    :ivar fresh_statistics: whether reclaim always knew how long its lists are. A kernel from 6.8 on
        goes by numbers that are up to two seconds old, and now and then kills a group for that.
    :ivar held: where the pages are in the end.
    :ivar compressed_bytes: sum of the lengths in zswap or zram.
    :ivar histogram: pages by compressed length, of those that were stored once.
    :ivar folios: where folios of several pages went, if pages left so.
    :ivar recompression: where zram's pages were compressed once more.
    :ivar why: reasons why the kernel itself would not give the same numbers twice.
    :ivar band: least and most, over all runs, of the counters that differ between them.
    :ivar drawn: pages that were drawn, where all this is estimated from a sample; else ``None``.
    :ivar intervals: of the totals that were estimated.
    """

    design: str
    kernel: str
    pages: int
    touches: int
    resident_pages: int
    kept_pages: int
    zswap: dict[str, int]
    zswap_own: dict[str, int]
    zram: dict[str, int]
    vmstat: dict[str, int]
    areas: tuple[SwapInfo, ...]
    groups: tuple[GroupOutcome, ...]
    compressed_bytes: int
    metadata: Metadata
    allocated_bytes: int | None
    reserved_bytes: int
    written_bytes: int
    never_written_bytes: int
    slots_at_swap_out: int
    slots_at_writeback: int
    slots: tuple[SlotStat | None, ...]
    tiers: dict[str, TierUse]
    vma_readahead: bool
    held: Held
    histogram: Mapping[int, int]
    folios: Folios | None
    fresh_statistics: bool
    timeline: tuple[Sample, ...]
    recompression: Recompression | None = None
    why: tuple[str, ...] = ()
    band: Band = field(default_factory=dict)
    drawn: int | None = None
    intervals: Intervals = field(default_factory=dict)

    def counters(self) -> dict[str, int]:
        """All that may differ from run to run, by its name in JSON."""
        own = {
            "resident_pages": self.resident_pages,
            "kept_pages": self.kept_pages,
            "freed_bytes": self.freed_bytes,
        }
        return {**self.zswap, **self.zram, **self.vmstat, **own}

    @property
    def pool_bytes(self) -> int:
        """Memory of the compressed pages."""
        return self.zswap.get("pool_total_size", 0) + self.zram.get("mem_used_total", 0)

    @property
    def freed_bytes(self) -> int:
        """Memory gained: pages that are out, less the pool and the metadata that they cost.

        What a killed group had is lost and not gained.
        """
        out = self.held.compressed + self.held.disk + self.held.zero
        return out * PAGE_SIZE - self.pool_bytes - self.metadata.total_bytes
