# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact LRU: the page that leaves is the one whose last touch is the longest ago."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence

from ghostswap.mm.vmscan.lruvec import EVICTED, YOUNG, Fault, Lruvec, Pages
from ghostswap.mm.vmscan.pageout import ACTIVATE, Backing

#: Touches between two looks at how many notes there are, and notes that are not too many.
_STEP = 4096


class ExactLru:
    """Which pages leave, if the order of all touches were known, which no kernel can afford.

    A page that goes to disk is gone at once. Where a limit is reached that several groups share,
    they give pages in turn.

    Every touch is noted behind all others. Of a page's notes only the last one counts: it says
    where the page is in the LRU. The others go when notes are twice as many as pages in memory.

    :param lruvecs: all there are, by index.
    """

    def __init__(self, pages: Pages, backing: Backing, lruvecs: Sequence[Lruvec]) -> None:
        self._pages = pages
        self._swap_out = backing.swap_out
        self._submit = backing.submit
        self._notes = [array("I") for _ in lruvecs]
        self._coldest = [0] * len(lruvecs)  # where to look for it: no note before this one counts
        self._last = array("I", bytes(4 * len(pages.pte)))  # by page, where its last note is
        self._turns = [
            deque(below for below in lruvec.subtree() if below.group >= 0) for lruvec in lruvecs
        ]

    def touch(self, lruvec: Lruvec, pages: array[int], writes: bytes | None, fault: Fault) -> None:
        """Touch *pages* of *lruvec* in order; *fault* maps one that is not."""
        pte, dirty, last = self._pages.pte, self._pages.dirty, self._last
        notes = self._notes[lruvec.index]
        note = notes.append
        writes = writes or bytes(len(pages))
        for start in range(0, len(pages), _STEP):
            self._tidy(lruvec)
            step = slice(start, start + _STEP)
            for page, write in zip(pages[step], writes[step], strict=True):
                if pte[page]:
                    last[page] = len(notes)
                    note(page)
                else:
                    fault(page, lruvec, write)
                if write:
                    dirty[page] = 1

    def add(self, page: int, lruvec: Lruvec) -> None:
        """*page*, new or brought back, is the last one touched."""
        self._last[page] = len(self._notes[lruvec.index])
        self._notes[lruvec.index].append(page)
        self._pages.pte[page] = YOUNG

    def write_back(self, page: int, lruvec: Lruvec) -> None:
        """Nothing: a page that goes to disk is gone at once."""

    def coldest_first(self, lruvec: Lruvec) -> Iterator[int]:
        """Pages of *lruvec* itself in the order in which they would leave."""
        start, last = self._coldest[lruvec.index], self._last
        notes = self._notes[lruvec.index][start:]
        return (page for at, page in enumerate(notes, start) if last[page] == at)

    def forget(self, lruvec: Lruvec) -> None:
        """The processes of *lruvec* are gone."""
        del self._notes[lruvec.index][:]
        self._coldest[lruvec.index] = 0

    def try_to_free_pages(self, target: Lruvec) -> int:
        """Free one page below *target*; 0 where none can go."""
        turns = self._turns[target.index]
        for _ in range(len(turns)):
            turns.rotate(-1)
            if self._free_one(turns[-1]):
                return 1
        return 0

    def _free_one(self, lruvec: Lruvec) -> bool:
        pages, last, notes = self._pages, self._last, self._notes[lruvec.index]
        at = self._coldest[lruvec.index]
        was_refused = False
        for _ in range(lruvec.resident):
            while last[page := notes[at]] != at:
                at += 1
            at += 1
            self._coldest[lruvec.index] = at
            lruvec.events.pgscan += 1
            if self._swap_out(page, lruvec.group, pages.dirty[page] == 1) is not ACTIVATE:
                pages.pte[page] = 0
                pages.flags[page] = EVICTED
                lruvec.resident -= 1
                lruvec.charge(-1)
                lruvec.events.pgsteal += 1
                self._submit()
                if was_refused:
                    self._tidy(lruvec)
                return True
            last[page] = len(notes)
            notes.append(page)
            was_refused = True
        self._tidy(lruvec)
        return False

    def _tidy(self, lruvec: Lruvec) -> None:
        """Drop the notes that do not count, if they are as many as those that do."""
        notes, last = self._notes[lruvec.index], self._last
        if len(notes) > 2 * lruvec.resident + _STEP:
            notes[:] = array("I", self.coldest_first(lruvec))
            self._coldest[lruvec.index] = 0
            for at, page in enumerate(notes):
                last[page] = at
