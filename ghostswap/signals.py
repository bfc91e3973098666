# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C and its like, held back while things change that must change together."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

#: Signals that ask a program to end.
ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


@contextmanager
def held() -> Iterator[None]:
    """Keep signals that would end the program until the block ends.

    One that arrived before is still raised on entering, and nothing of the block done. After an
    error they are dropped: it ends the program as well, and has more to say.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    except BaseException:
        while signal.sigtimedwait(ENDING, 0) is not None:
            pass
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
