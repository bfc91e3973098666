# SPDX-License-Identifier: GPL-2.0-or-later
"""What zswap and zram ask of an allocator, after include/linux/zpool.h."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class TooLarge(ValueError):
    """The allocator takes no object of this length: ``zpool_malloc()`` returns ``-ENOSPC``."""


class Allocator(Protocol):
    """A pool that counts pages: it keeps no bytes, only where objects of a length would lie."""

    @property
    def pages(self) -> int:
        """Pages that the pool holds now, ``zpool_get_total_pages()``."""

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes.

        :return: its handle, never 0.
        :raises TooLarge: where the allocator takes no object this long.
        :raises ValueError: for a *length* below 1.
        """

    def free(self, handle: int) -> None:
        """Give the object's room back.

        :raises ValueError: where *handle* is not that of a live object.
        """


@runtime_checkable
class Evictable(Allocator, Protocol):
    """An allocator that can give a page back by evicting its objects, ``zpool_evictable()``."""

    def reclaim_page(self) -> tuple[int, ...]:
        """Evict all objects of the coldest page that can go: the one placed in longest ago.

        :return: their handles, which live no more, in the order of eviction; none where no page
            can go.
        """
