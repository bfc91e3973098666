# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/z3fold.c without the bytes: at most three objects a page, at both ends and between.

After a free the kernel tidies the page up later, in a worker: a lone object moves to another
page, a middle one towards its neighbour. Here the worker runs before the next ``malloc``. That is
the kernel's order on one CPU; with more the pool's size after frees is an estimate. A pool that
is only filled is exact.
"""

from __future__ import annotations

from collections import OrderedDict

from ghostswap.mm.zbud import CHUNK_SIZE, PAGE_SIZE, Page, Unbuddied
from ghostswap.mm.zpool import EVICTABLE_HEADER_SIZE, TooLarge

TOTAL_CHUNKS = PAGE_SIZE // CHUNK_SIZE
ZHDR_CHUNKS = 2  # struct z3fold_header
NCHUNKS = TOTAL_CHUNKS - ZHDR_CHUNKS
BIG_CHUNK_GAP = 3

HEADLESS, FIRST, MIDDLE, LAST = range(4)


class _Page(Page):
    """``struct z3fold_header``.

    :ivar chunks: by buddy, 0 where there is none; an object that is HEADLESS is alone.
    :ivar handles: by buddy, 0 where there is none.
    :ivar start_middle: chunk at which the middle object begins.
    :ivar foreign_handles: objects that were moved here from another page.
    """

    __slots__ = ("chunks", "foreign_handles", "handles", "start_middle")

    def __init__(self) -> None:
        super().__init__()
        self.chunks = [0, 0, 0, 0]
        self.handles = [0, 0, 0, 0]
        self.start_middle = 0
        self.foreign_handles = 0

    def num_free_chunks(self) -> int:
        """Size of the gap that one more object can go to, the larger one beside a middle."""
        _, first, middle, last = self.chunks
        if not middle:
            return NCHUNKS - first - last
        before = 0 if first else self.start_middle - ZHDR_CHUNKS
        after = 0 if last else TOTAL_CHUNKS - (self.start_middle + middle)
        return max(before, after)

    def get_free_buddy(self, chunks: int) -> int:
        """Choose the place for an object that is known to fit."""
        _, first, middle, last = self.chunks
        if middle:
            return FIRST if not first and chunks <= self.start_middle - ZHDR_CHUNKS else LAST
        return FIRST if not first else LAST if not last else MIDDLE

    def place(self, handle: int, chunks: int, buddy: int) -> None:
        self.chunks[buddy] = chunks
        self.handles[buddy] = handle
        if buddy == MIDDLE:
            self.start_middle = self.chunks[FIRST] + ZHDR_CHUNKS

    def remove(self, buddy: int) -> None:
        self.chunks[buddy] = self.handles[buddy] = 0

    def compact(self) -> None:
        """Move the middle object where that joins gaps, ``z3fold_compact_page()``."""
        _, first, middle, last = self.chunks
        if not middle:
            return
        if not first and not last:
            self.place(self.handles[MIDDLE], middle, FIRST)
            self.remove(MIDDLE)
        elif not last:
            new_start = first + ZHDR_CHUNKS
            if self.start_middle - new_start >= BIG_CHUNK_GAP:
                self.start_middle = new_start
        elif not first:
            new_start = TOTAL_CHUNKS - last - middle
            if new_start - self.start_middle >= BIG_CHUNK_GAP:
                self.start_middle = new_start


class Pool:
    """A z3fold pool for 4 KiB pages; :class:`~ghostswap.mm.zpool.Evictable`.

    :param rules: a key of :data:`~ghostswap.mm.zpool.EVICTABLE_HEADER_SIZE`.
    :ivar max_length: the longest object that it takes.
    """

    def __init__(self, rules: str = "6.12") -> None:
        self._header_size = EVICTABLE_HEADER_SIZE[rules]
        self.max_length = PAGE_SIZE - self._header_size
        self._unbuddied: Unbuddied[_Page] = Unbuddied(NCHUNKS)
        self._lru: OrderedDict[_Page, None] = OrderedDict()  # coldest first
        self._page_by_handle: dict[int, _Page] = {}
        self._last_handle = 0
        self._moved: set[int] = set()  # handles of objects that are not in their first page
        self._needs_compacting: dict[_Page, None] = {}  # the worker's queue

    @property
    def pages(self) -> int:
        """Pages that the pool holds; one that the worker is to release still counts."""
        return len(self._lru)

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes, after the worker's turn.

        :return: its handle, 1 or more, never used again.
        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above ``max_length``.
        """
        if length < 1:
            raise ValueError(f"an object of {length} bytes")
        if length > self.max_length:
            raise TooLarge(f"an object of {length} bytes: z3fold takes {self.max_length} at most")
        self.compact_page_work()
        self._last_handle = handle = self._last_handle + 1
        chunks = -(-(length + self._header_size) // CHUNK_SIZE)
        if chunks > NCHUNKS - 1:
            page = _Page()
            page.place(handle, chunks, HEADLESS)
        else:
            page = self._find(chunks) or _Page()
            page.place(handle, chunks, page.get_free_buddy(chunks))
            self._add_to_unbuddied(page)
        self._page_by_handle[handle] = page
        self._lru[page] = None
        self._lru.move_to_end(page)
        return handle

    def free(self, handle: int) -> None:
        """Give an object's room back.

        :raises ValueError: where *handle* is not that of a live object.
        """
        page = self._page_by_handle.pop(handle, None)
        if page is None:
            raise ValueError(f"no live object has the handle {handle}")
        page.remove(page.handles.index(handle))
        if handle in self._moved:
            self._moved.remove(handle)
            page.foreign_handles -= 1
        if page in self._needs_compacting:
            return  # the worker holds on to it
        if not any(page.chunks):
            self._release(page)
        elif page.unbuddied < 0:
            self._do_compact_page(page)  # it was full, so no CPU's list and worker own it
        else:
            self._needs_compacting[page] = None

    def compact_page_work(self) -> None:
        """Let the worker run: release the empty pages, and empty or compact the others."""
        while self._needs_compacting:
            page = next(iter(self._needs_compacting))
            del self._needs_compacting[page]
            self._do_compact_page(page)

    def reclaim_page(self) -> tuple[int, ...]:
        """Evict the objects of the page placed in longest ago, ``z3fold_reclaim_page()``.

        A page that took in another's object cannot go.

        :return: their handles, middle, first, last; none where no page can go.
        """
        page = next((page for page in self._lru if not page.foreign_handles), None)
        if page is None:
            return ()
        evicted = tuple(page.handles[b] for b in (HEADLESS, MIDDLE, FIRST, LAST) if page.chunks[b])
        for handle in evicted:
            del self._page_by_handle[handle]
        self._needs_compacting.pop(page, None)
        self._release(page)
        return evicted

    def _find(self, chunks: int) -> _Page | None:
        """``__z3fold_alloc()``: a page waiting for the worker is unlisted and passed over."""
        while page := self._unbuddied.take(chunks):
            if page not in self._needs_compacting:
                return page
        return None

    def _add_to_unbuddied(self, page: _Page) -> None:
        if not all(page.chunks[FIRST:]):
            self._unbuddied.add(page, page.num_free_chunks())

    def _release(self, page: _Page) -> None:
        self._unbuddied.remove(page)
        del self._lru[page]

    def _do_compact_page(self, page: _Page) -> None:
        self._unbuddied.remove(page)
        buddies = [buddy for buddy in (FIRST, MIDDLE, LAST) if page.chunks[buddy]]
        if not buddies or (
            len(buddies) == 1
            and not page.foreign_handles
            and self._compact_single_buddy(page, buddies[0])
        ):
            self._release(page)
        else:
            page.compact()
            self._add_to_unbuddied(page)

    def _compact_single_buddy(self, page: _Page, buddy: int) -> bool:
        """Move the page's only object to another page, if one has room."""
        handle, chunks = page.handles[buddy], page.chunks[buddy]
        new_page = self._find(chunks)
        if new_page is None:
            return False
        new_page.place(handle, chunks, new_page.get_free_buddy(chunks))
        new_page.foreign_handles += 1
        self._add_to_unbuddied(new_page)
        self._page_by_handle[handle] = new_page
        self._moved.add(handle)
        return True
