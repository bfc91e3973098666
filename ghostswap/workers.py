# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that work side by side on what they inherit, and end with the one that made them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

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
        with deaf():
            pool.submit(int)
        yield pool
    finally:
        # To its end: a pool that is still going down as Python ends has Python fall over it.
        with deaf():
            pool.shutdown(cancel_futures=True)


@contextmanager
def deaf() -> Iterator[None]:
    """Put Ctrl-C off; processes that start within are deaf to it for good."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(parent: int, initializer: Callable[..., None], initargs: tuple[object, ...]) -> None:
    die_with(parent)
    initializer(*initargs)


def die_with(parent: int) -> None:
    """Have this process end when its *parent* does."""
    import ctypes  # which nobody else needs

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the request to die with it
        os._exit(1)
