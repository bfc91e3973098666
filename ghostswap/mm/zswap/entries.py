# SPDX-License-Identifier: GPL-2.0-or-later
"""What zswap holds: ``struct zswap_entry`` of every slot, and the pool with their objects.

An entry is a word, where an object would take ten times that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ghostswap.kernels.rules import Kernel
from ghostswap.mm.columns import grown, zeros
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.zpool import pools as zpools
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS

ABSENT = -1
#: Pages that need none: of the zeromap, and those that are kept as a word.
_NO_OBJECT = (ZEROS, SAME)

# A slot's word: its length and one more, so that 0 is no entry; a flag; its cgroup's number; its
# object's handle.
_LENGTH = 0x3FFF
_REFERENCED = 0x4000
_CGROUP_SHIFT = 16
_CGROUP = 0xFFFF
_HANDLE_SHIFT = 32


@dataclass
class Counters:
    """Everything that some kernel shows in /sys/kernel/debug/zswap, and zswap's in /proc/vmstat.

    Three are ours, for what no kernel counts:

    :ivar refused_cgroup: stores refused for a ``memory.zswap.max``.
    :ivar refused_full: stores refused after a limit was hit, with the pool not down to the accept
        threshold yet; each ``pool_limit_hit`` is another refusal.
    :ivar second_chances: visits of writeback to entries that were spared, being ``referenced``.
    """

    stored_pages: int = 0
    pool_total_size: int = 0
    same_filled_pages: int = 0
    stored_incompressible_pages: int = 0
    pool_limit_hit: int = 0
    reject_reclaim_fail: int = 0
    reject_alloc_fail: int = 0
    reject_kmemcache_fail: int = 0
    reject_compress_fail: int = 0
    reject_compress_poor: int = 0
    written_back_pages: int = 0
    decompress_fail: int = 0  # of no sound memory
    zswpin: int = 0
    zswpout: int = 0
    refused_cgroup: int = 0
    refused_full: int = 0
    second_chances: int = 0


@dataclass(slots=True)
class _Run:
    """Stores whose entries were put off: of *slot* and those that follow it."""

    slot: int
    cgroup: int
    lengths: array[int]


class Entries:
    """The entries of all stored pages, referenced while they have their second chance.

    While pages are only stored and the limits are far, nothing but the sum of their lengths
    matters, so that is all that is kept up to date; the entries are made when the first of them
    is wanted. With zbud and z3fold, where order matters at once, they are made at once.

    :ivar pool: the allocator, empty while entries are put off.
    :ivar pool_pages: pages that it takes, as of the last store or free.
    :ivar highest: slot that was ever stored to; -1 for none.
    :ivar is_put_off: whether pages were only stored so far, and have no entries yet.
    :ivar counters: gauges and counters of all of zswap.
    """

    def __init__(self, kernel: Kernel, zpool: str, cgroups: Sequence[Cgroup], seed: int) -> None:
        self.cgroups = tuple(cgroups) or (Cgroup(),)
        self.counters = Counters()
        self.pool = zpools.create(kernel, zpool, seed)
        self.pool_pages = 0
        self.highest = -1
        self.is_put_off = zpool == "zsmalloc"
        self._filling = zpools.Fillings(kernel, seed)
        self._put_off: list[_Run] = []
        self._word = zeros("Q", 64)

    # While they are put off

    def put_off(
        self, slot: int, lengths: array[int], views: Mapping[int, int], cgroup: int
    ) -> None:
        """Store pages from *slot* on, above all others, without making their entries.

        :param lengths: zswap's views of the pages; those of ``ZEROS`` are passed over.
        :param views: how many pages have each of them.
        """
        counts, same_filled = _objects(views), views.get(SAME, 0)
        as_is = counts.get(PAGE_SIZE, 0)
        objects = (min(length, PAGE_SIZE) for length in lengths if length not in _NO_OBJECT)
        self._filling.store(counts, objects)
        self.pool_pages = self._filling.pages
        stored = sum(counts.values()) + same_filled
        total_bytes = sum(length * count for length, count in counts.items())
        self.cgroups[cgroup].charge_zswap(stored, total_bytes, as_is)
        self.counters.stored_pages += stored
        self.counters.same_filled_pages += same_filled
        self.counters.stored_incompressible_pages += as_is
        self.counters.zswpout += stored
        last = self._put_off[-1] if self._put_off else None
        if last is not None and (slot, cgroup) == (self.highest + 1, last.cgroup):
            last.lengths.extend(lengths)
        else:
            self._put_off.append(_Run(slot, cgroup, lengths[:]))
        self.highest = slot + len(lengths) - 1

    def pages_after(self, views: Mapping[int, int]) -> int:
        """Most pages that the pool could take after so many more stores, by zswap's views."""
        return self._filling.pages_after(_objects(views))

    def take_put_off(self) -> Iterator[tuple[int, int, int]]:
        """Slot, length and cgroup of each entry to be made, in the order of their stores."""
        self.is_put_off = False
        # They are counted as they are made, once more.
        gauges = self.counters
        gauges.stored_pages = gauges.same_filled_pages = gauges.stored_incompressible_pages = 0
        for memcg in self.cgroups:
            for group in memcg.lineage:
                group.zswapped = group.zswap_bytes = group.zswap_incomp = 0
        for run in self._put_off:
            for slot, length in enumerate(run.lengths, run.slot):
                if length == SAME:
                    yield slot, 0, run.cgroup
                elif length != ZEROS:
                    yield slot, min(length, PAGE_SIZE), run.cgroup
        self._put_off.clear()

    # Each

    def length(self, slot: int) -> int:
        """What *slot*'s page compressed to, 0 where it is kept as a word; -1 without an entry."""
        return (self._word[slot] & _LENGTH) - 1 if slot < len(self._word) else ABSENT

    def cgroup_of(self, slot: int) -> int:
        """The number of the cgroup that *slot*'s entry is charged to."""
        return self._word[slot] >> _CGROUP_SHIFT & _CGROUP

    def is_referenced(self, slot: int) -> bool:
        """Whether *slot*'s entry has its second chance."""
        return self._word[slot] & _REFERENCED > 0

    def clear_referenced(self, slot: int) -> None:
        """Take *slot*'s second chance away."""
        self._word[slot] &= ~_REFERENCED

    def handle(self, slot: int) -> int:
        """Where in the pool *slot*'s object is."""
        return self._word[slot] >> _HANDLE_SHIFT

    def make(self, slot: int, length: int, handle: int, cgroup: int) -> None:
        """Make *slot*'s entry, referenced as every new one is.

        :param length: 0 for a page that is kept as a word, and has no object.
        """
        if slot >= len(self._word):
            self._word = grown("Q", self._word, slot)
        self._word[slot] = (
            length + 1 | _REFERENCED | cgroup << _CGROUP_SHIFT | handle << _HANDLE_SHIFT
        )
        self.highest = max(self.highest, slot)
        counters = self.counters
        counters.stored_pages += 1
        is_whole = length == PAGE_SIZE
        counters.same_filled_pages += not length
        counters.stored_incompressible_pages += is_whole
        self.pool_pages = self.pool.pages
        memcg = self.cgroups[cgroup]
        memcg.charge_zswap(1, length, is_whole)

    def free(self, slot: int, is_evicted: bool = False) -> None:
        """``zswap_entry_free()``

        :param is_evicted: the pool has let go of the object itself.
        """
        length, cgroup, handle = self.length(slot), self.cgroup_of(slot), self.handle(slot)
        self._word[slot] = 0
        counters = self.counters
        counters.stored_pages -= 1
        is_whole = length == PAGE_SIZE
        counters.same_filled_pages -= not length
        counters.stored_incompressible_pages -= is_whole
        if length and not is_evicted:
            self.pool.free(handle)
        self.pool_pages = self.pool.pages
        memcg = self.cgroups[cgroup]
        memcg.charge_zswap(-1, -length, -is_whole)


def _objects(views: Mapping[int, int]) -> dict[int, int]:
    """The objects of so many pages, by zswap's views: how many of each length."""
    counts = dict(views)
    for view in _NO_OBJECT:
        counts.pop(view, None)
    as_is = counts.pop(INCOMPRESSIBLE, 0) + counts.pop(PAGE_SIZE, 0)
    return counts | {PAGE_SIZE: as_is} if as_is else counts
