# SPDX-License-Identifier: GPL-2.0-or-later
"""What zswap holds: ``struct zswap_entry`` of every slot, the lists of them, and the pool.

The entries are columns by slot, some 30 bytes each, where an object would take ten times that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ghostswap.kernels.rules import Kernel, Reclaim
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.zpool import pools as zpools
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS

_ABSENT = -1
#: Pages that need none: of the zeromap, and those that are kept as a word.
_NO_OBJECT = (ZEROS, SAME)
#: Notes between two looks at how many of them count.
_TIDY_EVERY = 4096


@dataclass(slots=True)
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

    :ivar counters: gauges and counters of all of zswap.
    """

    def __init__(self, kernel: Kernel, zpool: str, cgroups: Sequence[Cgroup], seed: int) -> None:
        self.kernel = kernel
        self.cgroups = tuple(cgroups) or (Cgroup(),)
        self.counters = Counters()
        self._pool = zpools.create(kernel, zpool, seed)
        self._pool_pages = 0  # as of the last store or free
        self._filling = zpools.Fillings(kernel, seed) if zpool == "zsmalloc" else None
        self._put_off: list[_Run] = []
        self._highest = -1  # slot that was ever stored to
        # By slot; a length of 0 is a page that is kept as a value.
        self._length = array("h")
        self._handle = array("Q")
        self._cgroup_of = array("H")
        self._referenced = bytearray()
        self._noted = array("I")
        self._has_pool_lru = kernel.zswap.reclaim is Reclaim.ZPOOL
        self._slot_by_handle: dict[int, int] = {}  # where the allocator has the list
        # Lists of entries, coldest first. Whatever comes to the warm end is noted behind all other
        # notes, and of an entry's notes only the last one counts; those before *first* do not.
        numbers = range(len(self.cgroups))
        has_memcg_lru = kernel.zswap.reclaim is Reclaim.MEMCG_LRU
        self._list_of = tuple(numbers) if has_memcg_lru else (0,) * len(numbers)  # by cgroup
        lists = len(set(self._list_of))
        self._notes = [array("I") for _ in range(lists)]
        self._first = [0] * lists
        self._nr_items = [0] * lists

    def holds(self, slot: int) -> bool:
        """Whether the page of *slot* is here."""
        if slot > self._highest:
            return False
        if self._filling is not None:
            self._make_entries()
        return self._length[slot] >= 0

    def invalidate(self, slot: int) -> None:
        """``zswap_invalidate()``: the slot is free, so drop its entry if there is one."""
        if self.holds(slot):
            self._free_entry(slot)

    def _fill(self, slot: int, lengths: array[int], cgroup: int) -> None:
        """Store, but put the entries off; *lengths* are the codec's."""
        assert self._filling is not None
        objects: Sequence[int] = lengths
        same_filled = lengths.count(SAME)
        if same_filled or ZEROS in lengths or INCOMPRESSIBLE in lengths:
            objects = [min(length, PAGE_SIZE) for length in lengths if length not in _NO_OBJECT]
        self._filling.store(objects)
        self._pool_pages = self._filling.pages
        stored = len(objects) + same_filled
        as_is = objects.count(PAGE_SIZE)
        self.cgroups[cgroup].charge_zswap(stored, sum(objects), as_is)
        self.counters.stored_pages += stored
        self.counters.same_filled_pages += same_filled
        self.counters.stored_incompressible_pages += as_is
        self.counters.zswpout += stored
        last = self._put_off[-1] if self._put_off else None
        if last is not None and (slot, cgroup) == (self._highest + 1, last.cgroup):
            last.lengths.extend(lengths)
        else:
            self._put_off.append(_Run(slot, cgroup, lengths[:]))
        self._highest = slot + len(lengths) - 1

    def _make_entries(self) -> None:
        """Make the entries that were put off, in the order of their stores."""
        if self._filling is None:
            return
        self._filling = None
        self._make_room()
        # They are counted as they are made, once more.
        gauges = self.counters
        gauges.stored_pages = gauges.same_filled_pages = gauges.stored_incompressible_pages = 0
        for memcg in self.cgroups:
            for group in memcg.lineage:
                group.zswapped = group.zswap_bytes = group.zswap_incomp = 0
        for run in self._put_off:
            for slot, length in enumerate(run.lengths, run.slot):
                if length == SAME:
                    self._link_entry(slot, 0, 0, run.cgroup)
                elif length != ZEROS:
                    length = min(length, PAGE_SIZE)
                    self._link_entry(slot, length, self._pool.malloc(length), run.cgroup)
        self._put_off.clear()

    def _make_room(self) -> None:
        """Have the columns reach to the highest slot."""
        missing = self._highest + 1 - len(self._length)
        if missing > 0:
            missing += len(self._length) // 8
            self._length.extend(array("h", [_ABSENT]) * missing)
            self._handle.frombytes(bytes(missing * self._handle.itemsize))
            self._cgroup_of.frombytes(bytes(missing * self._cgroup_of.itemsize))
            self._referenced.extend(bytes(missing))
            self._noted.frombytes(bytes(missing * self._noted.itemsize))

    def _link_entry(self, slot: int, length: int, handle: int, cgroup: int) -> None:
        """Make *slot*'s entry, referenced as every new one is; the columns reach to it."""
        self._length[slot] = length
        self._handle[slot] = handle
        self._cgroup_of[slot] = cgroup
        self._referenced[slot] = 1
        counters = self.counters
        counters.stored_pages += 1
        if not length:
            counters.same_filled_pages += 1  # on no list, for nothing is gained by writing it back
        elif self._has_pool_lru:
            self._slot_by_handle[handle] = slot
        else:
            number = self._list_of[cgroup]
            self._nr_items[number] += 1
            self._note(slot, number)
        is_whole = length == PAGE_SIZE
        counters.stored_incompressible_pages += is_whole
        self._pool_pages = self._pool.pages
        self.cgroups[cgroup].charge_zswap(1, length, is_whole)

    def _free_entry(self, slot: int, is_evicted: bool = False) -> None:
        """``zswap_entry_free()``

        :param is_evicted: the pool has let go of the object itself.
        """
        length, cgroup = self._length[slot], self._cgroup_of[slot]
        self._length[slot] = _ABSENT
        counters = self.counters
        counters.stored_pages -= 1
        if length:
            handle = self._handle[slot]
            if self._has_pool_lru:
                del self._slot_by_handle[handle]
            else:
                self._nr_items[self._list_of[cgroup]] -= 1
            if not is_evicted:
                self._pool.free(handle)
            counters.stored_incompressible_pages -= length == PAGE_SIZE
        else:
            counters.same_filled_pages -= 1
        self._pool_pages = self._pool.pages
        self.cgroups[cgroup].charge_zswap(-1, -length, -(length == PAGE_SIZE))

    # list_lru

    def _note(self, slot: int, number: int) -> None:
        """Put *slot*'s entry at the warm end of list *number*, wherever on it it was."""
        notes = self._notes[number]
        self._noted[slot] = last = len(notes)
        notes.append(slot)
        if not last % _TIDY_EVERY:
            self._tidy(number)

    def _coldest(self, number: int) -> int | None:
        """The slot of the first entry on list *number*, if there is one."""
        if not self._nr_items[number]:
            return None
        first = self._first[number] = next(self._counting(number))
        return self._notes[number][first]

    def _counting(self, number: int) -> Iterator[int]:
        """Where on list *number* the notes are that count, coldest first."""
        notes, noted, length = self._notes[number], self._noted, self._length
        cgroup_of, list_of = self._cgroup_of, self._list_of
        return (
            at
            for at in range(self._first[number], len(notes))
            if noted[slot := notes[at]] == at
            and length[slot] > 0
            and list_of[cgroup_of[slot]] == number
        )

    def _tidy(self, number: int) -> None:
        """Drop the notes that do not count, if they are twice as many as those that do."""
        notes = self._notes[number]
        if len(notes) - self._first[number] < 3 * self._nr_items[number] + _TIDY_EVERY:
            return
        notes[:] = array("I", map(notes.__getitem__, self._counting(number)))
        self._first[number] = 0
        for at, slot in enumerate(notes):
            self._noted[slot] = at
