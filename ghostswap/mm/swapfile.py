# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots of swap areas: who gets the next one, who holds which, how many are taken."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from ghostswap.mm.memcontrol import ALL_TIERS

#: ``ghost`` areas have slots and no disk; ``full`` ones have both; ``zram`` is a device in memory.
SwapType = Literal["ghost", "full", "zram"]


@dataclass(slots=True)
class SwapInfo:
    """``struct swap_info_struct`` (include/linux/swap.h, Linux 6.12) as far as slots go.

    :ivar pages: usable slots; ``None`` for an imagined area that is as large as it needs to be.
    :ivar inuse_pages: slots taken.
    :ivar highest: slots from this one on are free; so are
    :ivar freed: these of those below.
    :ivar writes: pages written to its disk.
    :ivar written: by slot, whether its disk was ever written to.
    """

    path: str
    type: SwapType
    pages: int | None = None
    prio: int | None = None
    inuse_pages: int = 0
    highest: int = field(default=0, repr=False)
    freed: list[int] = field(default_factory=list, repr=False)
    writes: int = 0
    written: bytearray = field(default_factory=bytearray, repr=False)

    def note_write(self, offset: int) -> None:
        """Note that a page was written to the disk behind slot *offset* of this area."""
        missing = offset + 1 - len(self.written)
        if missing > 0:
            self.written.extend(bytes(missing + offset // 8))
        self.written[offset] = 1
        self.writes += 1

    @property
    def written_pages(self) -> int:
        """Slots whose disk was ever written to."""
        return self.written.count(1)

    def has_room(self, count: int = 1) -> bool:
        """Whether *count* more slots are free."""
        return self.pages is None or self.inuse_pages + count <= self.pages


class SwapSpace:
    """All areas of a machine, their slots numbered through from 0.

    :param areas: in the order of swapon, which is the order of the priorities it gives: -2, -3, …;
        one without ``pages`` only at the end.
    """

    def __init__(self, areas: Iterable[SwapInfo]) -> None:
        self.areas = tuple(areas)
        sizes = [area.pages or 0 for area in self.areas[:-1]]
        self._first_slots = [0, *accumulate(sizes)]

    def area_of(self, slot: int) -> SwapInfo:
        """The area that *slot* belongs to."""
        return self.areas[self.locate(slot)[0]]

    def locate(self, slot: int) -> tuple[int, int]:
        """The number of the area that *slot* belongs to, and its number there."""
        number = bisect_right(self._first_slots, slot) - 1
        return number, slot - self._first_slots[number]

    @property
    def has_ghost(self) -> bool:
        """Whether there is an area without a disk."""
        return any(area.type == "ghost" for area in self.areas)

    def may_shrink(self) -> bool:
        """Whether zswap's worker may be queued; with a ghost, only while ``nr_real_swapfiles``.

        That counts areas with a free slot, so the worker stops when the last of them is taken,
        although every entry has its own.
        """
        return not self.has_ghost or any(
            area.type == "full" and area.has_room() for area in self.areas
        )

    def can_write(self, slot: int) -> bool:
        """Whether there is disk behind *slot*."""
        return self.area_of(slot).type == "full"

    def vm_swap_full(self) -> bool:
        """Whether more than half of all slots is taken, so that none are kept for nothing."""
        total = sum(area.pages or area.inuse_pages * 2 for area in self.areas)
        return sum(area.inuse_pages for area in self.areas) * 2 > total

    def written(self, slot: int) -> None:
        """Note that a page was written to the disk behind *slot*."""
        number, offset = self.locate(slot)
        self.areas[number].note_write(offset)

    def alloc(self, mask: int = ALL_TIERS) -> int | None:  # noqa: ARG002
        """Take a slot of the first area that has one, ``None`` where all are full."""
        for area, first in zip(self.areas, self._first_slots, strict=True):
            if area.has_room():
                area.inuse_pages += 1
                if area.freed:
                    return first + area.freed.pop()
                area.highest += 1
                return first + area.highest - 1
        return None

    def alloc_run(self, count: int) -> int | None:
        """Take *count* slots that follow each other; ``None`` where :meth:`alloc` gives others."""
        for area, first in zip(self.areas, self._first_slots, strict=True):
            if area.has_room():
                if area.freed or not area.has_room(count):
                    return None
                area.inuse_pages += count
                area.highest += count
                return first + area.highest - count
        return None

    def free(self, slot: int) -> None:
        """Give *slot*, which is taken, back."""
        number, offset = self.locate(slot)
        area = self.areas[number]
        area.inuse_pages -= 1
        if offset == area.highest - 1:
            area.highest -= 1
        else:
            area.freed.append(offset)


class SlotsReturn:
    """``slots_ret`` of mm/swap_slots.c: freed slots are kept back and go back all at once.

    :param size: how many, ``SWAP_SLOTS_CACHE_SIZE``; 0 for a kernel that keeps none.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._slots: list[int] = []

    def free(self, slot: int) -> list[int]:
        """Free *slot*, or keep it back; the slots whose data can go now."""
        if not self._size:
            return [slot]
        flushed: list[int] = []
        if len(self._slots) == self._size:
            flushed, self._slots = self._slots, []
        self._slots.append(slot)
        return flushed
