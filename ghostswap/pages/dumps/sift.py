# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of which only their content tells that swap would not have got them."""

from __future__ import annotations

import os
import stat

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Account, Why

_ZEROS = bytes(PAGE_SIZE)
_EQUAL = "equal to what is in the files that were mapped"


class Zeros:
    """Leaves pages of zeros.

    :param reason: why swap may not have got them.
    """

    def __init__(self, account: Account, reason: str) -> None:
        self._account = account
        self._reason = reason

    def __call__(self, view: memoryview, _: int) -> int:
        """Sift as :data:`Sift` says."""
        # Of most pages one word tells that they have something in them.
        heads = view.cast("Q")[:: PAGE_SIZE // 8].tolist()
        places = [number * PAGE_SIZE for number, head in enumerate(heads) if not head]
        left = [at for at in places if bytes(view[at : at + PAGE_SIZE]) == _ZEROS]
        if left:
            self._account.leave(Why.ZERO, len(left), self._reason, met=True)
        return _drop(view, left)


class CleanPages:
    """Leaves pages that are equal to those of the file that was mapped; to be closed.

    Of a file that has become another since, none will be.

    :param path: of the file.
    :param ahead: how much farther in the file a byte is than in the dump.
    :ivar can_tell: whether *path* is a file that can be read.
    """

    def __init__(self, account: Account, path: str, ahead: int) -> None:
        self._account = account
        self._ahead = ahead
        self._fd: int | None = None
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except (OSError, ValueError):
            pass
        self.can_tell = self._fd is not None

    def __call__(self, view: memoryview, offset: int) -> int:
        """Sift as :data:`Sift` says."""
        starts_with = bytes(view).startswith
        there = self._read(len(view), offset + self._ahead)
        places = range(0, len(view), PAGE_SIZE)
        left = [at for at in places if starts_with(there[at : at + PAGE_SIZE], at)]
        if left:
            self._account.leave(Why.FILE, len(left), _EQUAL, met=True)
        return _drop(view, left)

    def _read(self, size: int, offset: int) -> bytes:
        """So much of the file, padded with zeros as a mapping is."""
        found = b""
        try:
            while self._fd is not None and len(found) < size:
                part = os.pread(self._fd, size - len(found), offset + len(found))
                if not part:
                    break
                found += part
        except (OSError, OverflowError):
            pass
        return found.ljust(size, b"\0")

    def __enter__(self) -> CleanPages:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._fd is not None:
            os.close(self._fd)


def _drop(view: memoryview, places: list[int]) -> int:
    """Take the pages at *places* out of *view*; return how many bytes are left at its front."""
    kept = start = 0
    for place in (*places, len(view)):
        if kept < start < place:
            view[kept : kept + place - start] = view[start:place]
        kept += place - start
        start = place + PAGE_SIZE
    return kept
