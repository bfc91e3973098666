# SPDX-License-Identifier: GPL-2.0-or-later
"""Anonymous pages of live processes, read without disturbing them.

Only pages that are in memory are read: others would come into being, or be swapped in. What
remains of a visit is that the kernel marks pages as accessed, as every reader of /proc/PID/mem
makes it do, and that a page which is swapped out between look and read comes back. Pages that
fork shares are read once in each process: to tell them apart takes root (:mod:`.host`).
"""

from __future__ import annotations

import os
from collections.abc import Generator
from fractions import Fraction

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes import pagemap
from ghostswap.pages.processes.memory import GONE, Memory, in_words, statm
from ghostswap.pages.source import Account, Why

#: Pages that are looked for at once where most of them are passed over.
_LOOK = 1 << 13

PRIVATE = "anonymous memory, of each process that has it"


class ProcessSource:
    """The pages of a process that could be swapped and are in memory when their turn comes.

    :param account: where to count what is not read.
    :raises TargetError: where there is no such process, or the rules of ptrace(2) refuse it.
    """

    def __init__(self, pid: int, account: Account | None = None) -> None:
        self.account = Account(PRIVATE) if account is None else account
        self.pages = 0
        self._memory = Memory(pid)
        self.name = self._memory.name
        self._ranges: list[pagemap.Run] = []  # where to look for pages, the next one last
        self._found: list[pagemap.Run] = []  # pages that were found there, the next ones last
        try:
            self._walk = pagemap.best_walk(self._memory.pagemap)
            self._survey()
        except BaseException:
            self._memory.close()
            raise
        self._pages_due = self.pages

    def _survey(self) -> None:
        for mapping in reversed(self._memory.mappings()):
            if reason := mapping.never_swapped:
                if held := mapping.anonymous + mapping.hugetlb:
                    self.account.leave(reason[0], held, reason[1], what="mapping")
                continue
            if mapping.swap:
                self.account.leave(Why.SWAPPED, mapping.swap, pagemap.IN_SWAP)
            if mapping.anonymous:  # or else the walk through terabytes of reserve is for nothing
                self.pages += mapping.anonymous
                self._ranges.append((mapping.start, mapping.end))

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says.

        Only as many pages as fit are looked for, so that look and read are close together.
        """
        filled = 0
        while filled < len(buffer):
            room = (len(buffer) - filled) // PAGE_SIZE
            if not (runs := self._take(room, room)):
                break
            size = sum(last - first for first, last in runs)
            filled += self._memory.read(runs, buffer[filled : filled + size], self.account)
        self._pages_due -= filled // PAGE_SIZE
        self.account.read += filled // PAGE_SIZE
        if not filled:
            self._miss_the_dead()
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says."""
        passed = 0
        while passed < pages and (runs := self._take(pages - passed, _LOOK)):
            passed += sum(last - first for first, last in runs) // PAGE_SIZE
        self._pages_due -= passed
        return passed

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        runs = self._take(1, _LOOK)
        if not runs:
            self._miss_the_dead()
            return None
        self._pages_due -= 1
        came = bool(self._memory.read(runs, page[:PAGE_SIZE], self.account))
        self.account.read += came
        return came

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        self.account.weight = weight

    def _take(self, pages: int, look: int) -> list[pagemap.Run]:
        """So many pages of those that come next, or fewer; *look* for so many at once."""
        while not self._found and self._ranges:
            start, end = self._ranges.pop()
            runs, walk_end = self._walk(self._memory.pagemap, start, end, look)
            if walk_end < end:
                self._ranges.append((walk_end, end))
            self._found = runs[::-1]
        return pagemap.take(self._found, pages * PAGE_SIZE)

    def _miss_the_dead(self) -> None:
        """Count what a process took with it that ended early."""
        due = self._pages_due
        if due > 0 and self._memory.has_ended:
            self.account.leave(Why.ENDED, due, "ended while it was read", what="process")
            self._pages_due = 0

    def __enter__(self) -> ProcessSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._memory.close()


def _parent(pid: int) -> int:
    """Tell the parent of process *pid*, 0 where it has none or is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def others() -> list[int]:
    """List all processes but this one and its descendants: they grow while they look."""
    parents = {int(name): _parent(int(name)) for name in os.listdir("/proc") if name.isdecimal()}
    ours = {os.getpid()}
    while children := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= children
    return [pid for pid in parents if pid not in ours]


def pass_over(account: Account, pages: int, error: TargetError) -> None:
    """Count a process that cannot be read."""
    if error.errno in GONE:
        account.leave(Why.ENDED, pages, "ended before it was read", what="process")
    else:
        account.leave(Why.REFUSED, pages, error.reason, error.hint, what="process")


class MineSource:
    """The pages of all processes that may be read, one process after the other.

    ghostswap itself and its children are left out. Processes of other users and those that end
    before their turn are counted in :attr:`account`.

    :ivar pages: the anonymous pages in memory by /proc/PID/statm: an estimate.
    """

    def __init__(self) -> None:
        self.name = "mine"
        self.account = Account(PRIVATE)
        self._anonymous: dict[int, int] = {}  # pid -> pages
        for pid in others():
            try:
                size, anonymous = statm(f"/proc/{pid}/statm")
            except OSError:  # ended, or hidden by the mount option hidepid
                continue
            if not size:
                continue
            try:
                with in_words(f"pid:{pid}"):
                    os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
            except TargetError as error:
                pass_over(self.account, anonymous, error)
            else:
                self._anonymous[pid] = anonymous
        self.pages = sum(self._anonymous.values())
        self._turns = self._take_turns()
        self._process = next(self._turns, None)

    def _take_turns(self) -> Generator[ProcessSource]:
        for pid, anonymous in self._anonymous.items():
            try:
                process = ProcessSource(pid, self.account)
            except TargetError as error:
                pass_over(self.account, anonymous, error)
                continue
            with process:
                yield process

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0
        while filled < len(buffer) and self._process:
            got = self._process.readinto(buffer[filled:])
            filled += got
            if not got:
                self._process = next(self._turns, None)
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says."""
        passed = 0
        while passed < pages and self._process:
            passed += self._process.skip(pages - passed)
            if passed < pages:
                self._process = next(self._turns, None)
        return passed

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        came = None
        while self._process and (came := self._process.read_one(page)) is None:
            self._process = next(self._turns, None)
        return came

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        self.account.weight = weight

    def __enter__(self) -> MineSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._turns.close()
