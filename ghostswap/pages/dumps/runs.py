# SPDX-License-Identifier: GPL-2.0-or-later
"""The one reader of dumps: pages in runs of bytes, every lost one counted."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from fractions import Fraction

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.dumps.medium import Medium
from ghostswap.pages.source import Account, Why

#: Moves the pages to keep to the front of a view, whose first byte was at an offset of the medium;
#: returns their bytes.
Sift = Callable[[memoryview, int], int]

#: What a read says of one bad place: of the medium, or of what the file system finds there.
#: Any other error holds for the whole file.
_BAD_PLACE = frozenset({errno.EIO, errno.ENODATA, errno.EUCLEAN, errno.EBADMSG})
#: Where a run ends that goes on as long as there is something to read: beyond what headers can say.
UNTIL_THE_END = 1 << 80
#: Bytes that are passed over at once.
_SCRATCH = 1 << 20


def pages_in(size: int) -> int:
    """Count the pages that *size* bytes begin."""
    return -(-size // PAGE_SIZE)


@dataclass(slots=True)
class Run:
    """Bytes of a medium that are pages from the first one on; the last page may be cut short.

    :ivar start: where to go on.
    :ivar end: a byte behind the last one, or :data:`UNTIL_THE_END`.
    :ivar holes: why pages in holes of the file are none; ``None`` where they are zeros.
    :ivar sift: chooses which pages to keep; ``None`` for all.
    :ivar doubt: why it is not certain that they are memory for swap, or ``""``.
    :ivar pads: whether a page that is cut early is padded with zeros, and not left.
    :ivar cut: why it may end early.
    """

    start: int
    end: int
    holes: tuple[Why, str] | None = None
    sift: Sift | None = None
    doubt: str = ""
    pads: bool = False
    cut: str = "the file shrank while it was read"

    @property
    def pages(self) -> int:
        """Pages to come, 0 where nobody knows."""
        return 0 if self.end == UNTIL_THE_END else pages_in(self.end - self.start)


class RunSource:
    """The pages of some runs, one after the other.

    :param name: what the user asked for.
    :param runs: found as they are needed.
    :param pages: expected in all.
    :raises TargetError: from :meth:`readinto`, where the first bytes cannot be read.
    """

    def __init__(
        self,
        name: str,
        medium: Medium,
        runs: Generator[Run],
        account: Account,
        pages: int | None,
    ) -> None:
        self.name = name
        self.pages = pages
        self.account = account
        self._medium = medium
        self._runs = runs
        self._run = next(runs, None)
        self._met = 0  # pages that were handed out, or left for what was found there

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0
        while filled < len(buffer) and self._run is not None:
            if self._run.start < self._run.end:
                filled += self._read(self._run, buffer[filled:])
            else:
                self._run = next(self._runs, None)
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says; of what only goes forward, all is read."""
        passed = 0
        scratch = memoryview(bytearray(_SCRATCH if self._medium.size is None else PAGE_SIZE))
        while passed < pages and self._run is not None:
            run = self._run
            if run.start >= run.end:
                self._run = next(self._runs, None)
            elif self._medium.size is None or run.start >= self._medium.size:
                before = self._met  # a file that was cut ends here
                self._read(run, scratch[: (pages - passed) * PAGE_SIZE])
                passed += self._met - before
            else:
                zeros, data = self._ahead(run)
                met = min(pages - passed, pages_in(zeros or data))
                run.start = min(run.start + met * PAGE_SIZE, run.end)
                passed += met
        return passed

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        before = self._met
        while self._met == before and self._run is not None:
            if self._run.start >= self._run.end:
                self._run = next(self._runs, None)
            elif self._read(self._run, page):
                return True
        return None if self._met == before else False

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        if self._medium.size is not None:
            self.account.weight = weight

    def _ahead(self, run: Run) -> tuple[int, int]:
        """Bytes of zeros in a hole that is next in *run*, and of data behind one without pages."""
        start, stop = self._medium.data(run.start, run.end)
        hole = start - run.start if start == run.end else _whole(start - run.start)
        if hole and not run.holes:
            return hole, 0
        if hole and run.holes:
            why, reason = run.holes
            self.account.leave(why, pages_in(hole), reason)
            run.start += hole
        return 0, min(run.end - run.start, pages_in(stop - run.start) * PAGE_SIZE)

    def _read(self, run: Run, room: memoryview) -> int:
        """Go on in *run*; return the bytes of pages that came, maybe none."""
        zeros, data = self._ahead(run)
        if zeros:
            zeros = min(zeros, len(room))
            run.start += zeros
            filled = _pad(room, 0, zeros)
            self._met += filled // PAGE_SIZE
            self.account.read += filled // PAGE_SIZE
            return filled
        if not data:
            return 0
        at = run.start
        filled = self._read_data(run, room, min(len(room), data))
        self._met += filled // PAGE_SIZE
        if run.sift is not None and filled:
            filled = run.sift(room[:filled], at)
        if run.doubt and filled:
            self.account.doubt(run.doubt, filled // PAGE_SIZE)
        self.account.read += filled // PAGE_SIZE
        return filled

    def _read_data(self, run: Run, room: memoryview, size: int) -> int:
        filled = 0
        while filled < size:
            try:
                got = self._medium.read_at(room[filled:size], run.start)
            except OSError as error:
                part = filled % PAGE_SIZE
                filled -= part
                run.start -= part
                self._pass_over(run, filled, error)
                return filled
            except TargetError as error:
                filled, lost = _cut(run, room, filled)
                self._give_up(run, filled, lost, Why.DAMAGED, error)
                return filled
            if not got:
                filled, lost = _cut(run, room, filled)
                if lost:
                    self.account.leave_bytes(Why.TRUNCATED, run.start, run.end, lost, run.cut)
                run.start = run.end
                return filled
            filled += got
            run.start += got
        return _pad(room, filled, 0)

    def _pass_over(self, run: Run, filled: int, error: OSError) -> None:
        where = f"cannot read at byte {run.start}"
        if error.errno not in _BAD_PLACE or self._medium.size is None:
            found = TargetError.from_os(self._medium.name, error, where)
            self._give_up(run, filled, run.pages, Why.UNREADABLE, found)
            return
        end = min(run.start + PAGE_SIZE, run.end)
        reason = os.strerror(error.errno)
        self.account.leave_bytes(Why.UNREADABLE, run.start, end, 1, reason)
        self._met += 1
        run.start = end

    def _give_up(self, run: Run, filled: int, lost: int, why: Why, error: TargetError) -> None:
        """Leave the rest of *run*, *lost* pages, and all that was still to come.

        :raises TargetError: the *error*, where nothing was read before.
        """
        if not (filled or self.account.read):
            raise error
        lost += sum(rest.pages for rest in self._runs)
        self.account.leave(why, lost, error.reason, error.hint)
        run.start = run.end

    def __enter__(self) -> RunSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._runs.close()
        self._medium.close()


def _whole(size: int) -> int:
    return size // PAGE_SIZE * PAGE_SIZE


def _pad(room: memoryview, filled: int, zeros: int) -> int:
    """Write *zeros* behind what is *filled*, up to the end of its page; return where that is."""
    end = pages_in(filled + zeros) * PAGE_SIZE
    room[filled:end] = bytes(end - filled)
    return end


def _cut(run: Run, room: memoryview, filled: int) -> tuple[int, int]:
    """Where the last page ends that is there of a run which ends early, and how many are lost."""
    part = filled % PAGE_SIZE
    if run.pads:
        return _pad(room, filled, 0), max(0, run.pages - (part > 0))
    run.start -= part
    return filled - part, run.pages
