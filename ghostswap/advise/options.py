# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs and compressors that memory could leave by, each with what it comes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ghostswap.advise import now
from ghostswap.advise.goal import Weights, score
from ghostswap.codecs.timing import PageTime
from ghostswap.designs import metadata, table
from ghostswap.kernels.rules import Kernel
from ghostswap.live.seen.offered import Offered
from ghostswap.live.seen.status import Status
from ghostswap.page import PAGE_SIZE
from ghostswap.study.outcome import Outcome
from ghostswap.units import format_size

#: A swap area is to hold so many times what may go to it now: programs grow.
HEADROOM = 1.5
#: Sizes are multiples of this.
STEP = 256 << 20
#: Of the memory, what a pool may have at the most, in per cent.
MOST_POOL_PERCENT = 50


class Place(NamedTuple):
    """What advice is for.

    :ivar seen: the host, of which much may be unseen.
    :ivar offered: what its kernel could do; ``None`` where another kernel is asked about.
    :ivar kernel: whose rules are taken.
    :ivar ram: its memory in bytes.
    :ivar swapped: bytes of the memory in question that are in swap already.
    """

    seen: Status
    offered: Offered | None
    kernel: Kernel
    ram: int
    swapped: int = 0

    @property
    def seeks(self) -> bool:
        """Whether its swap is on a disk that seeks, or would be."""
        media = [area.medium for area in self.seen.active if area.on_disk]
        return "rotational" in (media or [self.seen.room.medium])

    @property
    def on_disk(self) -> int:
        """Bytes of areas that are on and on a disk."""
        return now.on_disk(self.seen)


@dataclass(frozen=True, slots=True)
class Option:
    """A design with a compressor, and the memory at hand in it, all of which has left.

    :ivar outcome: of all that memory, with no limit in its way.
    :ivar size: bytes of the area, or of zram's disksize.
    :ivar disk: bytes of disk that it needs beside what areas have already.
    :ivar time: of a page; ``None`` where there was none to try.
    :ivar error: how far lengths may be from the kernel's; ``""`` where they are the kernel's.
    :ivar lacks: why it cannot be had here; ``""`` where it can.
    :ivar is_set: its compressor is the one that is set.
    :ivar wait_us: microseconds that a touch waits, see :mod:`.needs.work`; ``None`` where no
        touches are known.
    """

    outcome: Outcome
    compressor: str
    size: int
    disk: int
    time: PageTime | None
    error: str
    lacks: str
    is_set: bool
    wait_us: float | None = None

    @property
    def design(self) -> str:
        return self.outcome.design

    @property
    def memory(self) -> int:
        """Bytes that leave."""
        return self.outcome.pages * PAGE_SIZE

    @property
    def pool(self) -> int:
        """Bytes of the pool that holds all."""
        return self.outcome.pool_bytes

    @property
    def pool_interval(self) -> tuple[int, int]:
        return self.outcome.intervals.get("pool_bytes", (self.pool, self.pool))

    @property
    def ratio(self) -> float:
        """Bytes that leave for one of the pool."""
        return self.memory / self.pool if self.pool else 0.0

    @property
    def freed(self) -> int:
        """Bytes freed where all of it has left."""
        return self.outcome.freed_bytes

    @property
    def freed_interval(self) -> tuple[int, int]:
        """Where 95 of 100 samples find *freed*; itself twice where all was measured."""
        return self.outcome.intervals.get("freed_bytes", (self.freed, self.freed))

    def freed_at(self, memory: int, size: int | None = None) -> int:
        """Bytes freed where *memory* bytes have left, as far as there are slots for them.

        :param size: of the area, where it is another.
        """
        static = self.outcome.metadata.static_bytes
        gained = (self.freed + static) / self.memory
        if size is None:
            return round(gained * min(memory, self.size)) - static
        slots = metadata.of(self.design, self.outcome.kernel, slots=size // PAGE_SIZE)
        return round(gained * min(memory, size)) - slots.static_bytes

    def interval_at(self, memory: int) -> tuple[int, int]:
        """Where 95 of 100 samples find :meth:`freed_at` *memory* bytes, up to *size*."""
        off = self.freed_at(memory)
        low, high = (
            round((edge - self.freed) * memory / self.memory) for edge in self.freed_interval
        )
        return off + low, off + high

    def swapped_for(self, freed: int) -> int | None:
        """Bytes that have to leave to free *freed*; ``None`` where all of them do not."""
        static = self.outcome.metadata.static_bytes
        gained = self.freed + static
        if gained <= 0 or freed > self.freed_at(self.memory):
            return None
        return -(-(freed + static) * self.memory // gained)

    @property
    def break_even(self) -> int | None:
        """Bytes that have to leave before the slots' own memory has paid; ``None`` for never."""
        static = self.outcome.metadata.static_bytes
        gained = self.freed + static
        return -(-static * self.memory // gained) if gained > 0 else None

    def score(self, weights: Weights, *, seeks: bool) -> float:
        """What it is worth, see :mod:`.goal`."""
        can_move = "disk" in table.get(self.design).backends
        return score(
            weights,
            freed=self.freed / self.memory,
            cushion=self.pool / self.memory if can_move else 0,
            microseconds=self.time.round_trip_us if self.time else 0,
            disk=self.disk / self.memory,
            seeks=seeks,
            wait=self.wait_us,
            kept=self.is_set,
        )


def is_set(place: Place, design: str, compressor: str) -> bool:
    """Whether *compressor* is what the part of *design* has now."""
    if table.get(design).is_zram:
        return any(device.compressor == compressor for device in place.seen.zram)
    return place.seen.zswap is not None and place.seen.zswap.compressor == compressor


def designs(place: Place) -> tuple[str, ...]:
    """The designs to set side by side: zswap over disk, zram, and a ghost where there is one."""
    ghost = ("ghost",) if place.kernel.swapon.ghost else ()
    dynamic = ("ghost-dynamic",) if place.offered and place.offered.has_ghost else ()
    return ("classic", "zram", *ghost, *dynamic)


def size_for(memory: int) -> int:
    """The size of an area for *memory* bytes that may leave.

    >>> size_for(1 << 30) >> 20
    1536
    """
    return max(-(-int(memory * HEADROOM) // STEP), 1) * STEP


def disk_for(place: Place, size: int, memory: int) -> int:
    """Bytes of disk to reserve anew: none where areas that are on hold *memory*."""
    return 0 if place.on_disk >= memory else size - place.on_disk


def limited(place: Place, design: str, memory: int, pool: int) -> tuple[int, int]:
    """Bytes of the area of *design*, and of disk that it needs anew.

    :param pool: bytes that *memory* takes.
    """
    size = size_for(memory + place.swapped)
    if design == "classic":
        disk = disk_for(place, size, memory + place.swapped)
        return (size if disk else place.on_disk), disk
    # A device that is full is not to take more than its part of the memory.
    most = int(place.ram * MOST_POOL_PERCENT / 100 * memory / pool) if pool else size
    return max(min(size, most // STEP * STEP), STEP), 0


def lacks(place: Place, design: str, compressor: str, disk: int) -> str:
    """Why *design* with *compressor* cannot be had on this host; ``""`` where it can."""
    offered = place.offered
    if offered is None:
        return ""
    if table.get(design).is_zram:
        if not offered.has_zram:
            return "no zram is seen in this kernel"
        known = offered.zram if offered.zram is not None else offered.zswap
    else:
        if place.seen.zswap is None:
            return "no zswap is seen in this kernel"
        known = offered.zswap
        if disk and place.seen.room.free // 2 < disk:
            free = format_size(place.seen.room.free)
            return f"{format_size(disk)} of disk are more than half of the {free} that are free"
    if known is not None and compressor not in known:
        return f"this kernel has no {compressor}"
    return ""


def at_limit(design: str) -> str:
    """What happens when the pool or the area is full."""
    row = table.get(design)
    if row.is_zram:
        return (
            "disksize or mem_limit reached: pages stay in memory, and once that is full, the kernel"
            " kills processes"
        )
    if "disk" in row.backends:
        return "pool full: the coldest pages go to the disk; slots gone: pages stay in memory"
    return "pool full: pages stay in memory, for there is no disk behind it"


def ranked(options: Sequence[Option], weights: Weights, *, seeks: bool) -> Iterator[Option]:
    """The best first; those that cannot be had last."""
    yield from sorted(
        options,
        key=lambda option: (bool(option.lacks), -option.score(weights, seeks=seeks)),
    )


def resized(option: Option, size: int, disk: int) -> Option:
    """*option* with an area of *size* bytes: its slots' own memory is another."""
    outcome = option.outcome
    before = outcome.metadata
    after = metadata.of(outcome.design, outcome.kernel, slots=size // PAGE_SIZE)
    shift = before.static_bytes - after.static_bytes
    found = replace(
        outcome,
        metadata=metadata.Metadata(after.static_bytes, before.dynamic_bytes),
        intervals={
            name: (low + shift, high + shift) if name == "freed_bytes" else (low, high)
            for name, (low, high) in outcome.intervals.items()
        },
    )
    return replace(option, outcome=found, size=size, disk=disk)
