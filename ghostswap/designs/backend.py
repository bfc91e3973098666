# SPDX-License-Identifier: GPL-2.0-or-later
"""What all designs have in common: pages that go and come back, counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.vmscan.pageout import ACTIVATE, FREED, ZERO, Origin, Out
from ghostswap.mm.zswap.zswap import Zswap

NO_COPY = 0
#: By number, with a stand-in for none: a look-up where a call would cost as much as all the rest.
ORIGINS: tuple[Origin, ...] = (ZERO, *Origin)
#: By cgroup: the length that a page has after it was written to; ``None`` where it stays.
Redraws = Sequence[Callable[[int], int] | None]


@dataclass(slots=True)
class Vmstat:
    """The swap counters of /proc/vmstat, but for zswap's own."""

    pswpin: int = 0
    pswpout: int = 0
    swpin_zero: int = 0
    swpout_zero: int = 0


class Swapping(ABC):
    """Where pages are that left memory; a :class:`~ghostswap.mm.vmscan.pageout.Backing`.

    :param lengths: by page, its compressed length now; 0 for one that needs no compressing.
    :param zswap: in front of the rest, ``None`` where it is off.
    :param redraws: by cgroup, page -> the length that it has after it was written to.
    :ivar resident: by page, 1 while it is in memory; whoever calls shares it.
    :ivar changed: by page, 1 where its process has written to it since it last left; whoever hands
        the touches on notes that, where there are *redraws*.
    :ivar on_writeback: called with each page that zswap writes to disk, and its cgroup.
    :ivar vmstat: counters.
    :ivar swap_ins: by cgroup and :class:`Origin`, pages that came back.
    :ivar swap_outs: by cgroup, pages that went, but for those whose copy out there was still good.
    :ivar slots_at_swap_out: slots of areas taken when their page left; so
    :ivar slots_at_writeback: those taken when zswap wrote the page.
    :ivar refused: by cgroup, times that a page could not go because nothing took it.
    :ivar no_slot: by cgroup, times that a page could not go for want of a slot.
    """

    #: Whether a page cannot leave without a slot that is charged to its cgroup.
    charges_slots = True

    def __init__(
        self,
        lengths: array[int],
        zswap: Zswap | None,
        cgroups: Sequence[Cgroup],
        redraws: Redraws = (),
    ) -> None:
        self.resident = bytearray(len(lengths))
        self.changed = bytearray(len(lengths))
        self.on_writeback: Callable[[int, int], None] = lambda _, __: None
        self.vmstat = Vmstat()
        self.swap_ins = [[0] * (max(Origin) + 1) for _ in cgroups]
        self.swap_outs = [0] * len(cgroups)
        self.slots_at_swap_out = 0
        self.slots_at_writeback = 0
        self.refused = [0] * len(cgroups)
        self.no_slot = [0] * len(cgroups)
        self._lengths = lengths
        self._zswap = zswap
        self._cgroups = cgroups
        self._redraws = tuple(redraws) or (None,) * len(cgroups)
        self._copy = bytearray(len(lengths))  # by page, the Origin of a copy that is still good
        self._kept = bytearray(len(lengths))
        if zswap is not None:
            zswap.on_writeback = self._written_back

    def swap_out(self, page: int, cgroup: int, dirty: bool) -> Out:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""
        if self._copy[page]:
            if not dirty:
                return FREED
            self._copy[page] = NO_COPY
        if self.changed[page] and (redraw := self._redraws[cgroup]) is not None:
            self.changed[page] = 0
            self._lengths[page] = redraw(page)
        out = self._swap_out(page, cgroup, self._lengths[page])
        if out is ACTIVATE:
            self._kept[page] = 1
        else:
            self._kept[page] = 0
            self.swap_outs[cgroup] += 1
            if out is FREED:
                return out
        # zswap refused it, if there is one.
        if self._zswap is not None and self._zswap.shrink_queued:
            for _ in self._zswap.shrink_worker():
                pass
        return out

    def origin_of(self, page: int) -> Origin | None:
        """Where a copy of *page* is that is still good: for one that left memory, the page."""
        copy = self._copy[page]
        return ORIGINS[copy] if copy else None

    @property
    def kept_pages(self) -> int:
        """Pages that could not go when they last were to."""
        return self._kept.count(1)

    @abstractmethod
    def has_room(self) -> bool:
        """Whether reclaim may hope to get rid of a page at all (``get_nr_swap_pages()``)."""

    @abstractmethod
    def forget(self, pages: Iterable[int]) -> None:
        """Give up all that is kept of *pages*, whose process is gone."""

    @abstractmethod
    def can_write_back(self, page: int) -> bool:
        """Whether *page*, which is compressed in memory, has or can be given a place on disk."""

    @abstractmethod
    def swap_in(self, page: int, cgroup: int) -> Origin:
        """See :class:`~ghostswap.mm.vmscan.pageout.Backing`."""

    @abstractmethod
    def _swap_out(self, page: int, cgroup: int, length: int) -> Out:
        """Let go of *page*, of which there is no copy; note where it is in ``_copy``."""

    @abstractmethod
    def _written_back(self, slot: int) -> None:
        """zswap wrote what it had at *slot*."""
