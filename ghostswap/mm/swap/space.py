# SPDX-License-Identifier: GPL-2.0-or-later
"""All areas of a machine: whose slot is which, what is written, how many are taken."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, count, repeat

from ghostswap.kernels.rules import SwapRules
from ghostswap.mm.columns import zeros
from ghostswap.mm.swap.slot_map import NO_SLOT, SlotStat
from ghostswap.mm.swap.swap_info import ALL_TIERS, SwapArea, SwapInfo, TierUse

#: For an allocation that names no CPU.
ANY_CPU = -1
#: More slots than there are.
_ENDLESS = 1 << 62


class SwapSpace:
    """The areas of a machine, and their slots numbered through.

    An area's numbers begin with its header, so that a slot's number there is its page. Two
    allocators are made of this: :class:`~ghostswap.mm.swap.in_order.InOrderSpace` and
    :class:`~ghostswap.mm.swap.swapfile.ExactSwapSpace`.

    :param areas: in the order of swapon; one without ``pages`` only at the end.
    :param rules: of the kernel.
    :ivar areas: as they are on, in that order.
    :ivar inuse_pages: slots taken.
    """

    def __init__(self, areas: Iterable[SwapArea], rules: SwapRules) -> None:
        given = tuple(areas)
        by_itself = count(-2, -1) if rules.default_prio is None else repeat(rules.default_prio)
        self.areas = tuple(
            SwapInfo.on(area, next(by_itself) if area.prio is None else area.prio) for area in given
        )
        self.rules = rules
        self.inuse_pages = 0
        is_endless = any(area.pages is None for area in given)
        self._pages = _ENDLESS if is_endless else sum(area.pages or 0 for area in given)
        spans = ((area.pages or 0) + len(area.badpages) + 1 for area in given[:-1])
        self._first_slots = zeros("q", max(len(given), 1))
        for number, first in enumerate(accumulate(spans), 1):
            self._first_slots[number] = first
        self._refused: dict[int, tuple[int, int]] = {}  # by tier: masked, full
        #: Numbers of areas, highest priority first, those of equal priority as they were given.
        self._by_prio = sorted(range(len(given)), key=lambda number: -self.areas[number].prio)

    def alloc(self, mask: int = ALL_TIERS, cpu: int = ANY_CPU, order: int = 0) -> int:
        """Take a slot of the area of highest priority that has one and whose tier is in *mask*.

        ``NO_SLOT``, which is counted, where there is none. CPUs and orders are for
        :class:`~ghostswap.mm.swap.swapfile.ExactSwapSpace`.
        """
        raise NotImplementedError

    def alloc_run(self, count: int, room: int = 0, folio: bool = False) -> int:  # noqa: ARG002
        """Take *count* slots that follow each other; ``NO_SLOT`` where :meth:`alloc` gives others.

        :param room: slots that the area must have, with those that come after these.
        :param folio: for one, which only an area that is a device is given slots for in one piece.
        """
        return NO_SLOT

    def free(self, slot: int, cpu: int = 0) -> None:
        """Give *slot*, which is taken, back."""
        raise NotImplementedError

    def slots(self) -> tuple[SlotStat | None, ...]:
        """How the slots of each area lie; ``None`` where that is nobody's model."""
        return (None,) * len(self.areas)

    def area_of(self, slot: int) -> SwapInfo:
        """The area that *slot* belongs to."""
        return self.areas[self.number_of(slot)]

    def number_of(self, slot: int) -> int:
        """The number of the area that *slot* belongs to."""
        number = len(self._first_slots) - 1
        while self._first_slots[number] > slot:
            number -= 1
        return number

    def offset_of(self, slot: int) -> int:
        """The page of *slot* in its area."""
        return slot - self._first_slots[self.number_of(slot)]

    def locate(self, slot: int) -> tuple[int, int]:
        """The number of the area that *slot* belongs to, and its page there."""
        return self.number_of(slot), self.offset_of(slot)

    def slot_at(self, number: int, offset: int) -> int:
        """The slot that is page *offset* of the area *number*; undoes :meth:`locate`."""
        return self._first_slots[number] + offset

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
        """Whether there is something behind *slot* to write to: a disk, or zram."""
        return self.area_of(slot).type != "ghost"

    def written(self, slot: int) -> None:
        """Note that a page was written to the disk behind *slot*."""
        area = self.area_of(slot)
        area.note_write(self.offset_of(slot))

    def nr_real_swapfiles(self) -> int:
        """``nr_real_swapfiles`` of the ghost swapfile RFC: areas with a disk and a free slot.

        One that is full is on no list of the kernel's, and not counted either.
        """
        return sum(1 for area in self.areas if area.type == "full" and area.has_room())

    def has_room(self, slots: int = 1) -> bool:
        """Whether so many *slots* are free."""
        return self.inuse_pages + slots <= self._pages

    def vm_swap_full(self) -> bool:
        """``vm_swap_full()``: more than half of all slots are taken."""
        return self.inuse_pages > self._pages // 2

    def tiers(self) -> dict[int, TierUse]:
        """What each tier, by its bit, gave and refused."""
        uses: dict[int, TierUse] = {}
        for area in self.areas:
            masked, full = self._refused.get(area.tier_mask, (0, 0))
            use = uses.setdefault(area.tier_mask, TierUse(0, masked, full))
            use.inuse_pages += area.inuse_pages
        return uses

    def _refuse(self, mask: int) -> None:
        for tier in {area.tier_mask for area in self.areas}:
            masked, full = self._refused.get(tier, (0, 0))
            is_full = bool(tier & mask)
            self._refused[tier] = masked + (not is_full), full + is_full
