# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of which only their content tells that swap would not have got them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Account, Why

_ZEROS = bytes(PAGE_SIZE)


class Zeros:
    """Leaves pages of zeros.

    :param reason: why swap may not have got them.
    """

    def __init__(self, account: Account, reason: str) -> None:
        self._account = account
        self._reason = reason

    def __call__(self, view: memoryview, _: int) -> int:
        """Sift as :data:`Sift` says."""
        data = bytes(view)
        kept = _keep(view, data, lambda at: not data.startswith(_ZEROS, at))
        if kept < len(view):
            pages = (len(view) - kept) // PAGE_SIZE
            self._account.leave(Why.ZERO, pages, self._reason)
        return kept


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
        data = bytes(view)
        there = self._read(len(view), offset + self._ahead)
        kept = _keep(view, data, lambda at: not data.startswith(there[at : at + PAGE_SIZE], at))
        if kept < len(view):
            pages = (len(view) - kept) // PAGE_SIZE
            self._account.leave(Why.FILE, pages, "equal to what is in the files that were mapped")
        return kept

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


def _keep(view: memoryview, data: bytes, is_kept: Callable[[int], bool]) -> int:
    """Move pages to the front of *view*, which has *data*; return their bytes."""
    kept = 0
    for at in range(0, len(data), PAGE_SIZE):
        if is_kept(at):
            if kept < at:
                view[kept : kept + PAGE_SIZE] = data[at : at + PAGE_SIZE]
            kept += PAGE_SIZE
    return kept
