# SPDX-License-Identifier: GPL-2.0-or-later
"""How zswap gets rid of pages: a strategy for each way in which kernels did.

A kernel's row names its own (:class:`~ghostswap.kernels.rules.Reclaim`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from types import MappingProxyType
from typing import Protocol

from ghostswap.kernels.rules import Reclaim, ZswapRules
from ghostswap.mm.columns import grown, zeros
from ghostswap.mm.noted_lists import NotedLists
from ghostswap.mm.zpool.api import Evictable
from ghostswap.mm.zswap.entries import Entries

MAX_RECLAIM_RETRIES = 16
_POOL = 0  # the one list, where cgroups have none


class Places(Protocol):
    """What zswap asks of whatever the slots belong to."""

    @property
    def has_ghost(self) -> bool:
        """Whether some slots have no place to write to."""
        ...

    def may_shrink(self) -> bool:
        """Whether the shrink worker may be queued at all."""
        ...

    def has_places(self) -> bool:
        """Whether any page has a place to be written to, or could take one now."""
        ...

    def can_write(self, slot: int) -> bool:
        """Whether the page of *slot* has a place to be written to, or takes one now."""
        ...


class Writeback:
    """How entries go; whoever makes or frees one tells.

    :param swap: what the slots belong to.
    :param accept_pages: the shrink worker is done when the pool is down to so many pages.
    :param on_written: called with the slot of each entry that was written back.
    :ivar queues_while_full: every store that is refused while zswap is full queues the worker, not
        only one that hits the limit.
    """

    queues_while_full = True

    def __init__(
        self,
        rules: ZswapRules,
        entries: Entries,
        swap: Places,
        accept_pages: int,
        on_written: Callable[[int], None],
    ) -> None:
        self._rules = rules
        self._entries = entries
        self._swap = swap
        self._accept_pages = accept_pages
        self._on_written = on_written

    def made(self, slot: int) -> None:
        """*slot* has an entry, with an object in the pool."""
        raise NotImplementedError

    def loaded(self, slot: int) -> None:
        """*slot*'s page was loaded; its entry stays."""
        raise NotImplementedError

    def freed(self, slot: int) -> None:
        """*slot*'s entry is about to be freed."""
        raise NotImplementedError

    def shrink_worker(self) -> Iterator[None]:
        """``shrink_worker()``: write pages back until the pool is at its accept threshold.

        It waits, that is yields, before each page that it would write; stores may come between.
        """
        raise NotImplementedError

    def nr_items(self, cgroup: int) -> int:  # noqa: ARG002
        """How many entries *cgroup* has on a list of its own."""
        return 0

    def shrink_memcg(self, cgroup: int) -> bool:  # noqa: ARG002
        """``shrink_memcg()``: visit some of *cgroup*'s entries; whether any was written."""
        return False

    def visit(self, cgroup: int) -> bool:  # noqa: ARG002
        """``shrink_memcg_cb()``: visit *cgroup*'s coldest entry; whether there is one that went."""
        return False


class ZpoolEviction(Writeback):
    """``Reclaim.ZPOOL``: the allocator evicts one page of its own, with all objects in it."""

    queues_while_full = False

    def __init__(
        self,
        rules: ZswapRules,
        entries: Entries,
        swap: Places,
        accept_pages: int,
        on_written: Callable[[int], None],
    ) -> None:
        super().__init__(rules, entries, swap, accept_pages, on_written)
        self._slot_of = zeros("I", 64)  # by handle

    def made(self, slot: int) -> None:
        """See :class:`Writeback`."""
        handle = self._entries.handle(slot)
        if handle >= len(self._slot_of):
            self._slot_of = grown("I", self._slot_of, handle)
        self._slot_of[handle] = slot

    def loaded(self, slot: int) -> None:
        """See :class:`Writeback`: only a store makes a page of the allocator warmer."""

    def freed(self, slot: int) -> None:
        """See :class:`Writeback`: its handle is no more."""

    def shrink_worker(self) -> Iterator[None]:
        """See :class:`Writeback`."""
        pool = self._entries.pool
        # What is evicted with a page must all be written, which no page with a ghost's is sure of.
        if self._swap.has_ghost or not isinstance(pool, Evictable) or not pool.pages:
            self._entries.counters.reject_reclaim_fail += 1
            return
        yield
        before = pool.pages
        for handle in pool.reclaim_page():
            slot = self._slot_of[handle]
            self._entries.free(slot, is_evicted=True)
            self._on_written(slot)
        # The page goes after its last object, so that object's free did not see it go.
        self._entries.pool_pages = before


class _ByList(Writeback):
    """Entries with an object in the pool are on a list, and go from its cold end."""

    def __init__(
        self,
        rules: ZswapRules,
        entries: Entries,
        swap: Places,
        accept_pages: int,
        on_written: Callable[[int], None],
    ) -> None:
        super().__init__(rules, entries, swap, accept_pages, on_written)
        self._lists = NotedLists(len(entries.cgroups))

    def made(self, slot: int) -> None:
        """See :class:`Writeback`."""
        self._lists.add(slot, self._list_of(slot))

    def loaded(self, slot: int) -> None:
        """See :class:`Writeback`."""
        self._lists.add(slot, self._list_of(slot))

    def freed(self, slot: int) -> None:
        """See :class:`Writeback`."""
        self._lists.remove(slot)

    def _list_of(self, slot: int) -> int:
        """The number of the list that *slot*'s entry belongs on."""
        raise NotImplementedError

    def _writeback_entry(self, slot: int) -> bool:
        """``zswap_writeback_entry()``: a ghost has no place to write to, so its entries stay."""
        if not self._swap.can_write(slot):
            self._lists.add(slot, self._list_of(slot))
            self._entries.counters.reject_reclaim_fail += 1
            return False
        self._lists.remove(slot)
        self._entries.free(slot)
        self._on_written(slot)
        return True


class PoolLru(_ByList):
    """``Reclaim.POOL_LRU``: the pool has one list of its entries."""

    def shrink_worker(self) -> Iterator[None]:
        """See :class:`Writeback`."""
        failures = 0
        while failures < MAX_RECLAIM_RETRIES:
            slot = self._lists.coldest(_POOL)
            if slot < 0:
                self._entries.counters.reject_reclaim_fail += 1
                return
            yield
            failures += not self._writeback_entry(slot)
            if self._entries.pool_pages <= self._accept_pages:
                return

    def _list_of(self, slot: int) -> int:  # noqa: ARG002
        return _POOL


class MemcgLru(_ByList):
    """``Reclaim.MEMCG_LRU``: each cgroup has a list, and each entry a second chance."""

    def __init__(
        self,
        rules: ZswapRules,
        entries: Entries,
        swap: Places,
        accept_pages: int,
        on_written: Callable[[int], None],
    ) -> None:
        super().__init__(rules, entries, swap, accept_pages, on_written)
        self._next_shrink = cycle((*range(len(entries.cgroups)), None))

    def shrink_worker(self) -> Iterator[None]:
        """See :class:`Writeback`."""
        failures = attempts = 0
        for cgroup in self._next_shrink:
            if cgroup is None:  # once round
                failures += not attempts
                attempts = 0
            elif self.nr_items(cgroup):
                attempts += 1
                written = 0
                for _ in range(self._rules.writeback_step):
                    if not written and not self._has_second_chance(cgroup):
                        yield
                    written += self.visit(cgroup)
                failures += not written
            if failures == MAX_RECLAIM_RETRIES or self._entries.pool_pages <= self._accept_pages:
                return

    def nr_items(self, cgroup: int) -> int:
        """See :class:`Writeback`: none where they may not be written back."""
        nr_items = self._lists.nr_items(cgroup)
        memcg = self._entries.cgroups[cgroup]
        return nr_items if nr_items and memcg.may_write_back() else 0

    def shrink_memcg(self, cgroup: int) -> bool:
        """See :class:`Writeback`; on a machine of one node."""
        if not self.nr_items(cgroup):
            return False
        written = 0
        for _ in range(self._rules.writeback_step):
            written += self.visit(cgroup)
        return written > 0

    def visit(self, cgroup: int) -> bool:
        """See :class:`Writeback`."""
        slot = self._lists.coldest(cgroup) if self.nr_items(cgroup) else -1
        if slot < 0:
            return False
        if self._entries.is_referenced(slot):
            self._entries.clear_referenced(slot)
            self._entries.counters.second_chances += 1
            self._lists.add(slot, cgroup)
            return False
        return self._writeback_entry(slot)

    def _has_second_chance(self, cgroup: int) -> bool:
        slot = self._lists.coldest(cgroup)
        return slot >= 0 and self._entries.is_referenced(slot)

    def _list_of(self, slot: int) -> int:
        return self._entries.cgroup_of(slot)


STRATEGIES: Mapping[Reclaim, type[Writeback]] = MappingProxyType(
    {
        Reclaim.ZPOOL: ZpoolEviction,
        Reclaim.POOL_LRU: PoolLru,
        Reclaim.MEMCG_LRU: MemcgLru,
    }
)
