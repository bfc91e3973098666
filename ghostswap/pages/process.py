# SPDX-License-Identifier: GPL-2.0-or-later
"""Anonymous pages of live processes, read without disturbing them.

Only pages that are in memory are read: others would come into being, or be swapped in. What
remains of a visit is that the kernel marks pages as accessed, as every reader of /proc/PID/mem
makes it do, and that a page which is swapped out between look and read comes back. Pages that
fork shares are read once in each process: telling them apart would need a look at every entry.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import pagemap
from ghostswap.pages.source import Skipped

_REFUSALS = frozenset({errno.EACCES, errno.EPERM})

#: VmFlags in /proc/PID/smaps (Documentation/filesystems/proc.rst) of memory that never goes to
#: swap, and that for ``io`` and ``pf`` is no memory at all: reading it would act on a device.
_NEVER_SWAPPED = {
    "io": "device memory",
    "pf": "device memory",
    "ht": "huge pages of hugetlbfs, which are never swapped",
    "lo": "locked by mlock(2), which keeps it out of swap",
}

#: An address that no process has, so that reading there touches nothing.
_NOWHERE = 1 << 62


class Tally:
    """What was not read, added up by reason: a thousand processes make one line."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str], tuple[int, int]] = {}

    def add(self, what: str, pages: int, reason: str, cure: str = "") -> None:
        """Add one *what* (``process``, ``mapping``, ``page``) of so many *pages*."""
        count, total = self._sums.get((what, reason, cure), (0, 0))
        self._sums[what, reason, cure] = count + 1, total + pages

    def __iter__(self) -> Iterator[Skipped]:
        for (what, reason, cure), (count, pages) in self._sums.items():
            plural = "" if count == 1 else "es" if what.endswith("s") else "s"
            yield Skipped(f"{count} {what}{plural}", pages, reason, cure)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A private writable mapping: one entry of /proc/PID/smaps.

    :ivar anonymous: pages in memory that belong to the process and not to a file.
    :ivar hugetlb: what it holds of huge pages, counted in pages of 4 KiB.
    :ivar swap: pages in swap.
    :ivar flags: VmFlags, two letters each.
    """

    start: int
    end: int
    anonymous: int
    hugetlb: int
    swap: int
    flags: frozenset[str]

    @property
    def never_swapped(self) -> str:
        """Why its pages never go to swap, ``""`` if they do."""
        return next((why for flag, why in _NEVER_SWAPPED.items() if flag in self.flags), "")


_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (....) ")


def parse_smaps(lines: Iterable[str]) -> Iterator[Mapping]:
    """Find the private writable mappings in the text of /proc/PID/smaps."""
    fields: dict[str, str] = {}
    head: re.Match[str] | None = None

    def pages(field: str) -> int:
        return int(fields[field].removesuffix(" kB")) * 1024 // PAGE_SIZE

    for line in lines:
        if new := _HEAD.match(line):
            head = new
            continue
        name, _, value = line.partition(":")
        fields[name] = value.strip()
        if name == "VmFlags" and head and head[3][1::2] == "wp":  # the last field of each mapping
            yield Mapping(
                int(head[1], 16),
                int(head[2], 16),
                pages("Anonymous"),
                pages("Private_Hugetlb"),
                pages("Swap"),
                frozenset(value.split()),
            )


def _statm(path: str, dir_fd: int | None = None) -> tuple[int, int]:
    """Read /proc/PID/statm, as everybody may.

    :return: pages of address space, 0 for kernel threads and zombies; anonymous pages in memory.
    """
    with open(os.open(path, os.O_RDONLY, dir_fd=dir_fd)) as statm:
        size, resident, shared, *_ = map(int, statm.read().split())
    return size, resident - shared


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Turn what the kernel says on opening a process into a TargetError."""
    try:
        yield
    except FileNotFoundError as error:
        raise TargetError(name, "no such process", errno=error.errno) from error
    except ProcessLookupError as error:
        raise TargetError(
            name,
            "has no memory of its own (a kernel thread, or a process that has ended)",
            errno=error.errno,
        ) from error
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise TargetError.from_os(name, error) from error
        raise TargetError(
            name,
            "this user may not read its memory",
            "run as the user it belongs to, or as root (CAP_SYS_PTRACE), "
            "which a /proc/sys/kernel/yama/ptrace_scope other than 0 demands",
            error.errno,
        ) from error


class ProcessSource:
    """The pages of a process that could be swapped and are in memory when their turn comes.

    :param skipped: where to count what is not read.
    :raises TargetError: where there is no such process, or the rules of ptrace(2) refuse it.
    """

    def __init__(self, pid: int, skipped: Tally | None = None) -> None:
        self.name = f"pid:{pid}"
        self.skipped = Tally() if skipped is None else skipped
        self.pages = 0
        self.swapped_pages = 0
        self._ranges: list[tuple[int, int]] = []  # where to look for pages, the next one last
        with _in_words(self.name), ExitStack() as stack:

            def open_fd(path: str, flags: int, dir_fd: int | None = None) -> int:
                fd = os.open(path, flags, dir_fd=dir_fd)
                stack.callback(os.close, fd)
                return fd

            # All through one directory, and so of one process even if its pid is used again.
            proc = open_fd(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY)
            if not _statm("statm", proc)[0]:
                raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
            self._mem = open_fd("mem", os.O_RDONLY, proc)
            self._pagemap = open_fd("pagemap", os.O_RDONLY, proc)
            self._walk = pagemap.best_walk(self._pagemap)
            smaps = os.open("smaps", os.O_RDONLY, dir_fd=proc)
            with open(smaps, errors="replace", newline="\n") as lines:
                mappings = list(parse_smaps(lines))
            self._close = stack.pop_all().close
        for mapping in reversed(mappings):
            if mapping.never_swapped:
                held = mapping.anonymous + mapping.hugetlb
                self.skipped.add("mapping", held, mapping.never_swapped)
                continue
            self.swapped_pages += mapping.swap
            if mapping.anonymous:  # or else the walk through terabytes of reserve is for nothing
                self.pages += mapping.anonymous
                self._ranges.append((mapping.start, mapping.end))
        self._pages_due = self.pages

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says.

        Only as many pages as fit are looked for, so that look and read are close together.
        """
        filled = 0
        while filled < len(buffer) and self._ranges:
            start, end = self._ranges.pop()
            room = (len(buffer) - filled) // PAGE_SIZE
            runs, walk_end = self._walk(self._pagemap, start, end, room)
            if walk_end < end:
                self._ranges.append((walk_end, end))
            for first, last in runs:
                filled += self._read(first, buffer[filled : filled + last - first])
        self._pages_due -= filled // PAGE_SIZE
        if not filled:
            self._miss_the_dead()
        return filled

    def _read(self, address: int, view: memoryview) -> int:
        """Read the pages from *address* on that are still there; return their bytes."""
        filled = passed = 0
        while filled + passed < len(view):
            at = address + filled + passed
            try:
                got = os.preadv(self._mem, [view[filled : len(view) - passed]], at)
            except OSError:
                self.skipped.add("page", 1, "unmapped, or found broken, before it was read")
                passed += PAGE_SIZE
                continue
            if not got:  # the process has ended
                break
            filled += got
        return filled

    def _miss_the_dead(self) -> None:
        """Count what a process took with it that ended early: its memory reads as empty."""
        try:
            os.pread(self._mem, 1, _NOWHERE)
        except OSError:  # EIO: it lives, and what is missing it has freed itself
            return
        if self._pages_due > 0:
            self.skipped.add("process", self._pages_due, "ended while it was read")
            self._pages_due = 0

    def __enter__(self) -> ProcessSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()


def _parent(pid: int) -> int:
    """Tell the parent of process *pid*, 0 where it has none or is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _others() -> list[int]:
    """List all processes but this one and its descendants: they grow while they look."""
    parents = {int(name): _parent(int(name)) for name in os.listdir("/proc") if name.isdecimal()}
    ours = {os.getpid()}
    while children := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= children
    return [pid for pid in parents if pid not in ours]


class MineSource:
    """The pages of all processes that may be read, one process after the other.

    ghostswap itself and its children are left out. Processes of other users and those that end
    before their turn are counted in :attr:`skipped`.

    :ivar pages: the anonymous pages in memory by /proc/PID/statm: an estimate.
    """

    def __init__(self) -> None:
        self.name = "mine"
        self.skipped = Tally()
        self.swapped_pages = 0
        self._anonymous: dict[int, int] = {}  # pid -> pages
        for pid in _others():
            try:
                size, anonymous = _statm(f"/proc/{pid}/statm")
            except OSError:  # ended, or hidden by the mount option hidepid
                continue
            if not size:
                continue
            try:
                with _in_words(f"pid:{pid}"):
                    os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
            except TargetError as error:
                self._pass_over(anonymous, error)
            else:
                self._anonymous[pid] = anonymous
        self.pages = sum(self._anonymous.values())
        self._turns = self._take_turns()
        self._process = next(self._turns, None)

    def _take_turns(self) -> Generator[ProcessSource, None, None]:
        for pid, anonymous in self._anonymous.items():
            try:
                process = ProcessSource(pid, self.skipped)
            except TargetError as error:
                self._pass_over(anonymous, error)
                continue
            with process:
                self.swapped_pages += process.swapped_pages
                yield process

    def _pass_over(self, pages: int, error: TargetError) -> None:
        if error.errno in (errno.ENOENT, errno.ESRCH):
            self.skipped.add("process", pages, "ended before it was read")
        else:
            self.skipped.add("process", pages, error.reason, error.hint)

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0
        while filled < len(buffer) and self._process:
            got = self._process.readinto(buffer[filled:])
            filled += got
            if not got:
                self._process = next(self._turns, None)
        return filled

    def __enter__(self) -> MineSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._turns.close()
