# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes watched as they touch their memory: what the kernel's bits say, again and again."""

from __future__ import annotations

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
from ghostswap.errors import TargetError, UsageError
from ghostswap.live.idle import Idle
from ghostswap.live.undo import undoing
from ghostswap.live.ways import Ways, clear
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.captured import Captured, Interval, Runs
from ghostswap.pages.processes.cgroup import members
from ghostswap.pages.processes.memory import GONE, Memory
from ghostswap.pages.processes.pagemap import Run, frames, size_of, written


@dataclass(slots=True)
class _Process:
    """One that is watched.

    :ivar seen: runs of pages that were ever seen in memory, in order, none touching the next.
    :ivar frames: those that were marked idle, once each.
    """

    memory: Memory
    seen: list[Run] = field(default_factory=list)
    frames: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Look:
    seconds: float
    resident: int = 0
    counted: int = 0
    touched: dict[int, list[Run]] = field(default_factory=dict)
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
        self._knows_pages = self._marks or ways.idle.works
        self._stack = ExitStack()
        self._processes: dict[int, _Process] = {}
        self._all: dict[int, list[Run]] = {}
        self._looks: list[_Look] = []
        self._took: list[float] = []
        with self._stack:
            self._idle = self._stack.enter_context(Idle()) if ways.idle.works else None
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
        process = self._processes[pid] = _Process(memory)
        if self._idle is not None:
            runs = [(one.start, one.end) for one in memory.mappings() if not one.never_swapped]
            process.frames = {frame for _, frame in frames(memory.pagemap, runs)}
        self._clear(process)

    def _clear(self, process: _Process) -> None:
        clear(process.memory, self._idle, process.frames)

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
                self._clear(process)
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
            look.counted += min(mapping.referenced, mapping.anonymous)
            if self._knows_pages and mapping.anonymous:
                present, some = written(process.memory.pagemap, mapping.start, mapping.end)
                seen += present
                dirty += some
        if not mappings and process.memory.has_ended:
            raise TargetError(process.memory.name, "has ended", errno=min(GONE))
        if seen:
            process.seen = union(process.seen + seen)
        if dirty:
            look.written[pid] = dirty
        if self._idle is not None:
            places = dict(frames(process.memory.pagemap, seen))
            process.frames = {*places.values()}
            hot = self._idle.touched(process.frames)
            look.touched[pid] = union(
                [(at, at + PAGE_SIZE) for at, frame in places.items() if frame in hot]
            )

    def _captured(self, interval: float) -> Captured:
        seen = self._all | {pid: process.seen for pid, process in self._processes.items()}
        numbers = Numbers(seen)
        return Captured(
            target=self._target,
            by="ghostswap",
            interval_seconds=interval,
            pages=numbers.pages if self._knows_pages else None,
            intervals=tuple(
                Interval(
                    round(look.seconds, 3),
                    look.resident,
                    look.counted if self._idle is None else _pages(look.touched),
                    _pages(look.written) if self._marks else None,
                    numbers.runs(look.written) if self._marks else None,
                    numbers.runs(look.touched) if self._idle is not None else None,
                )
                for look in self._looks
            ),
            look_seconds=sum(self._took),
            longest_look_seconds=max(self._took),
            first_touch_seconds=self._ways.first_touch_seconds,
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
    return sum(map(size_of, runs.values())) // PAGE_SIZE


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
