# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zbud.c without the bytes: at most two objects a page, one at either end."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from ghostswap.mm.zpool import EVICTABLE_HEADER_SIZE, TooLarge

PAGE_SIZE = 4096
CHUNK_SIZE = PAGE_SIZE // 64
NCHUNKS = 63  # the page's first chunk holds struct zbud_header

FIRST, LAST = range(2)


class Page:
    """A page of the pool.

    :ivar unbuddied: free chunks of the list that it is on, -1 where it is on none.
    """

    __slots__ = ("unbuddied",)

    def __init__(self) -> None:
        self.unbuddied = -1


P = TypeVar("P", bound=Page)


class Unbuddied(Generic[P]):
    """``pool->unbuddied``: the pages with room for one more, listed by their free chunks."""

    def __init__(self, nchunks: int) -> None:
        # A dict is a list whose head is its last key: popitem() takes the head, del takes any.
        self._lists: list[dict[P, None]] = [{} for _ in range(nchunks)]

    def add(self, page: P, free_chunks: int) -> None:
        """Put *page*, on no list so far, at the head of its list."""
        self._lists[free_chunks][page] = None
        page.unbuddied = free_chunks

    def remove(self, page: P) -> None:
        """Take *page* off its list, if it is on one."""
        if page.unbuddied >= 0:
            del self._lists[page.unbuddied][page]
            page.unbuddied = -1

    def take(self, chunks: int) -> P | None:
        """Take off the head of the first list that has one, from the exact fit upwards."""
        for pages in self._lists[chunks:]:
            if pages:
                page, _ = pages.popitem()
                page.unbuddied = -1
                return page
        return None


class _Page(Page):
    """``struct zbud_header``: the chunks of the page's objects, 0 where there is none."""

    __slots__ = ("chunks", "number")

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.chunks = [0, 0]

    def handles(self) -> tuple[int, ...]:
        """An object's handle is its address, as in the kernel: 2 * page number + buddy."""
        return tuple(2 * self.number + buddy for buddy in (FIRST, LAST) if self.chunks[buddy])


class Pool:
    """A zbud pool for 4 KiB pages; :class:`~ghostswap.mm.zpool.Evictable`.

    :param rules: a key of :data:`~ghostswap.mm.zpool.EVICTABLE_HEADER_SIZE`.
    :ivar max_length: the longest object that it takes.
    """

    def __init__(self, rules: str = "6.12") -> None:
        self._header_size = EVICTABLE_HEADER_SIZE[rules]
        self.max_length = (NCHUNKS - 1) * CHUNK_SIZE - self._header_size
        self._unbuddied: Unbuddied[_Page] = Unbuddied(NCHUNKS)
        self._lru: OrderedDict[int, _Page] = OrderedDict()  # by page number, coldest first
        self._last_number = 0

    @property
    def pages(self) -> int:
        """Pages that the pool holds."""
        return len(self._lru)

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes: beside another where that fits, or in a new page.

        :return: its handle, 2 or more.
        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above ``max_length``.
        """
        if length < 1:
            raise ValueError(f"an object of {length} bytes")
        if length > self.max_length:
            raise TooLarge(f"an object of {length} bytes: zbud takes {self.max_length} at most")
        chunks = -(-(length + self._header_size) // CHUNK_SIZE)
        page = self._unbuddied.take(chunks)
        if page is None:
            self._last_number += 1
            page = self._lru[self._last_number] = _Page(self._last_number)
        else:
            self._lru.move_to_end(page.number)
        buddy = LAST if page.chunks[FIRST] else FIRST
        page.chunks[buddy] = chunks
        if not all(page.chunks):
            self._unbuddied.add(page, NCHUNKS - chunks)
        return 2 * page.number + buddy

    def free(self, handle: int) -> None:
        """Give an object's room back; the page goes with its last object.

        :raises ValueError: where *handle* is not that of a live object.
        """
        number, buddy = divmod(handle, 2)
        page = self._lru.get(number)
        if page is None or not page.chunks[buddy]:
            raise ValueError(f"no live object has the handle {handle}")
        page.chunks[buddy] = 0
        self._unbuddied.remove(page)
        if any(page.chunks):
            self._unbuddied.add(page, NCHUNKS - sum(page.chunks))
        else:
            del self._lru[number]

    def reclaim_page(self) -> tuple[int, ...]:
        """Evict the objects of the page that was placed in longest ago, ``zbud_reclaim_page()``.

        :return: their handles, first before last; none where the pool is empty.
        """
        if not self._lru:
            return ()
        _, page = self._lru.popitem(last=False)
        self._unbuddied.remove(page)
        return page.handles()
