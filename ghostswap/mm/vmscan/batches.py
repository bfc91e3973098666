# SPDX-License-Identifier: GPL-2.0-or-later
"""What MGLRU's pages wait for: their place among the generations, and the end of their write.

After mm/swap.c (``struct cpu_fbatches``), block/blk-core.c (``struct blk_plug``) and mm/filemap.c.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence

from ghostswap.mm.swap.slot_map import SWAP_CLUSTER_MAX
from ghostswap.mm.vmscan.generations import (
    ACTIVE,
    BATCHED,
    OFF,
    RECLAIM,
    WRITEBACK,
    Folios,
    Generations,
)
from ghostswap.mm.vmscan.lruvec import Lruvec
from ghostswap.mm.vmscan.pageout import Backing

#: The time that a write to disk takes from when it is sent off, in pages that reclaim unmaps
#: meanwhile, as where it was recorded: some 0.5 ms; a few times as long is no less likely.
WRITE_TIME = 48


class Batches:
    """One CPU's.

    :param owner: by page, the index of its lruvec.
    :param size: pages of a batch.
    :ivar clock: in pages that reclaim unmaps.
    :ivar has_written: pages go to disk, for which their process sleeps.
    """

    def __init__(
        self,
        folios: Folios,
        generations: Sequence[Generations],
        lruvecs: Sequence[Lruvec],
        owner: array[int],
        backing: Backing,
        *,
        size: int,
        write_time: int,
    ) -> None:
        self._folios = folios
        self._generations = generations
        self._lruvecs = lruvecs
        self._owner = owner
        self._in_swap_cache = backing.in_swap_cache
        self._size = size
        self._write_time = write_time
        self._to_add: list[int] = []
        self._to_activate: list[int] = []
        self._to_rotate: list[int] = []
        self._plug: list[int] = []  # pages whose write is not sent off yet
        self._writing: deque[tuple[int, int]] = deque()  # pages, and when they will be there
        self.clock = 0
        self.has_written = False

    def waiting(self, index: int) -> list[int]:
        """Pages of the lruvec of that *index* that wait for their first place."""
        return [page for page in self._to_add if self._owner[page] == index]

    def forget(self, index: int) -> None:
        """The pages of the lruvec of that *index* are gone."""
        owner = self._owner
        for batch in (self._to_add, self._to_activate, self._to_rotate, self._plug):
            batch[:] = [page for page in batch if owner[page] != index]
        self._writing = deque(entry for entry in self._writing if owner[entry[0]] != index)

    # Places

    def add(self, page: int) -> None:
        """``folio_add_lru()``"""
        self._to_add.append(page)
        if len(self._to_add) == self._size:
            self._drain_added()

    def activate(self, page: int) -> None:
        """``folio_activate()`` of *page*, which is on a list."""
        if not self._folios.marks[page] & (ACTIVE | BATCHED):
            self._folios.marks[page] |= BATCHED
            self._to_activate.append(page)
            if len(self._to_activate) == self._size:
                self._drain_activated()

    def drain(self) -> None:
        """``lru_add_drain()``"""
        self._drain_added()
        self._drain_rotated()
        self._drain_activated()

    def put(self, page: int, *, rotated: bool = False) -> None:
        """``lruvec_add_folio()``; if *rotated* ``lruvec_add_folio_tail()``."""
        self._generations[self._owner[page]].add(
            page, in_swap_cache=self._in_swap_cache(page), rotated=rotated
        )

    def _drain_added(self) -> None:
        for page in self._to_add:
            self.put(page)
        self._to_add.clear()

    def _drain_activated(self) -> None:
        marks = self._folios.marks
        for page in self._to_activate:
            marks[page] &= ~BATCHED
            if self._folios.gen[page] == OFF:  # isolated meanwhile
                continue
            index = self._owner[page]
            marks[page] |= ACTIVE
            self._generations[index].remove(page)
            self.put(page)
            self._lruvecs[index].events.pgactivate += 1
        self._to_activate.clear()

    def _drain_rotated(self) -> None:
        for page in self._to_rotate:
            self._folios.marks[page] &= ~BATCHED
            if self._folios.gen[page] != OFF:
                self._generations[self._owner[page]].remove(page)
                self.put(page, rotated=True)
        self._to_rotate.clear()

    # Writes

    def write(self, page: int) -> None:
        """Have *page* written to disk, with those that are sent off together."""
        self.has_written = True
        self._folios.marks[page] |= RECLAIM | WRITEBACK
        self._plug.append(page)
        if len(self._plug) == SWAP_CLUSTER_MAX:
            self.send_off()

    def send_off(self) -> None:
        """``blk_flush_plug()``"""
        due = self.clock + self._write_time
        self._writing.extend((page, due) for page in self._plug)
        self._plug.clear()

    def pass_time(self, time: int) -> None:
        """Go on by *time*; what is written by then is the next to go."""
        self.clock += time
        while self._writing and self._writing[0][1] <= self.clock:
            self._end_writeback(self._writing.popleft()[0])

    def pass_all_writes(self) -> None:
        """So much time passes that everything is written."""
        self.pass_time(2 * self._write_time)

    def _end_writeback(self, page: int) -> None:
        """``folio_end_writeback()``"""
        marks = self._folios.marks
        was_to_go = marks[page] & RECLAIM
        marks[page] &= ~(WRITEBACK | RECLAIM)
        if was_to_go and self._folios.gen[page] != OFF and not marks[page] & BATCHED:
            # folio_rotate_reclaimable()
            marks[page] |= BATCHED
            self._to_rotate.append(page)
            if len(self._to_rotate) == self._size:
                self._drain_rotated()
