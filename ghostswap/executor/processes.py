# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes beside this one: each has one task at a time, so that who ends with one is known."""

from __future__ import annotations

import os
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from ghostswap.executor.engine import ALLOWED_FAILURES, Failure, K, Lost, R, T, attempt, in_order
from ghostswap.workers import deaf, die_with

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


@dataclass(slots=True)
class _Task(Generic[K, T]):
    """An item to work on, and how many workers ended with it."""

    key: K
    item: T
    ended: int = 0


class Processes:
    """So many processes, which have this one's memory as it was when they started.

    Only items and results travel, and have to be picklable; functions need not be. Ctrl-C is this
    process's alone to handle, and where nobody wants the rest, those at work are killed.

    :param deadline: seconds after which a task is given up, and its process killed.
    """

    shares_files = True

    def __init__(self, jobs: int, deadline: float | None = None) -> None:
        self._jobs = jobs
        self._deadline = deadline

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing: the processes end with :meth:`map`."""

    def map(
        self, function: Callable[[T], R], items: Iterable[tuple[K, T]]
    ) -> Iterator[tuple[K, R | Failure]]:
        """As :meth:`ghostswap.executor.engine.Engine.map`."""
        source = iter(items)
        again: deque[_Task[K, T]] = deque()
        workers: list[_Worker[K, T, R]] = []
        try:
            while True:
                for worker in workers:
                    if worker.task is None and (task := _next(again, source)) is not None:
                        worker.give(task)
                while len(workers) < self._jobs and (task := _next(again, source)) is not None:
                    workers.append(_Worker(function))
                    workers[-1].give(task)
                busy = [worker for worker in workers if worker.task is not None]
                if not busy:
                    return
                for worker in _ready(busy, self._deadline):
                    task, found = worker.take(self._deadline)
                    if worker.has_ended:
                        workers.remove(worker)
                    if found is None:
                        again.append(task)
                    else:
                        yield task.key, found[0]
        finally:
            for worker in workers:
                worker.kill()


def _next(again: deque[_Task[K, T]], source: Iterator[tuple[K, T]]) -> _Task[K, T] | None:
    """Who lost a worker comes first."""
    if again:
        return again.popleft()
    item = next(source, None)
    return None if item is None else _Task(*item)


class _Worker(Generic[K, T, R]):
    """A process that calls *function* on what it is given.

    :ivar task: what it has.
    :ivar has_ended: whether it is no more.
    """

    def __init__(self, function: Callable[[T], R]) -> None:
        self.task: _Task[K, T] | None = None
        self.has_ended = False
        self.since = 0.0
        # Loaded here, for most commands need no processes beside them.
        from multiprocessing import get_context

        context = get_context("fork")
        self.connection, theirs = context.Pipe()
        with theirs, deaf():
            self._process = context.Process(
                target=_work, args=(os.getpid(), function, theirs), daemon=True
            )
            self._process.start()
        self.sentinel = self._process.sentinel

    def give(self, task: _Task[K, T]) -> None:
        """Have it work on *task*."""
        self.task, self.since = task, time.monotonic()
        with suppress(OSError):  # it has ended, which is found out by who waits for it
            self.connection.send(task.item)

    def take(self, deadline: float | None) -> tuple[_Task[K, T], tuple[R | Failure] | None]:
        """Its task, and what that came to; ``None`` where another worker is to try.

        :raises Exception: that the function raised.
        """
        task, self.task = self.task, None
        assert task is not None
        try:
            if self.connection.poll():
                is_fault, found = self.connection.recv()
                if is_fault:
                    raise found
                return task, (found,)
        except (EOFError, ConnectionError):
            pass
        is_late = deadline is not None and time.monotonic() - self.since >= deadline
        how = self.kill()
        if is_late:
            return task, (Failure(Lost(f"was not done in {deadline:g} s")),)
        task.ended += 1
        if task.ended < ALLOWED_FAILURES:
            return task, None
        said = f"ends the process that works on it, {task.ended} times ({how})"
        return task, (Failure(Lost(said)),)

    def kill(self) -> str:
        """End it; how it ended, in words."""
        self.has_ended = True
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self.connection.close()
        status = self._process.exitcode or 0
        self._process.close()
        return f"signal {-status}" if status < 0 else f"exit status {status}"


def _ready(busy: Sequence[_Worker[K, T, R]], deadline: float | None) -> Iterator[_Worker[K, T, R]]:
    """Wait for one at least: it answered, has ended, or is late."""
    from multiprocessing.connection import wait

    timeout = None
    if deadline is not None:
        timeout = max(0.0, min(one.since for one in busy) + deadline - time.monotonic())
    waited: list[Any] = [part for one in busy for part in (one.connection, one.sentinel)]
    there = set(wait(waited, timeout))
    now = time.monotonic()
    for one in busy:
        is_late = deadline is not None and now - one.since >= deadline
        if one.connection in there or one.sentinel in there or is_late:
            yield one


def _work(parent: int, function: Callable[[T], R], connection: Connection) -> None:
    """What a worker does until nobody has anything for it any more."""
    die_with(parent)
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        try:
            connection.send((False, attempt(function, item)))
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            connection.send((True, error))


def each(function: Callable[[Any], R], items: Sequence[Any], jobs: int) -> Iterator[R]:
    """Call *function* on each of *items*, as ``map`` does, in *jobs* processes.

    Neither has to be picklable, only what is returned.

    :raises Exception: the first that one raises.
    """
    if jobs == 1 or len(items) < 2:
        yield from map(function, items)
        return
    numbers = ((number, number) for number in range(len(items)))
    with Processes(min(jobs, len(items))) as engine:
        results = engine.map(lambda number: function(items[number]), numbers)
        yield from in_order(results, lambda number: f"run {number + 1} of {len(items)}")
