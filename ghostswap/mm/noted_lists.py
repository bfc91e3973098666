# SPDX-License-Identifier: GPL-2.0-or-later
"""``struct list_lru`` (mm/list_lru.c): lists of items, coldest first, that cost one note a move.

Whatever comes to the warm end of a list is noted behind all other notes of that list. Of an item's
notes only the last one counts; the others go when they are as many as those that do. So nothing
but the item's own word is looked up when it moves or leaves, where links would have two neighbours
looked up as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ghostswap.mm.columns import grown, zeros

# An item's word: where its last note is, from 1 up, and the number of the list; 0 on no list.
_AT_SHIFT = 16
_LIST_MASK = 0xFFFF
#: Notes that there may be for each item that is on a list: as many as are made while it goes from
#: one end to the other, most often, so that few are ever looked for.
_SLACK = 4


class _Notes:
    """The notes of one list in a ring; those from *first* up to *end* may count."""

    def __init__(self) -> None:
        self.notes = zeros("I", 64)
        self.mask = 63
        self.first = 0
        self.end = 0
        self.nr_items = 0


class NotedLists:
    """Lists of items; each item is on one of them at most.

    :param lists: how many; they are numbered from 0.
    """

    def __init__(self, lists: int) -> None:
        self._lists = [_Notes() for _ in range(lists)]
        self._word = zeros("Q", 64)  # by item

    def nr_items(self, number: int) -> int:
        """How many items are on list *number*."""
        return self._lists[number].nr_items

    def add(self, item: int, number: int) -> None:
        """Put *item* at the warm end of list *number*, wherever on the list it was, or on none."""
        if item >= len(self._word):
            self._word = grown("Q", self._word, item)
        on = self._lists[number]
        if on.end - on.first > on.mask:
            self._make_room(number)
        on.nr_items += not self._word[item]
        on.notes[on.end & on.mask] = item
        on.end += 1
        self._word[item] = on.end << _AT_SHIFT | number

    def remove(self, item: int) -> None:
        """Take *item* off its list."""
        on = self._lists[self._word[item] & _LIST_MASK]
        on.nr_items -= 1
        self._word[item] = 0

    def coldest(self, number: int) -> int:
        """The first item of list *number*; -1 where there is none."""
        on = self._lists[number]
        if not on.nr_items:
            return -1
        item = on.notes[on.first & on.mask]
        while self._word[item] != on.first + 1 << _AT_SHIFT | number:
            on.first += 1
            item = on.notes[on.first & on.mask]
        return item

    def walk(self, number: int) -> Iterator[int]:
        """The items of list *number*, coldest first."""
        on = self._lists[number]
        for at in range(on.first, on.end):
            item = on.notes[at & on.mask]
            if self._word[item] == at + 1 << _AT_SHIFT | number:
                yield item

    def clear(self, number: int) -> None:
        """Take all items off list *number*."""
        for item in list(self.walk(number)):
            self.remove(item)

    def _make_room(self, number: int) -> None:
        """Drop the notes of list *number* that do not count, or have room for twice as many."""
        on = self._lists[number]
        if _SLACK * on.nr_items > on.mask:
            mask = 2 * on.mask + 1
            notes = zeros("I", mask + 1)
            for at in range(on.first, on.end):
                notes[at & mask] = on.notes[at & on.mask]
            on.notes, on.mask = notes, mask
            return
        end = on.first
        for at in range(on.first, on.end):
            item = on.notes[at & on.mask]
            if self._word[item] == at + 1 << _AT_SHIFT | number:
                on.notes[end & on.mask] = item
                end += 1
                self._word[item] = end << _AT_SHIFT | number
        on.end = end
