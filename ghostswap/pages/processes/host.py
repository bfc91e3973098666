# SPDX-License-Identifier: GPL-2.0-or-later
"""Anonymous and shared memory of many processes, each page once: of a whole host, for root.

Nothing is brought in for it: what is in swap is counted where it is. What remains of a visit is
what :mod:`ghostswap.pages.processes.process` says.
"""

from __future__ import annotations

import ctypes
import mmap
import re
import struct
from collections.abc import Callable, Generator, Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple, Protocol

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes import pagemap
from ghostswap.pages.processes.frames import Frames
from ghostswap.pages.processes.memory import Memory, statm
from ghostswap.pages.processes.pagemap import Run
from ghostswap.pages.processes.process import others, pass_over
from ghostswap.pages.processes.shmem import SharedFiles
from ghostswap.pages.source import Account, Why

ONCE = "anonymous and shared memory, each page once"

#: Spans with less than this between them become one.
_GAP = 1 << 25
_MAPPING = re.compile(r"^(\w+)-(\w+) ...(.) \S+ \S+ \d+ *(.*)$", re.MULTILINE)
#: What is mapped privately and is no memory, or the kernel's.
_NO_MEMORY = re.compile(r"\[v|/dev/(?!shm/|zero)|/sys/|/proc/|(?!/|\[|$)")


class Totals(NamedTuple):
    """What the kernel counts of the same memory, in pages; ``None`` where it does not.

    :ivar zswapped: in zswap.
    :ivar shmem: shared memory and files in tmpfs, in memory.
    """

    zswapped: int | None
    shmem: int | None


class _Reader(Protocol):
    def read(self, runs: list[Run], view: memoryview, account: Account) -> int: ...


class OnceSource:
    """The pages of *pids* that are in memory when their turn comes, and of what they share.

    :param pids: ghostswap's own are not among them: they grow while they look.
    :param totals: asked for when all was counted.
    :raises TargetError: where frames are not to be seen.
    """

    def __init__(self, name: str, pids: Iterable[int], totals: Callable[[], Totals]) -> None:
        _see_frames(name)
        self.name = name
        self.account = Account(ONCE)
        self._files = SharedFiles()
        self._due: dict[int, int] = {}  # pid -> pages
        self._survey(pids, totals)
        self.pages += sum(self._due.values())
        self._turns = self._take_turns()
        self._skipped = 0
        self._turn: tuple[_Reader, list[Run]] | None = None  # the next run last

    def _survey(self, pids: Iterable[int], totals: Callable[[], Totals]) -> None:
        anonymous = {}
        for pid in pids:
            try:
                size, pages = statm(f"/proc/{pid}/statm")
            except OSError:  # ended, or hidden by the mount option hidepid
                continue
            if size:
                anonymous[pid] = pages
        frames = Frames()
        for pid, memory, maps, spans in self._visit(anonymous, self.account):
            self._due[pid] = frames.count(memory.pagemap, spans)
            self._files.add(pid, maps)
        self._count_shared(frames, totals())

    def _visit(
        self, pages: Mapping[int, int], never: Account
    ) -> Generator[tuple[int, Memory, str, list[Run]]]:
        """Open one after the other; give its number, maps, and where it may have pages for swap.

        :param pages: of each, should it be gone.
        :param never: where to count what is never swapped.
        """
        for pid, due in pages.items():
            try:
                memory = Memory(pid)
            except TargetError as error:
                pass_over(self.account, due, error)
                continue
            with memory:
                try:
                    maps = memory.text("maps")
                    spans = _spans(memory, maps, never)
                except TargetError as error:
                    pass_over(self.account, due, error)
                    continue
                yield pid, memory, maps, spans

    def _count_shared(self, frames: Frames, totals: Totals) -> None:
        leave = self.account.leave
        in_memory = in_swap = 0
        for file in self._files.open(self.account):
            in_memory += file.count()
            if (swapped := file.swapped()) is None:
                leave(Why.SWAPPED, 0, "in swap, unless it is none", what="shared file")
            else:
                in_swap += swapped
        self.pages = in_memory
        if frames.again:
            leave(Why.SHARED, frames.again, "mapped once more, by fork(2) or KSM")
        if totals.shmem is not None and totals.shmem > in_memory:
            unmapped = totals.shmem - in_memory
            cure = "name files in tmpfs as sources of their own"
            leave(Why.UNMAPPED, unmapped, "shared memory and files in tmpfs, not mapped here", cure)
        swapped = frames.swapped + in_swap
        zswapped = min(totals.zswapped or 0, swapped)
        if zswapped:
            leave(Why.ZSWAPPED, zswapped, "in zswap, where they stay")
        if swapped > zswapped:
            unknown = "" if totals.zswapped is not None else "; those in zswap are not told apart"
            leave(Why.SWAPPED, swapped - zswapped, pagemap.IN_SWAP + unknown)

    def _take_turns(self) -> Generator[tuple[_Reader, list[Run]]]:
        frames = Frames()
        counted = Account(ONCE)
        wanted = {pid: pages for pid, pages in self._due.items() if pages}
        for pid, memory, _, spans in self._visit(wanted, counted):
            before = self.account.read + self._skipped
            for runs in frames.runs(memory.pagemap, spans):
                yield memory, runs[::-1]
            lost = wanted[pid] - (self.account.read + self._skipped - before)
            if lost > 0 and memory.has_ended:
                self.account.leave(Why.ENDED, lost, "ended while it was read", what="process")
        for file in self._files.open(counted):
            for runs in file.runs():
                yield file, runs[::-1]

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0
        while filled < len(buffer) and (reader := self._reader()):
            got = self._read(*reader, buffer[filled:])
            filled += got
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says."""
        passed = 0
        while passed < pages and (reader := self._reader()):
            passed += pagemap.drop(reader[1], (pages - passed) * PAGE_SIZE) // PAGE_SIZE
        self._skipped += passed
        return passed

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        reader = self._reader()
        return None if reader is None else bool(self._read(*reader, page[:PAGE_SIZE]))

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        self.account.weight = weight

    def _reader(self) -> tuple[_Reader, list[Run]] | None:
        """Who reads what comes next, and where that is; ``None`` at the end."""
        while self._turn is None or not self._turn[1]:
            self._turn = next(self._turns, None)
            if self._turn is None:
                return None
        return self._turn

    def _read(self, reader: _Reader, rest: list[Run], room: memoryview) -> int:
        runs = pagemap.take(rest, len(room))
        size = pagemap.size_of(runs)
        got = reader.read(runs, room[:size], self.account)
        self.account.read += got // PAGE_SIZE
        return got

    def __enter__(self) -> OnceSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._turns.close()


class HostSource(OnceSource):
    """The pages of all processes but ghostswap's own.

    :raises TargetError: for anybody but root.
    """

    def __init__(self) -> None:
        super().__init__("host", others(), _meminfo)


def _meminfo() -> Totals:
    with open("/proc/meminfo") as file:
        fields = dict(line.partition(":")[::2] for line in file)

    def pages(name: str) -> int | None:
        value = fields.get(name)
        return int(value.split()[0]) * 1024 // PAGE_SIZE if value else None

    return Totals(pages("Zswapped") or 0, pages("Shmem"))


def _see_frames(name: str) -> None:
    """See that pagemap tells frames; to others than root it shows them as 0.

    :raises TargetError: where it does not.
    """
    with mmap.mmap(-1, PAGE_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory[0] = 1
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        try:
            with open("/proc/self/pagemap", "rb", buffering=0) as entries:
                entries.seek(address // PAGE_SIZE * 8)
                (entry,) = struct.unpack("=Q", entries.read(8))
        except OSError:
            entry = 0
    if not entry & pagemap.NUMBER:
        raise TargetError(
            name,
            "only root (CAP_SYS_ADMIN) sees in pagemap which pages are the same",
            "be root, or name mine or pid:N, where pages that processes share count for each",
        )


def _spans(memory: Memory, maps: str, account: Account) -> list[Run]:
    """Where anonymous memory may be that may be swapped; what may not be is counted.

    :raises TargetError: where the process has ended.
    """
    never = dict[int, int]()
    status = memory.text("status")
    if re.search(r"^(VmLck|HugetlbPages):\s+[1-9]", status, re.MULTILINE):
        for mapping in memory.mappings():
            if reason := mapping.never_swapped:
                never[mapping.start] = mapping.end
                if held := mapping.anonymous + mapping.hugetlb:
                    account.leave(reason[0], held, reason[1], what="mapping")
    spans: list[Run] = []
    may_join = False
    for first, last, sharing, path in _MAPPING.findall(maps):
        start, end = int(first, 16), int(last, 16)
        if sharing != "p" or start in never or _NO_MEMORY.match(path):
            may_join = False  # what a device has there looks like anonymous memory
            continue
        if may_join and start - spans[-1][1] < _GAP:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
        may_join = True
    return spans
