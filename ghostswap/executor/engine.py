# SPDX-License-Identifier: GPL-2.0-or-later
"""What every engine does, and the one that is this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ghostswap.errors import GhostswapError

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

#: How many workers may end with a task, one after the other, before it is given up.
ALLOWED_FAILURES = 3


class Lost(GhostswapError):
    """Who worked on a task ended, or was late: a sentence that lacks its subject, the task."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task came to nothing.

    :ivar error: one sentence, and what to do about it.
    """

    error: GhostswapError

    @property
    def why(self) -> str:
        """The sentence."""
        return self.error.message

    def of(self, task: str) -> GhostswapError:
        """The error as one to raise, which names the *task* where only that can be named."""
        if isinstance(self.error, Lost):
            return Lost(f"{task} {self.why}", self.error.hint)
        return self.error


class Engine(Protocol):
    """Does tasks; a context manager, after which nothing of it runs any more.

    :ivar shares_files: who works has the files of this machine, in this directory.
    """

    shares_files: bool

    def map(
        self, function: Callable[[T], R], items: Iterable[tuple[K, T]]
    ) -> Iterator[tuple[K, R | Failure]]:
        """Call *function* on each item; what it came to is under the item's key, in any order.

        Items are taken as there is somebody to work on them, so that few are in memory at once. A
        task that raises :exc:`GhostswapError`, ends its process or is not done in time is a
        :class:`Failure`, and the others go on; any other exception is a fault of the program, and
        passes.
        """
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(self, *exc: object) -> None: ...


class Here:
    """This process, one task after the other."""

    shares_files = True

    def map(
        self, function: Callable[[T], R], items: Iterable[tuple[K, T]]
    ) -> Iterator[tuple[K, R | Failure]]:
        """As :meth:`Engine.map`, in order."""
        for key, item in items:
            yield key, attempt(function, item)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *exc: object) -> None: ...


def in_order(results: Iterable[tuple[int, R | Failure]], name: Callable[[int], str]) -> Iterator[R]:
    """Results of tasks that are numbered from 0 on, each as soon as those before it are there.

    :param name: of a task, for what is raised of one that failed.
    :raises GhostswapError: why the first that failed did.
    """
    early: dict[int, R | Failure] = {}
    wanted = 0
    for number, found in results:
        early[number] = found
        while wanted in early:
            one = early.pop(wanted)
            if isinstance(one, Failure):
                raise one.of(name(wanted))
            yield one
            wanted += 1


def attempt(function: Callable[[T], R], item: T) -> R | Failure:
    """What *function* makes of *item*, or why it refuses."""
    try:
        return function(item)
    except GhostswapError as error:
        return Failure(error)
