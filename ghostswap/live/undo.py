# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes to the running kernel that are undone for sure: one at a time, signals or not."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from ghostswap import signals
from ghostswap.errors import TargetError

#: Whoever holds a flock(2) on it has the kernel's swap to himself; ghostswap's tests do as well.
#: /run is root's, so that nobody else can make the file or hold it.
LOCK = "/run/ghostswap.lock"


@contextmanager
def kernel_lock(waiting: Callable[[], None]) -> Iterator[None]:
    """Have the kernel to oneself.

    :param waiting: called before waiting for whoever has it.
    :raises TargetError: where :data:`LOCK` cannot be opened, which takes root.
    """
    try:
        fd = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TargetError.from_os(LOCK, error, "cannot lock the kernel's swap") from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def undoing() -> Iterator[ExitStack]:
    """A stack of what is to be undone; no signal that asks to stop cuts the undoing short."""
    handlers = {number: signal.signal(number, _interrupt) for number in signals.ENDING}
    undo = ExitStack()
    try:
        yield undo
    finally:
        with signals.held():
            undo.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt
