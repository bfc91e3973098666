# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zbud.c without the bytes: at most two objects a page, one at either end."""

from __future__ import annotations

from array import array

from ghostswap.mm.zpool.api import Evictable, TooLarge
from ghostswap.mm.zpool.list_head import Lru
from ghostswap.page import PAGE_SIZE

CHUNK_SIZE = PAGE_SIZE // 64
NCHUNKS = 63  # the page's first chunk holds struct zbud_header

FIRST, LAST = range(2)

_POOL = 0  # the one list of Pool._lru
_NOWHERE = -1


class Unbuddied:
    """``pool->unbuddied``: the pages with room for one more, listed by their free chunks."""

    def __init__(self, nchunks: int) -> None:
        self._lists = Lru(nchunks)  # a list's head, where the kernel adds and takes, is warmest
        self._occupied = 0  # a bit for each list that has a page
        self._list_of = array("b")  # by page

    def __contains__(self, page: int) -> bool:
        return self._number(page) != _NOWHERE

    def add(self, page: int, free_chunks: int) -> None:
        """Put *page*, on no list so far, at the head of its list."""
        while page >= len(self._list_of):
            self._list_of.append(_NOWHERE)
        self._list_of[page] = free_chunks
        self._lists.add(free_chunks, page)
        self._occupied |= 1 << free_chunks

    def remove(self, page: int) -> None:
        """Take *page* off its list, if it is on one."""
        number = self._number(page)
        if number != _NOWHERE:
            self._list_of[page] = _NOWHERE
            self._lists.remove(number, page)
            if not self._lists.count[number]:
                self._occupied ^= 1 << number

    def take(self, chunks: int) -> int | None:
        """Take off the head of the first list that has one, from the exact fit upwards."""
        fit = self._occupied >> chunks
        if not fit:
            return None
        page = self._lists.warmest(chunks + (fit & -fit).bit_length() - 1)
        assert page is not None
        self.remove(page)
        return page

    def _number(self, page: int) -> int:
        return self._list_of[page] if page < len(self._list_of) else _NOWHERE


class Pool(Evictable):
    """A zbud pool for 4 KiB pages.

    :param header_size: bytes that zswap puts before the data (``evictable_header_size``).
    """

    def __init__(self, header_size: int = 0) -> None:
        super().__init__((NCHUNKS - 1) * CHUNK_SIZE - header_size)
        self._header_size = header_size
        # An object's handle is its address, as in the kernel: 2 * page + buddy. No page is 0.
        self._chunks = bytearray(2)  # by handle, 0 where there is no object
        self._unbuddied = Unbuddied(NCHUNKS)
        self._lru = Lru(1)  # of pages
        self._unused = array("I")  # pages that were given back

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
            page = self._new_page()
            self._lru.add(_POOL, page)
            self.pages += 1
        else:
            self._lru.rotate(_POOL, page)
        handle = 2 * page + (LAST if self._chunks[2 * page + FIRST] else FIRST)
        self._chunks[handle] = chunks
        if not self._chunks[handle ^ 1]:
            self._unbuddied.add(page, NCHUNKS - chunks)
        return handle

    def free(self, handle: int) -> None:
        """Give an object's room back; the page goes with its last object.

        :raises ValueError: where *handle* is not that of a live object.
        """
        if not 0 < handle < len(self._chunks) or not self._chunks[handle]:
            raise ValueError(f"no live object has the handle {handle}")
        self._chunks[handle] = 0
        page, buddys_chunks = handle // 2, self._chunks[handle ^ 1]
        self._unbuddied.remove(page)
        if buddys_chunks:
            self._unbuddied.add(page, NCHUNKS - buddys_chunks)
        else:
            self._release(page)

    def reclaim_page(self) -> tuple[int, ...]:
        """Evict the objects of the page that was placed in longest ago, ``zbud_reclaim_page()``.

        :return: their handles, first before last; none where the pool is empty.
        """
        page = self._lru.coldest(_POOL)
        if page is None:
            return ()
        both = (2 * page + FIRST, 2 * page + LAST)
        evicted = tuple(handle for handle in both if self._chunks[handle])
        for handle in evicted:
            self._chunks[handle] = 0
        self._unbuddied.remove(page)
        self._release(page)
        return evicted

    def _new_page(self) -> int:
        if self._unused:
            return self._unused.pop()
        self._chunks += bytes(2)
        return len(self._chunks) // 2 - 1

    def _release(self, page: int) -> None:
        self._lru.remove(_POOL, page)
        self.pages -= 1
        self._unused.append(page)
