# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zbud.c without the bytes: at most two objects a page, one at either end."""

from __future__ import annotations

from ghostswap.mm.columns import grown, zeros
from ghostswap.mm.zpool.api import CHUNK_SIZE, Evictable, TooLarge
from ghostswap.mm.zpool.list_head import Lru

NCHUNKS = 63  # the page's first chunk holds struct zbud_header

FIRST, LAST = range(2)

_POOL = 0  # the one list of Pool._lru


class Unbuddied:
    """``pool->unbuddied``: the pages with room for one more, listed by their free chunks."""

    def __init__(self, nchunks: int) -> None:
        self._lists = Lru(nchunks)  # a list's head, where the kernel adds and takes, is warmest
        self._occupied = 0  # a bit for each list that has a page
        self._list_of = zeros("B", 64)  # by page, the number of its list from 1 up

    def __contains__(self, page: int) -> bool:
        return page < len(self._list_of) and self._list_of[page] > 0

    def add(self, page: int, free_chunks: int) -> None:
        """Put *page*, on no list so far, at the head of its list."""
        if page >= len(self._list_of):
            self._list_of = grown("B", self._list_of, page)
        self._list_of[page] = free_chunks + 1
        self._lists.add(free_chunks, page)
        bit = 1
        bit <<= free_chunks
        self._occupied |= bit

    def remove(self, page: int) -> None:
        """Take *page* off its list, if it is on one."""
        number = self._list_of[page] - 1 if page < len(self._list_of) else -1
        if number < 0:
            return
        self._list_of[page] = 0
        self._lists.remove(number, page)
        if not self._lists.count[number]:
            bit = 1
            bit <<= number
            self._occupied ^= bit

    def take(self, chunks: int) -> int:
        """Take off the head of the first list that has one, from the exact fit upwards.

        :return: the page; below 0 where no list has one.
        """
        fit = self._occupied >> chunks
        if not fit:
            return -1
        page = self._lists.warmest(chunks + (fit & -fit).bit_length() - 1)
        self.remove(page)
        return page


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
        self._unused: list[int] = []  # pages that were given back

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
        if page < 0:
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
        page, buddys_chunks = handle >> 1, self._chunks[handle ^ 1]
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
        if page < 0:
            return ()
        evicted: tuple[int, ...] = ()
        for handle in (2 * page + FIRST, 2 * page + LAST):
            if self._chunks[handle]:
                self._chunks[handle] = 0
                evicted += (handle,)
        self._unbuddied.remove(page)
        self._release(page)
        return evicted

    def _new_page(self) -> int:
        if self._unused:
            return self._unused.pop()
        self._chunks += bytes(2)
        return (len(self._chunks) >> 1) - 1

    def _release(self, page: int) -> None:
        self._lru.remove(_POOL, page)
        self.pages -= 1
        self._unused.append(page)
