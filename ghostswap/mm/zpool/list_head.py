# SPDX-License-Identifier: GPL-2.0-or-later
"""Linked lists of pages of a pool, as zbud and z3fold keep them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator


class Lru:
    """``struct list_head``: lists of pages, coldest first; a page is on one list at most.

    :ivar count: by list, pages on it.
    """

    def __init__(self, lists: int) -> None:
        # As list_head: rings. The lists' heads come first, then the pages.
        self._heads = lists
        self._next = array("I", range(lists))
        self._prev = array("I", range(lists))
        self.count = [0] * lists

    def coldest(self, number: int) -> int | None:
        """The first page on list *number*, if there is one."""
        return self._next[number] - self._heads if self.count[number] else None

    def warmest(self, number: int) -> int | None:
        """The last page on list *number*, if there is one."""
        return self._prev[number] - self._heads if self.count[number] else None

    def walk(self, number: int) -> Iterator[int]:
        """The pages on list *number*, coldest first."""
        node = self._next[number]
        while node != number:
            yield node - self._heads
            node = self._next[node]

    def add(self, number: int, page: int) -> None:
        """Put *page* at the warm end of list *number*."""
        nexts, prevs = self._next, self._prev
        node = page + self._heads
        if node >= len(nexts):
            missing = node + 1 - len(nexts) + len(nexts) // 8
            links = bytes(missing * nexts.itemsize)
            nexts.frombytes(links)
            prevs.frombytes(links)
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
