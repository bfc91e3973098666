# SPDX-License-Identifier: GPL-2.0-or-later
"""Linked lists of pages of a pool, as zbud and z3fold keep them."""

from __future__ import annotations

from collections.abc import Iterator

from ghostswap.mm.columns import grown, zeros


class Lru:
    """``struct list_head``: lists of pages, coldest first; a page is on one list at most.

    :ivar count: by list, pages on it.
    """

    def __init__(self, lists: int) -> None:
        # As list_head: rings. The lists' heads come first, then the pages.
        self._heads = lists
        self._next = zeros("I", lists)
        self._prev = zeros("I", lists)
        for number in range(lists):
            self._next[number] = self._prev[number] = number
        self.count = [0] * lists

    def coldest(self, number: int) -> int:
        """The first page on list *number*; below 0 where there is none."""
        return self._next[number] - self._heads if self.count[number] else -1

    def warmest(self, number: int) -> int:
        """The last page on list *number*; below 0 where there is none."""
        return self._prev[number] - self._heads if self.count[number] else -1

    def walk(self, number: int) -> Iterator[int]:
        """The pages on list *number*, coldest first."""
        node = self._next[number]
        while node != number:
            yield node - self._heads
            node = self._next[node]

    def add(self, number: int, page: int) -> None:
        """Put *page* at the warm end of list *number*."""
        node = page + self._heads
        if node >= len(self._next):
            self._next, self._prev = grown("I", self._next, node), grown("I", self._prev, node)
        nexts, prevs = self._next, self._prev
        tail = prevs[number]
        nexts[tail] = prevs[number] = node
        prevs[node] = tail
        nexts[node] = number
        self.count[number] += 1

    def remove(self, number: int, page: int) -> None:
        """Take *page* off list *number*."""
        nexts, prevs = self._next, self._prev
        node = page + self._heads
        before, after = prevs[node], nexts[node]
        nexts[before] = after
        prevs[after] = before
        self.count[number] -= 1

    def rotate(self, number: int, page: int) -> None:
        """Move *page* to the warm end of its list *number*."""
        self.remove(number, page)
        self.add(number, page)
