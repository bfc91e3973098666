# SPDX-License-Identifier: GPL-2.0-or-later
"""Slots given in order: as many as the kernel gives, though not the same ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from ghostswap.kernels.rules import SwapRules
from ghostswap.mm.swap.slot_map import NO_SLOT
from ghostswap.mm.swap.space import ANY_CPU, SwapSpace
from ghostswap.mm.swap.swap_info import ALL_TIERS, SwapArea


@dataclass
class _Equals:
    """Areas of one priority, by number, and whose turn it is."""

    numbers: list[int]
    current: int = -1
    given: int = 0


@dataclass
class _Use:
    """What is taken of an area: all below *next*, but for those of *badpages* and *freed*."""

    badpages: frozenset[int]
    next: int
    freed: list[int]


class InOrderSpace(SwapSpace):
    """Each area gives its slots in order, those that were freed before new ones.

    Which of them a page gets changes no counter of a plain fill; how they lie, and what that
    costs, is what :class:`~ghostswap.mm.swap.swapfile.ExactSwapSpace` is for.

    :param rules: say when areas of equal priority take turns.
    """

    def __init__(self, areas: Iterable[SwapArea], rules: SwapRules) -> None:
        given = tuple(areas)
        super().__init__(given, rules)
        self._uses = [_Use(frozenset(area.badpages), 1, []) for area in given]
        self._equals = [
            _Equals(list(numbers))
            for _, numbers in groupby(self._by_prio, lambda number: self.areas[number].prio)
        ]

    def alloc(self, mask: int = ALL_TIERS, cpu: int = ANY_CPU, order: int = 0) -> int:  # noqa: ARG002
        """See :class:`SwapSpace`."""
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
                use, first = self._uses[number], self._first_slots[number]
                if use.freed:
                    return first + use.freed.pop()
                while use.next in use.badpages:
                    use.next += 1
                use.next += 1
                return first + use.next - 1
        self._refuse(mask)
        return NO_SLOT

    def alloc_run(self, count: int, room: int = 0, folio: bool = False) -> int:
        """See :class:`SwapSpace`."""
        for equals in self._equals:
            for number in equals.numbers:
                area, use = self.areas[number], self._uses[number]
                if area.has_room():
                    is_other = use.freed or use.badpages or len(equals.numbers) > 1
                    if (
                        is_other
                        or (folio and not area.blkdev)
                        or not area.has_room(max(count, room))
                    ):
                        return NO_SLOT
                    area.inuse_pages += count
                    self.inuse_pages += count
                    use.next += count
                    return self._first_slots[number] + use.next - count
        return NO_SLOT

    def free(self, slot: int, cpu: int = 0) -> None:  # noqa: ARG002
        """See :class:`SwapSpace`."""
        number, offset = self.locate(slot)
        area, use = self.areas[number], self._uses[number]
        area.inuse_pages -= 1
        self.inuse_pages -= 1
        if offset == use.next - 1:
            use.next -= 1
        else:
            use.freed.append(offset)

    def _take_turn(self, equals: _Equals, number: int) -> None:
        """Count a slot of an area that others are equal to; it goes last when its turn is over."""
        if equals.current != number:
            equals.current, equals.given = number, 0
        equals.given += 1
        if equals.given >= self.rules.batch(self.areas[number].seeks):
            equals.numbers.remove(number)
            equals.numbers.append(number)
            equals.current = -1
