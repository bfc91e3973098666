# SPDX-License-Identifier: GPL-2.0-or-later
"""What zswap and zram ask of an allocator, after include/linux/zpool.h."""

from __future__ import annotations

from ghostswap.page import PAGE_SIZE

#: What zbud and z3fold count a page's room in.
CHUNK_SIZE = PAGE_SIZE // 64


class TooLarge(ValueError):
    """The allocator takes no object of this length: ``zpool_malloc()`` returns ``-ENOSPC``."""


class Allocator:
    """A pool that counts pages: it keeps no bytes, only where objects of a length would lie.

    :ivar pages: that the pool holds now, ``zpool_get_total_pages()``.
    :ivar max_length: the longest object that it takes.
    """

    def __init__(self, max_length: int) -> None:
        self.pages = 0
        self.max_length = max_length

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes.

        :return: its handle, from 1 to 2^32 - 1.
        :raises TooLarge: for a *length* above *max_length*.
        :raises ValueError: for a *length* below 1.
        """
        raise NotImplementedError

    def free(self, handle: int) -> None:
        """Give the object's room back.

        :raises ValueError: where *handle* is not that of a live object.
        """
        raise NotImplementedError


class Evictable(Allocator):
    """An allocator that can give a page back by evicting its objects, ``zpool_evictable()``."""

    def reclaim_page(self) -> tuple[int, ...]:
        """Evict all objects of the coldest page that can go: the one placed in longest ago.

        :return: their handles, which live no more, in the order of eviction; none where no page
            can go.
        """
        raise NotImplementedError
