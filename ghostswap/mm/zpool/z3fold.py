# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/z3fold.c without the bytes: at most three objects a page, at both ends and between.

After a free the kernel tidies the page up later, in a worker: a lone object moves to another
page, a middle one towards its neighbour. Here the worker runs before the next ``malloc``. That is
the kernel's order on one CPU; with more the pool's size after frees is an estimate. A pool that
is only filled is exact.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict

from ghostswap.mm.zpool.api import CHUNK_SIZE, Evictable, TooLarge
from ghostswap.mm.zpool.list_head import Lru
from ghostswap.mm.zpool.zbud import Unbuddied
from ghostswap.page import PAGE_SIZE

TOTAL_CHUNKS = PAGE_SIZE // CHUNK_SIZE
ZHDR_CHUNKS = 2  # struct z3fold_header
NCHUNKS = TOTAL_CHUNKS - ZHDR_CHUNKS
BIG_CHUNK_GAP = 3

HEADLESS, FIRST, MIDDLE, LAST = range(4)
BUDDIES = 4

_POOL = 0  # the one list of Pool._lru
_NONE = 0  # no page, no place, no handle


class _Pages:
    """``struct z3fold_header`` of every page, as columns; a place is 4 * page + buddy.

    :ivar chunks: by place, 0 where no object is; an object that is HEADLESS is alone.
    :ivar handles: by place.
    :ivar start_middle: by page, the chunk at which the middle object begins.
    :ivar foreign_handles: by page, how many objects were moved here from another.
    :ivar place: of the object, by handle.
    """

    def __init__(self) -> None:
        self.chunks = bytearray(BUDDIES)
        self.handles = array("I", (_NONE,) * BUDDIES)
        self.start_middle = bytearray(1)
        self.foreign_handles = bytearray(1)
        self.place = array("I", (_NONE,))
        self._unused = array("I")  # pages that were given back

    def new(self) -> int:
        """Make a page; 1 or more."""
        if self._unused:
            return self._unused.pop()
        self.chunks += bytes(BUDDIES)
        self.handles.extend((_NONE,) * BUDDIES)
        self.start_middle.append(0)
        self.foreign_handles.append(0)
        return len(self.start_middle) - 1

    def delete(self, page: int) -> None:
        """Give back a page without objects."""
        self._unused.append(page)

    def buddies(self, page: int) -> bytearray:
        """Chunks of the page's objects, by buddy."""
        return self.chunks[BUDDIES * page : BUDDIES * page + BUDDIES]

    def num_free_chunks(self, page: int) -> int | None:
        """Size of the gap that one more object can go to, the larger one beside a middle.

        :return: ``None`` where all three objects are there.
        """
        _, first, middle, last = self.buddies(page)
        if first and middle and last:
            return None
        if not middle:
            return NCHUNKS - first - last
        before = 0 if first else self.start_middle[page] - ZHDR_CHUNKS
        after = 0 if last else TOTAL_CHUNKS - (self.start_middle[page] + middle)
        return max(before, after)

    def get_free_buddy(self, page: int, chunks: int) -> int:
        """Choose the place for an object that is known to fit."""
        _, first, middle, last = self.buddies(page)
        if middle:
            fits = not first and chunks <= self.start_middle[page] - ZHDR_CHUNKS
            return FIRST if fits else LAST
        return FIRST if not first else LAST if not last else MIDDLE

    def put(self, handle: int, chunks: int, page: int, buddy: int) -> None:
        """Put the object of *handle* there."""
        place = BUDDIES * page + buddy
        self.place[handle] = place
        self.handles[place] = handle
        self.chunks[place] = chunks
        if buddy == MIDDLE:
            self.start_middle[page] = self.chunks[place - MIDDLE + FIRST] + ZHDR_CHUNKS

    def remove(self, place: int) -> None:
        """Take the object there away."""
        self.chunks[place] = 0

    def compact(self, page: int) -> None:
        """Move the middle object where that joins gaps, ``z3fold_compact_page()``."""
        _, first, middle, last = self.buddies(page)
        if not middle:
            return
        if not first and not last:
            place = BUDDIES * page + MIDDLE
            self.put(self.handles[place], middle, page, FIRST)
            self.remove(place)
        elif not last:
            new_start = first + ZHDR_CHUNKS
            if self.start_middle[page] - new_start >= BIG_CHUNK_GAP:
                self.start_middle[page] = new_start
        elif not first:
            new_start = TOTAL_CHUNKS - last - middle
            if new_start - self.start_middle[page] >= BIG_CHUNK_GAP:
                self.start_middle[page] = new_start


class Pool(Evictable):
    """A z3fold pool for 4 KiB pages. One that the worker is to release still counts.

    :param header_size: bytes that zswap puts before the data (``evictable_header_size``).
    """

    def __init__(self, header_size: int = 0) -> None:
        super().__init__(PAGE_SIZE - header_size)
        self._header_size = header_size
        self._pages = _Pages()
        self._unbuddied = Unbuddied(NCHUNKS)
        self._lru = Lru(1)  # of pages
        self._unused = array("I")  # handles that were given back
        self._moved = bytearray(1)  # by handle, 1 where the object is not in its first page
        self._needs_compacting: OrderedDict[int, None] = OrderedDict()  # the worker's queue

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes, after the worker's turn.

        :return: its handle, 1 or more.
        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above ``max_length``.
        """
        if length < 1:
            raise ValueError(f"an object of {length} bytes")
        if length > self.max_length:
            raise TooLarge(f"an object of {length} bytes: z3fold takes {self.max_length} at most")
        self.compact_page_work()
        chunks = -(-(length + self._header_size) // CHUNK_SIZE)
        is_headless = chunks > NCHUNKS - 1
        page = None if is_headless else self._find(chunks)
        if page is None:
            page = self._pages.new()
            self._lru.add(_POOL, page)
            self.pages += 1
        else:
            self._lru.rotate(_POOL, page)
        handle = self._new_handle()
        if is_headless:
            self._pages.put(handle, chunks, page, HEADLESS)
        else:
            self._place(handle, chunks, page)
        return handle

    def free(self, handle: int) -> None:
        """Give an object's room back.

        :raises ValueError: where *handle* is not that of a live object.
        """
        place = self._pages.place[handle] if 0 < handle < len(self._pages.place) else _NONE
        if place == _NONE:
            raise ValueError(f"no live object has the handle {handle}")
        page = place // BUDDIES
        self._pages.remove(place)
        if self._moved[handle]:
            self._pages.foreign_handles[page] -= 1
        self._delete_handle(handle)
        if page in self._needs_compacting:
            return  # the worker holds on to it
        if not any(self._pages.buddies(page)):
            self._release(page)
        elif page not in self._unbuddied:
            self._do_compact_page(page)  # it was full, so no CPU's list and worker own it
        else:
            self._needs_compacting[page] = None

    def compact_page_work(self) -> None:
        """Let the worker run: release the empty pages, and empty or compact the others."""
        while self._needs_compacting:
            page, _ = self._needs_compacting.popitem(last=False)
            self._do_compact_page(page)

    def reclaim_page(self) -> tuple[int, ...]:
        """Evict the objects of the page placed in longest ago, ``z3fold_reclaim_page()``.

        A page that took in another's object cannot go.

        :return: their handles, middle, first, last; none where no page can go.
        """
        pages = self._pages
        page = next((p for p in self._lru.walk(_POOL) if not pages.foreign_handles[p]), None)
        if page is None:
            return ()
        places = [BUDDIES * page + buddy for buddy in (HEADLESS, MIDDLE, FIRST, LAST)]
        evicted = tuple(pages.handles[place] for place in places if pages.chunks[place])
        for handle in evicted:
            pages.remove(pages.place[handle])
            self._delete_handle(handle)
        self._needs_compacting.pop(page, None)
        self._release(page)
        return evicted

    def _new_handle(self) -> int:
        if self._unused:
            return self._unused.pop()
        self._pages.place.append(_NONE)
        self._moved.append(0)
        return len(self._moved) - 1

    def _delete_handle(self, handle: int) -> None:
        self._pages.place[handle] = _NONE
        self._moved[handle] = 0
        self._unused.append(handle)

    def _find(self, chunks: int) -> int | None:
        """``__z3fold_alloc()``: a page waiting for the worker is unlisted and passed over."""
        while (page := self._unbuddied.take(chunks)) >= 0:
            if page not in self._needs_compacting:
                return page
        return None

    def _place(self, handle: int, chunks: int, page: int) -> None:
        """Put an object where it is known to fit, into a page that is on no list."""
        self._pages.put(handle, chunks, page, self._pages.get_free_buddy(page, chunks))
        self._add_to_unbuddied(page)

    def _add_to_unbuddied(self, page: int) -> None:
        free_chunks = self._pages.num_free_chunks(page)
        if free_chunks is not None:
            self._unbuddied.add(page, free_chunks)

    def _release(self, page: int) -> None:
        self._unbuddied.remove(page)
        self._lru.remove(_POOL, page)
        self.pages -= 1
        self._pages.delete(page)

    def _do_compact_page(self, page: int) -> None:
        self._unbuddied.remove(page)
        buddies = self._pages.buddies(page)
        places = [BUDDIES * page + buddy for buddy in (FIRST, MIDDLE, LAST) if buddies[buddy]]
        if not places or (
            len(places) == 1
            and not self._pages.foreign_handles[page]
            and self._compact_single_buddy(places[0])
        ):
            self._release(page)
        else:
            self._pages.compact(page)
            self._add_to_unbuddied(page)

    def _compact_single_buddy(self, place: int) -> bool:
        """Move the page's only object to another page, if one has room."""
        handle, chunks = self._pages.handles[place], self._pages.chunks[place]
        new_page = self._find(chunks)
        if new_page is None:
            return False
        self._pages.remove(place)
        self._place(handle, chunks, new_page)
        self._pages.foreign_handles[new_page] += 1
        self._moved[handle] = 1
        return True
