# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that work side by side on what they inherit, and end with the one that made them."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1


@contextmanager
def make_pool(
    jobs: int, initializer: Callable[..., None], *initargs: object
) -> Iterator[ProcessPoolExecutor]:
    """Have *jobs* processes, all of them from now on; each calls *initializer* first.

    They keep this process's memory as it is, *initargs* included, and are deaf to Ctrl-C, which
    is this process's alone to handle.
    """
    # Loaded here, for most commands are over before these would be.
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(
        jobs,
        get_context("fork"),
        initializer=_start,
        initargs=(os.getpid(), initializer, initargs),
    )
    try:
        with _deaf():
            pool.submit(int)
        yield pool
    finally:
        # To its end: a pool that is still going down as Python ends has Python fall over it.
        with _deaf():
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Put Ctrl-C off."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(parent: int, initializer: Callable[..., None], initargs: tuple[object, ...]) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request to die with it
        os._exit(1)
    initializer(*initargs)


# A worker's own: what it runs and on what, set once by _keep().
_function: Callable[[Any], Any] | None = None
_items: Sequence[Any] = ()


def each(function: Callable[[Any], T], items: Sequence[Any], jobs: int) -> Iterator[T]:
    """Call *function* on each of *items*, as ``map`` does, in *jobs* processes.

    Neither has to be picklable, only what is returned. Where one fails, or nobody wants the rest,
    those that are at work are killed.
    """
    if jobs == 1 or len(items) < 2:
        yield from map(function, items)
        return
    from multiprocessing import active_children

    others = set(active_children())
    with make_pool(min(jobs, len(items)), _keep, function, items) as pool:
        try:
            yield from pool.map(_call, range(len(items)))
        except BaseException:  # Ctrl-C, too, which they are deaf to; an item may take minutes
            for worker in set(active_children()) - others:
                worker.kill()
            raise


def _keep(function: Callable[[Any], Any], items: Sequence[Any]) -> None:
    global _function, _items  # a pool's initializer has no other place
    _function, _items = function, items


def _call(number: int) -> Any:
    assert _function is not None
    return _function(_items[number])
