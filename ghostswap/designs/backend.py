# SPDX-License-Identifier: GPL-2.0-or-later
"""What all designs have in common: pages that go and come back, counted."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import compress
from operator import not_
from typing import NamedTuple, Protocol

from ghostswap.designs.transfer import Held
from ghostswap.kernels.rules import Reclaim
from ghostswap.mm.columns import appended, zeros
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.slot_map import NO_SLOT, SWAP_CLUSTER_MAX
from ghostswap.mm.vmscan.pageout import (
    ACTIVATE,
    DISK,
    FREED,
    ZERO,
    ZRAM,
    ZSWAP,
    Backing,
    Mapper,
    Origin,
    Out,
)
from ghostswap.mm.vmscan.shrinker import Shrinker
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.page import PAGE_SIZE, SAME, ZEROS

#: By number, with a stand-in for none: a look-up where a call would cost as much as all the rest.
ORIGINS: tuple[Origin, ...] = (ZERO, *Origin)

# A page's state: the Origin of a copy that is still good, 0 for none, and two flags.
_COPY = 7
_KEPT = 8  # it could not go when it last was to
_CHANGED = 16  # its process has written to it since it last left

#: Pages that are looked at together: the more the faster, and the sooner limits are near.
_LONGEST_RUN, _SHORTEST_RUN = 1 << 18, 1 << 6

_ORIGINS = len(ORIGINS)
_COPIES = bytes(state & _COPY for state in range(256))
_IS_KEPT = bytes(state & _KEPT > 0 for state in range(256))
#: By cgroup: page -> what it measures after it was written to; ``None`` where it stays.
Redraws = Sequence[Callable[[int], int] | None]
#: Measures -> what a keeper gets to see.
View = Callable[["array[int]"], "array[int]"]


class Worker(Enum):
    """When zswap's shrink worker gets to run; what the kernel's does lies between these."""

    AT_ONCE = 1  # done before the next page comes
    WRITES_LATE = 2  # done as soon, but once it comes to write a page, not before all were stored
    LATE = 3  # not before all pages were stored


class Witness(Protocol):
    """Who is told of each page, by its number, as it goes where it goes."""

    def zeroed(self, page: int) -> None:
        """It is in the zeromap."""

    def stored(self, page: int) -> None:
        """It is compressed in memory."""

    def written(self, page: int, place: tuple[int, int]) -> None:
        """It is on disk at *place*, an area's number and a page there; nothing else took it."""

    def written_back(self, page: int, place: tuple[int, int]) -> None:
        """It is on disk at *place*; before it was compressed in memory."""


class NoWitness:
    """Nobody is told."""

    def zeroed(self, page: int) -> None: ...
    def stored(self, page: int) -> None: ...
    def written(self, page: int, place: tuple[int, int]) -> None: ...
    def written_back(self, page: int, place: tuple[int, int]) -> None: ...


@dataclass
class Vmstat:
    """The swap counters of /proc/vmstat, but for zswap's own.

    :ivar nrswpin: submissions of reads to devices.
    :ivar nrswpout: those of writes, in which pages that follow each other count once.
    """

    pswpin: int = 0
    pswpout: int = 0
    swpin_zero: int = 0
    swpout_zero: int = 0
    nrswpin: int = 0
    nrswpout: int = 0


class Contents(NamedTuple):
    """The pages that a design is for.

    :ivar measured: by page, in the alphabet of :mod:`ghostswap.page`.
    :ivar cgroups: by number.
    :ivar mapper: who has them in memory.
    :ivar redraws: by cgroup, what its pages measure after they were written to.
    :ivar witness: who is told where each goes; ``None`` for nobody, which is faster.
    :ivar worker: when zswap's shrink worker runs.
    """

    measured: array[int]
    cgroups: Sequence[Cgroup]
    mapper: Mapper
    redraws: Redraws = ()
    witness: Witness | None = None
    worker: Worker = Worker.AT_ONCE


class Backend(Backing):
    """Where pages are that left memory; a :class:`~ghostswap.mm.vmscan.pageout.Backing`.

    :param view: what the first who keeps them gets to see of pages.
    :param zswap: in front of the rest, ``None`` where it is off.
    :ivar vmstat: counters.
    :ivar slots_at_swap_out: slots of areas taken when their page left.
    :ivar slots_at_writeback: slots taken when zswap wrote the page.
    :ivar refused: by cgroup, times that a page could not go because nothing took it.
    :ivar no_slot: by cgroup, times that a page could not go for want of a slot.
    :ivar stored: by length, pages that :meth:`store` had compressed in memory.
    :ivar worker_wrote: whether the shrink worker came to write a page.
    """

    def __init__(self, contents: Contents, view: View, zswap: Zswap | None) -> None:
        number, groups = len(contents.measured), len(contents.cgroups)
        self.vmstat = Vmstat()
        self.slots_at_swap_out = 0
        self.slots_at_writeback = 0
        self.refused = [0] * groups
        self.no_slot = [0] * groups
        self.stored: Counter[int] = Counter()
        self.worker_wrote = False
        self._view = view
        self._views = memoryview(view(contents.measured))
        self._state = bytearray(number)
        self._swap_ins = zeros("q", groups * _ORIGINS)
        self._swap_outs = zeros("q", groups)
        self._zswap = zswap
        self._cgroups = contents.cgroups
        self._mapper = contents.mapper
        self._redraws = tuple(contents.redraws) or (None,) * groups
        self._witness: Witness = contents.witness or NoWitness()
        self._has_witness = contents.witness is not None
        self._worker = contents.worker
        self._waiting: Iterator[None] | None = None  # to write
        self._next_slot = NO_SLOT  # that would go on with the submission that is being made
        self._in_submission = 0
        self._shrinkers: list[Shrinker] = []
        if zswap is not None:
            zswap.on_writeback = self._written_back
            if zswap.kernel.zswap.reclaim is Reclaim.MEMCG_LRU:
                self._shrinkers = [
                    Shrinker(
                        partial(zswap.shrinker_count, group),
                        partial(zswap.shrinker_scan, cgroup=group),
                    )
                    for group in range(groups)
                ]

    def swap_out(self, page: int, cgroup: int, dirty: bool) -> Out:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        state = self._state[page]
        if state & _COPY:
            if not dirty:
                return FREED
            self._state[page] = state & ~_COPY
        if state & _CHANGED:
            self._state[page] &= ~_CHANGED
            redraw = self._redraws[cgroup]
            if redraw is not None:
                self._see(page, redraw(page))
        out = self._swap_out(page, cgroup, self._views[page])
        if out == ACTIVATE:
            self._set_kept(page)
        else:
            self._state[page] &= ~_KEPT
            self._swap_outs[cgroup] += 1
            if out == FREED and self._state[page] & _COPY != ZRAM:
                return out
        # zswap refused it, if there is one: zram behind it may have it now.
        if self._zswap is not None and self._zswap.shrink_queued:
            self._run_worker(self._zswap)
        return out

    def submit(self) -> None:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        self._next_slot = NO_SLOT

    def _note_write(self, slot: int, pages: int = 1) -> None:
        """``swap_add_folio()``: count a folio's write, of one piece with those before if it can be.

        :param slot: its first one; so many *pages*.
        """
        self.vmstat.pswpout += pages
        if slot != self._next_slot or self._in_submission == SWAP_CLUSTER_MAX:
            self.vmstat.nrswpout += 1
            self._in_submission = 0
        self._in_submission += 1
        self._next_slot = slot + pages

    def _note_alone(self) -> None:
        """Count a write that is a submission by itself: zswap's, or one to a synchronous device."""
        self.vmstat.pswpout += 1
        self.vmstat.nrswpout += 1

    def _note_read(self) -> None:
        """Count a read, which is a submission by itself where nothing is read ahead."""
        self.vmstat.pswpin += 1
        self.vmstat.nrswpin += 1

    def _see(self, page: int, measure: int) -> None:
        """Note that *page* measures otherwise now."""
        self._views[page] = self._view(array("H", (measure,)))[0]

    def extend(self, measured: array[int]) -> int:
        """Have more pages behind those that there are; the number of the first new one."""
        first = len(self._state)
        self._state.extend(bytes(len(measured)))
        self._views = appended("H", self._views, first, self._view(measured))
        return first

    def note_writes(self, pages: array[int], writes: bytes) -> None:
        """Note that processes touched *pages*; those are written to whose *writes* is not 0."""
        for page in compress(pages, writes):
            self._state[page] |= _CHANGED

    def view_of(self, page: int) -> int:
        """What *page*'s keeper gets to see of it."""
        return self._views[page]

    def store(self, first: int, count: int, cgroup: int = 0) -> None:
        """Let *count* pages go from *first* on, in order, none of which went before.

        Those go at once that can meet no limit.
        """
        end, longest = first + count, _LONGEST_RUN
        while first < end:
            run = min(longest, end - first)
            others = self._store_run(first, run, cgroup)
            if others is None and run > _SHORTEST_RUN:
                longest = run // 2
                continue
            self._store_each(range(first, first + run) if others is None else others, cgroup)
            first += run

    def _store_run(self, first: int, count: int, cgroup: int) -> Sequence[int] | None:
        """Store at once those of the pages that are taken for sure.

        :return: the others, by number; ``None`` where nothing is sure and nothing was stored.
        """
        raise NotImplementedError

    def _count_run(self, counts: Counter[int], cgroup: int) -> None:
        """Count pages that left at once, by view."""
        self._swap_outs[cgroup] += counts.total()
        self.vmstat.swpout_zero += counts.pop(ZEROS, 0)
        for view, pages in counts.items():
            if view != SAME:
                self.stored[min(view, PAGE_SIZE)] += pages

    def _store_each(self, pages: Iterable[int], cgroup: int) -> None:
        for page in pages:
            out, view = self.swap_out(page, cgroup, True), self._views[page]
            if out == FREED and view != SAME and self.copy_of(page) in (ZSWAP, ZRAM):
                self.stored[min(view, PAGE_SIZE)] += 1

    def finish(self) -> None:
        """Let the shrink worker come to an end: no more pages are to go."""
        for _ in self._waiting or ():
            pass
        self._worker, self._waiting = Worker.AT_ONCE, None
        if self._zswap is not None and self._zswap.shrink_queued:
            self._run_worker(self._zswap)

    def _run_worker(self, zswap: Zswap) -> None:
        if self._worker is Worker.LATE or self._waiting is not None:
            return
        worker = zswap.shrink_worker()
        for _ in worker:
            self.worker_wrote = True
            if self._worker is Worker.WRITES_LATE:
                self._waiting = worker
                return

    def origin_of(self, page: int) -> Origin | None:
        """Where a copy of *page* is that is still good: for one that left memory, the page."""
        copy = self.copy_of(page)
        return ORIGINS[copy] if copy else None

    def copy_of(self, page: int) -> int:
        """:meth:`origin_of` as a number, 0 for none."""
        return self._state[page] & _COPY

    def _set_kept(self, page: int) -> None:
        self._state[page] |= _KEPT

    def _set_copy(self, page: int, copy: int) -> None:
        self._state[page] = self._state[page] & ~_COPY | copy

    @property
    def swap_ins(self) -> list[list[int]]:
        """By cgroup and :class:`Origin`, pages that came back."""
        ins = list(self._swap_ins)
        return [ins[at : at + _ORIGINS] for at in range(0, len(ins), _ORIGINS)]

    @property
    def swap_outs(self) -> list[int]:
        """By cgroup, pages that went, but for those whose copy out there was still good."""
        return list(self._swap_outs)

    def _came_back(self, cgroup: int, copy: int) -> None:
        self._swap_ins[cgroup * _ORIGINS + copy] += 1

    @property
    def kept_pages(self) -> int:
        """Pages that could not go when they last were to."""
        return self.kept().count(1)

    def kept(self) -> bytearray:
        """By page, 1 where it could not go when it last was to."""
        return self._state.translate(_IS_KEPT)

    def held(self, is_mapped: bytearray) -> Held:
        """Where the pages are that are out.

        :param is_mapped: by page, not 0 where it is in memory.
        """
        out = self._state.translate(_COPIES)
        if is_mapped != bytes(len(is_mapped)):
            out = bytearray(compress(out, map(not_, is_mapped)))
        compressed = out.count(ZSWAP) + out.count(ZRAM)
        return Held(
            compressed=compressed,
            stuck=self._stuck(is_mapped, compressed) if compressed else 0,
            disk=out.count(DISK),
            zero=out.count(ZERO),
            # Those of killed groups are gone.
            mapped=len(is_mapped) - out.count(0),
        )

    def _stuck(self, is_mapped: bytearray, compressed: int) -> int:  # noqa: ARG002
        """Of the *compressed* pages that are out, those that have no place on disk and get none."""
        return sum(
            not mapped and self.copy_of(page) in (ZSWAP, ZRAM) and not self.can_write_back(page)
            for page, mapped in enumerate(is_mapped)
        )

    def has_shrinker(self) -> bool:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        return bool(self._shrinkers)

    def shrink_slab(self, cgroup: int, priority: int) -> None:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        self._shrinkers[cgroup].shrink(priority)

    def pool_pages(self) -> int:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        return 0 if self._zswap is None else self._zswap.pool_pages

    def can_write_back(self, page: int) -> bool:
        """Whether *page*, which is compressed in memory, has or can be given a place on disk."""
        raise NotImplementedError

    def _swap_out(self, page: int, cgroup: int, view: int) -> Out:
        """Let go of *page*, of which there is no copy; note where it is by :meth:`_set_copy`."""
        raise NotImplementedError

    def _written_back(self, slot: int) -> None:
        """zswap wrote what it had at *slot*."""
        raise NotImplementedError
