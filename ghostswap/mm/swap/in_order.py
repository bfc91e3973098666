# SPDX-License-Identifier: GPL-2.0-or-later
"""The slots of swap areas: who gets the next one, who holds which, how many are taken."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from math import inf
from typing import Literal

from ghostswap.mm.swap.slot_map import RULES, SlotRules, SlotStat
from ghostswap.pages.source import PAGE_SIZE

#: ``ghost`` areas have slots and no disk; ``full`` ones have both; ``zram`` is a device in memory.
SwapType = Literal["ghost", "full", "zram"]


#: The mask of a cgroup that may use every tier (``TIER_ALL_MASK`` of the swap.tiers series).
ALL_TIERS = (1 << 32) - 1
#: The tier of every area while no tiers are defined (``TIER_DEFAULT_MASK``).
DEFAULT_TIER = 1 << 31


@dataclass(slots=True)
class SwapInfo:
    """``struct swap_info_struct`` (include/linux/swap.h, Linux 6.12) as far as slots go.

    :ivar pages: usable slots; ``None`` for an imagined area that is as large as it needs to be.
    :ivar prio: ``None`` until swapon gives one: -2, -3, … in order.
    :ivar badpages: page numbers of the area that are no slots, as its header lists them.
    :ivar rotational: on a disk that seeks; a ghost never is.
    :ivar discard: clusters are discarded when they are free.
    :ivar blkdev: a device, not a file: it can give a folio slots in a row.
    :ivar tier_mask: the bit of its tier.
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
    badpages: tuple[int, ...] = ()
    rotational: bool = False
    discard: bool = False
    blkdev: bool = False
    tier_mask: int = DEFAULT_TIER
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

    @property
    def reserved_bytes(self) -> int:
        """Disk that it takes, used or not: all its slots, or a ghost's header."""
        if self.type == "full":
            return (self.pages or 0) * PAGE_SIZE
        return PAGE_SIZE if self.type == "ghost" else 0

    def has_room(self, count: int = 1) -> bool:
        """Whether *count* more slots are free."""
        return self.pages is None or self.inuse_pages + count <= self.pages

    @property
    def seeks(self) -> bool:
        """Whether the kernel treats it as rotational: not where ``SWP_SOLIDSTATE`` is set."""
        return self.rotational and self.type != "ghost"


@dataclass(slots=True)
class TierUse:
    """What a tier gave and refused.

    :ivar inuse_pages: slots taken.
    :ivar masked: allocations that failed and might not use it.
    :ivar full: allocations that failed and might, but no area of it had a slot.
    """

    inuse_pages: int = 0
    masked: int = 0
    full: int = 0


@dataclass(slots=True)
class _Equals:
    """Areas of one priority, by number, and whose turn it is."""

    numbers: list[int]
    current: int = -1
    given: int = 0


class SwapSpace:
    """All areas of a machine, their slots numbered through from 0.

    Each area gives its slots in order, those that were freed before new ones. Which of them a page
    gets changes no counter of a plain fill; how they lie, and what that costs, is what
    :class:`ghostswap.mm.swap.swapfile.ExactSwapSpace` is for.

    :param areas: in the order of swapon; one without ``pages`` only at the end.
    :param rules: of the kernel, which say when areas of equal priority take turns.
    :ivar inuse_pages: slots taken.
    """

    def __init__(self, areas: Iterable[SwapInfo], rules: SlotRules = RULES["6.18"]) -> None:
        self.areas = tuple(areas)
        self.inuse_pages = sum(area.inuse_pages for area in self.areas)
        is_endless = any(area.pages is None for area in self.areas)
        self._half: float = inf if is_endless else sum(area.pages or 0 for area in self.areas) / 2
        self.rules = rules
        spans = [(area.pages or 0) + len(area.badpages) for area in self.areas[:-1]]
        self._first_slots = [0, *accumulate(spans)]
        self._refused: dict[int, tuple[int, int]] = {}  # by tier: masked, full
        least_priority = -1
        for area in self.areas:
            if area.prio is None:
                least_priority -= 1
                area.prio = least_priority
        by_prio = sorted(range(len(self.areas)), key=self._prio, reverse=True)
        self._equals = [_Equals(list(numbers)) for _, numbers in groupby(by_prio, self._prio)]

    def area_of(self, slot: int) -> SwapInfo:
        """The area that *slot* belongs to."""
        return self.areas[self.locate(slot)[0]]

    def locate(self, slot: int) -> tuple[int, int]:
        """The number of the area that *slot* belongs to, and its page there after the header's."""
        number = bisect_right(self._first_slots, slot) - 1
        return number, slot - self._first_slots[number]

    @property
    def has_ghost(self) -> bool:
        """Whether there is an area without a disk."""
        return any(area.type == "ghost" for area in self.areas)

    def may_shrink(self) -> bool:
        """Whether zswap's worker may be queued; with a ghost, only while ``nr_real_swapfiles``.

        So it stops when the last slot with a disk is taken, although every entry has its own.
        """
        return not self.has_ghost or self.nr_real_swapfiles() > 0

    def has_places(self) -> bool:
        """True: zswap's shrinker does not ask, as every page has a slot already."""
        return True

    def can_write(self, slot: int) -> bool:
        """Whether there is disk behind *slot*."""
        return self.area_of(slot).type == "full"

    def written(self, slot: int) -> None:
        """Note that a page was written to the disk behind *slot*."""
        number, offset = self.locate(slot)
        self.areas[number].note_write(offset)

    def alloc(self, mask: int = ALL_TIERS) -> int | None:
        """Take a slot of the area of highest priority that has one and whose tier is in *mask*.

        ``None``, which is counted, where there is none.
        """
        for equals in self._equals:
            for number in equals.numbers:
                area = self.areas[number]
                is_full = area.pages is not None and area.inuse_pages >= area.pages
                if is_full or not area.tier_mask & mask:
                    continue
                if len(equals.numbers) > 1:
                    self._take_turn(equals, number)
                area.inuse_pages += 1
                self.inuse_pages += 1
                if area.freed:
                    return self._first_slots[number] + area.freed.pop()
                if area.badpages:
                    while area.highest + 1 in area.badpages:
                        area.highest += 1
                area.highest += 1
                return self._first_slots[number] + area.highest - 1
        self._refuse(mask)
        return None

    def alloc_run(self, count: int, room: int = 0, *, folio: bool = False) -> int | None:
        """Take *count* slots that follow each other; ``None`` where :meth:`alloc` gives others.

        :param room: slots that the area must have, with those that come after these.
        :param folio: for one, which only an area that is a device is given slots for in one piece.
        """
        for equals in self._equals:
            for number in equals.numbers:
                area = self.areas[number]
                if area.has_room():
                    is_other = area.freed or area.badpages or len(equals.numbers) > 1
                    if (
                        is_other
                        or (folio and not area.blkdev)
                        or not area.has_room(max(count, room))
                    ):
                        return None
                    area.inuse_pages += count
                    self.inuse_pages += count
                    area.highest += count
                    return self._first_slots[number] + area.highest - count
        return None

    def free(self, slot: int) -> None:
        """Give *slot*, which is taken, back."""
        number = bisect_right(self._first_slots, slot) - 1
        offset = slot - self._first_slots[number]
        area = self.areas[number]
        area.inuse_pages -= 1
        self.inuse_pages -= 1
        if offset == area.highest - 1:
            area.highest -= 1
        else:
            area.freed.append(offset)

    def nr_real_swapfiles(self) -> int:
        """``nr_real_swapfiles`` of the ghost swapfile RFC: areas with a disk and a free slot.

        One that is full is on no list of the kernel's, and not counted either.
        """
        return sum(1 for area in self.areas if area.type == "full" and area.has_room())

    def has_room(self) -> bool:
        """Whether any slot is free."""
        for area in self.areas:  # noqa: SIM110  # asked at every page
            if area.has_room():
                return True
        return False

    def vm_swap_full(self) -> bool:
        """``vm_swap_full()``: more than half of all slots are taken."""
        return self.inuse_pages > self._half

    def slots(self) -> tuple[SlotStat | None, ...]:
        """How the slots of each area lie; ``None`` where that is nobody's model."""
        return (None,) * len(self.areas)

    def tiers(self) -> dict[int, TierUse]:
        """What each tier, by its bit, gave and refused."""
        uses: dict[int, TierUse] = {}
        for area in self.areas:
            masked, full = self._refused.get(area.tier_mask, (0, 0))
            use = uses.setdefault(area.tier_mask, TierUse(0, masked, full))
            use.inuse_pages += area.inuse_pages
        return uses

    def _prio(self, number: int) -> int:
        prio = self.areas[number].prio
        assert prio is not None  # swapon gave it one
        return prio

    def _take_turn(self, equals: _Equals, number: int) -> None:
        """Count a slot of an area that others are equal to; it goes last when its turn is over."""
        if equals.current != number:
            equals.current, equals.given = number, 0
        equals.given += 1
        if equals.given >= self.rules.batch(self.areas[number].seeks):
            equals.numbers.remove(number)
            equals.numbers.append(number)
            equals.current = -1

    def _refuse(self, mask: int) -> None:
        for tier in {area.tier_mask for area in self.areas}:
            masked, full = self._refused.get(tier, (0, 0))
            is_full = bool(tier & mask)
            self._refused[tier] = masked + (not is_full), full + is_full


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
