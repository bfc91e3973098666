# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes watched as they touch their memory: what the kernel's bits of it say, again and again.

Documentation/filesystems/proc.rst and admin-guide/mm/soft-dirty.rst: 1 written to clear_refs clears
the accessed bits of all pages, which smaps counts as Referenced; 4 clears the soft-dirty bits.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import accumulate

from ghostswap.area.make import newfile
from ghostswap.area.make.overwrite import Patch
from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.live.undo import undoing
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.captured import Captured, Interval, Runs, Way
from ghostswap.pages.processes.cgroup import members
from ghostswap.pages.processes.memory import GONE, Memory
from ghostswap.pages.processes.pagemap import Run, written

_ACCESSED, _SOFT_DIRTY = "1", "4"  # written to clear_refs
_IDLE = "/sys/kernel/mm/page_idle/bitmap"
_LRU_GEN = "/sys/kernel/debug/lru_gen"
#: More than any TLB has, of which x86 clears no entry when it clears accessed bits.
_PROBED = 4096


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways, tried."""

    accessed: Way
    soft_dirty: Way
    others: tuple[Way, ...]

    @property
    def all(self) -> tuple[Way, ...]:
        return (self.accessed, self.soft_dirty, *self.others)


def probe() -> Ways:
    """Try what this kernel has, on pages of this process.

    :raises GhostswapError: where it cannot even count the pages that are touched.
    """
    pages = mmap.mmap(-1, _PROBED * PAGE_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages.madvise(mmap.MADV_NOHUGEPAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    everything = range(0, len(pages), PAGE_SIZE)
    with Memory(os.getpid()) as own:

        def referenced() -> int:
            return sum(one.referenced for one in own.mappings() if one.start <= address < one.end)

        def touch(which: range) -> None:
            for at in which:
                pages[at] = 1

        def dirty() -> list[Run]:
            return written(own.pagemap, address, address + len(pages))[1]

        touch(everything)
        try:
            own.tell("clear_refs", _ACCESSED)
            before = referenced()
            touch(everything)
            counts = referenced() - before >= _PROBED // 2
            own.tell("clear_refs", _SOFT_DIRTY)
            clean = not dirty()
            touch(everything[1::2])
            marks = clean and len(dirty()) == _PROBED // 2
        except TargetError as error:
            raise GhostswapError(
                "this kernel does not let touches be seen", "it needs CONFIG_PROC_PAGE_MONITOR"
            ) from error
    if not counts:
        raise GhostswapError(
            "this kernel takes the clearing of accessed bits, but then counts no touches",
            "capture on another kernel",
        )
    dirty_words = "which pages were written"
    if not marks:
        dirty_words = "accepted, but marks nothing: built without CONFIG_MEM_SOFT_DIRTY"
    return Ways(
        Way("accessed bits", True, "how many pages of each mapping were read or written"),
        Way("soft-dirty", marks, dirty_words),
        (
            _unused("idle pages", _IDLE, "built without CONFIG_IDLE_PAGE_TRACKING"),
            _unused("MGLRU's ages", _LRU_GEN, "not built in, or no debugfs for this user"),
        ),
    )


def _unused(name: str, path: str, otherwise: str) -> Way:
    return Way(name, False, "is there, and not used" if os.path.exists(path) else otherwise)


@dataclass(slots=True)
class _Process:
    """One that is watched.

    :ivar seen: runs of pages that were ever seen in memory, in order, none touching the next.
    """

    memory: Memory
    seen: list[Run] = field(default_factory=list)


@dataclass(slots=True)
class _Look:
    seconds: float
    resident: int = 0
    touched: int = 0
    written: dict[int, list[Run]] = field(default_factory=dict)


class Watch:
    """The processes of *target*: their bits are cleared, from now on after each look.

    :param target: ``pid:N`` or ``cgroup:NAME``; processes that come into it later are watched from
        then on.
    :ivar refused: processes of it that this user may not look at.
    :ivar ended: how many of those that were watched have ended.
    :raises UsageError: where *target* is neither.
    :raises TargetError: where there is no such process, or the rules of ptrace(2) refuse it.
    """

    def __init__(self, target: str, ways: Ways) -> None:
        self.refused: set[int] = set()
        self.ended = 0
        self._target = target
        self._ways = ways
        self._marks = ways.soft_dirty.works
        self._stack = ExitStack()
        self._processes: dict[int, _Process] = {}
        self._all: dict[int, list[Run]] = {}
        self._looks: list[_Look] = []
        self._took: list[float] = []
        with self._stack:
            self._list = self._lister()
            self._find()
            if not self._processes:
                raise TargetError(
                    target, "has no processes that this user may look at", "run as root"
                )
            self._stack = self._stack.pop_all()

    def _lister(self) -> Callable[[], set[int]]:
        if re.fullmatch("pid:[0-9]{1,10}", self._target):
            pid = int(self._target.removeprefix("pid:"))
            self._add(pid)
            return lambda: {pid}
        if self._target.startswith("cgroup:"):
            return members(self._target)
        raise UsageError(
            f"cannot watch {self._target!r}", "write pid:1234, cgroup:NAME, or a capture's file"
        )

    def _find(self) -> None:
        """Add processes that have come, and clear the bits of them."""
        for pid in self._list() - self._processes.keys() - self.refused:
            try:
                self._add(pid)
            except TargetError as error:
                if error.errno not in GONE:
                    self.refused.add(pid)

    def _add(self, pid: int) -> None:
        memory = Memory(pid)
        self._stack.callback(memory.close)
        self._clear(memory)
        self._processes[pid] = _Process(memory)

    def _clear(self, memory: Memory) -> None:
        memory.tell("clear_refs", _ACCESSED)
        if self._marks:
            memory.tell("clear_refs", _SOFT_DIRTY)

    def run(
        self, interval: float, duration: float, advance: Callable[[int], object] = int
    ) -> tuple[Captured, str]:
        """Watch for *duration* seconds, and look after each *interval*.

        :param advance: called with 1 after each look.
        :return: what was seen, and why it ended before its time: ``interrupted``, ``ended``, or
            ``""`` where it did not. The interval that was not over is not in it.
        :raises TargetError: where they ended in the first interval.
        :raises KeyboardInterrupt: where it was interrupted then.
        """
        why = ""
        start = time.monotonic()
        looks = max(round(duration / interval), 1)
        try:
            with undoing():
                for number in range(1, looks + 1):
                    time.sleep(max(start + number * interval - time.monotonic(), 0))
                    if not self._look(start):
                        why = "ended"
                        break
                    advance(1)
                    if time.monotonic() - start >= duration:
                        break  # looking may take longer than an interval
        except KeyboardInterrupt:
            if not self._looks:
                raise
            why = "interrupted"
        if not self._looks:
            raise TargetError(
                self._target,
                "ended before the first interval was over",
                "give a shorter --interval",
            )
        return self._captured(interval), why

    def _look(self, start: float) -> bool:
        """Look once at all; false where none is left."""
        began = time.monotonic()
        look = _Look(began - start)
        for pid, process in list(self._processes.items()):
            try:
                self._look_at(pid, process, look)
                self._clear(process.memory)
            except TargetError as error:
                if error.errno not in GONE:
                    raise
                self._leave(pid)
        if not self._processes:
            return False
        self._find()
        self._looks.append(look)
        self._took.append(time.monotonic() - began)
        return True

    def _leave(self, pid: int) -> None:
        """Forget a process that has ended, but for its pages."""
        process = self._processes.pop(pid)
        process.memory.close()
        self._all[pid] = union(self._all.get(pid, []) + process.seen)
        self.ended += 1

    def _look_at(self, pid: int, process: _Process, look: _Look) -> None:
        seen: list[Run] = []
        dirty: list[Run] = []
        mappings = [one for one in process.memory.mappings() if not one.never_swapped]
        for mapping in mappings:
            look.resident += mapping.anonymous
            # Of what a file has in it, those that are touched may be the file's.
            look.touched += min(mapping.referenced, mapping.anonymous)
            if self._marks and mapping.anonymous:
                present, some = written(process.memory.pagemap, mapping.start, mapping.end)
                seen += present
                dirty += some
        if not mappings and process.memory.has_ended:
            raise TargetError(process.memory.name, "has ended", errno=min(GONE))
        if seen:
            process.seen = union(process.seen + seen)
        if dirty:
            look.written[pid] = dirty

    def _captured(self, interval: float) -> Captured:
        seen = self._all | {pid: process.seen for pid, process in self._processes.items()}
        numbers = Numbers(seen)
        return Captured(
            target=self._target,
            by="ghostswap",
            interval_seconds=interval,
            pages=numbers.pages if self._marks else None,
            intervals=tuple(
                Interval(
                    round(look.seconds, 3),
                    look.resident,
                    look.touched,
                    _pages(look.written) if self._marks else None,
                    numbers.runs(look.written) if self._marks else None,
                )
                for look in self._looks
            ),
            look_seconds=sum(self._took),
            longest_look_seconds=max(self._took),
            ways=self._ways.all,
        )

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()


@contextmanager
def save(path: str) -> Iterator[Callable[[bytes], None]]:
    """Give what writes the new file *path*, once, whole or not at all.

    :raises TargetError: where there is such a file, or none can be made; before any work is done.
    """
    if os.path.lexists(path):
        raise TargetError(path, "exists", "remove it, or name another file")
    with newfile.open_directory(path) as directory:
        if not os.access(os.path.dirname(path) or ".", os.W_OK):
            raise TargetError(path, "cannot create: this user may not write to its directory")
        yield lambda data: newfile.create(directory, path, Patch(0, data), what="the capture")


def union(runs: list[Run]) -> list[Run]:
    """The same addresses, in order, as few runs as can be."""
    found: list[Run] = []
    for start, end in sorted(runs):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _pages(runs: dict[int, list[Run]]) -> int:
    return sum(end - start for some in runs.values() for start, end in some) // PAGE_SIZE


class Numbers:
    """Numbers for all pages of some processes, by process and address, from 0.

    :param seen: of each process, runs of its pages as :func:`union` gives them.
    :ivar pages: that are numbered.
    """

    def __init__(self, seen: dict[int, list[Run]]) -> None:
        runs = [(pid, start, end) for pid in sorted(seen) for start, end in seen[pid]]
        self._starts = [(pid, start) for pid, start, _ in runs]
        sizes = [(end - start) // PAGE_SIZE for _, start, end in runs]
        self._firsts = [0, *accumulate(sizes)]
        self.pages = self._firsts[-1]

    def runs(self, written: dict[int, list[Run]]) -> Runs:
        """The numbers of pages that were all seen."""
        found = []
        for pid in sorted(written):
            for start, end in union(written[pid]):
                at = bisect_right(self._starts, (pid, start)) - 1
                first = self._firsts[at] + (start - self._starts[at][1]) // PAGE_SIZE
                found.append((first, (end - start) // PAGE_SIZE))
        return tuple(found)
