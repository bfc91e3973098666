# SPDX-License-Identifier: GPL-2.0-or-later
"""Bytes by offset, of what can be read anywhere and of what only goes forward.

Files are read, not mapped: a mapping of a file that shrinks kills its reader by SIGBUS. What was
read stays in the page cache, where the kernel keeps pages that were used once within first reach
of reclaim; POSIX_FADV_DONTNEED would take them from whoever else uses the file.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from abc import ABC, abstractmethod
from typing import Protocol

from ghostswap.errors import TargetError, UsageError
from ghostswap.files import check_type

_PIPE_IT = "give - as the source and connect it to standard input"
_SKIP = 1 << 20


class Medium(Protocol):
    """Where a dump lies.

    :ivar name: what errors call it.
    """

    name: str

    @property
    def size(self) -> int | None:
        """Bytes, as they were when it was opened; ``None`` where only reading tells."""
        ...

    def read_at(self, view: memoryview, offset: int) -> int:
        """Read some bytes from *offset* on; return how many, 0 at the end.

        :raises OSError: where the system refuses.
        :raises TargetError: where it is packed and broken, or would have to go back.
        """
        ...

    def data(self, offset: int, end: int) -> tuple[int, int]:
        """The first bytes from *offset* on, and before *end*, that are no hole of the file."""
        ...

    def close(self) -> None: ...


def read(medium: Medium, offset: int, size: int) -> bytes:
    """*size* bytes from *offset* on, fewer at the end.

    :raises TargetError: where they cannot be read.
    """
    buffer = bytearray(size)
    filled = 0
    with memoryview(buffer) as view:
        try:
            while filled < size and (got := medium.read_at(view[filled:], offset + filled)):
                filled += got
        except OSError as error:
            where = f"cannot read at byte {offset + filled}"
            raise TargetError.from_os(medium.name, error, where) from error
    return bytes(buffer[:filled])


class FileMedium:
    """A file or block device, as large as it is when it is opened.

    :param path: of it, for errors alone if *fd* is given.
    :param fd: of a file that is open already, and stays so; its bytes count from where it stands.
    :raises TargetError: where *path* cannot be opened or is of a type that cannot be read so.
    """

    def __init__(self, path: str, fd: int | None = None) -> None:
        self.name = path
        self._is_mine = fd is None
        self._data = (0, 0)
        try:
            if fd is None:
                # Before it is opened: to open a device can act on it, /dev/watchdog the worst of
                # all. Nonblocking, lest a FIFO has taken the name in between.
                check_type(path, os.stat(path).st_mode, _PIPE_IT)
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                self._base = 0
            else:
                self._base = os.lseek(fd, 0, os.SEEK_CUR)
        except OSError as error:
            raise TargetError.from_os(path, error) from error
        except ValueError:
            raise UsageError("the name of a source has a NUL byte in it") from None
        self.fd = fd
        try:
            size = os.lseek(fd, 0, os.SEEK_END) if self._is_mine else os.fstat(fd).st_size
        except OSError as error:
            self.close()
            raise TargetError.from_os(path, error, "cannot tell its size") from error
        self.size: int = max(0, size - self._base)

    def read_at(self, view: memoryview, offset: int) -> int:
        """Read as :meth:`Medium.read_at` says."""
        if offset > sys.maxsize - self._base:
            return 0
        return os.preadv(self.fd, [view], self._base + offset)

    def data(self, offset: int, end: int) -> tuple[int, int]:
        """Find data as :meth:`Medium.data` says."""
        if offset >= self.size:
            return offset, end  # nothing: to read there will tell
        start, stop = self._data
        if not start <= offset < stop:
            try:
                start = os.lseek(self.fd, self._base + offset, os.SEEK_DATA) - self._base
                stop = os.lseek(self.fd, self._base + start, os.SEEK_HOLE) - self._base
            except OSError as error:
                if error.errno == errno.ENXIO:
                    # A hole up to the end, which may have come nearer.
                    start = stop = os.fstat(self.fd).st_size - self._base
                    if stop <= offset:
                        return offset, end
                else:
                    start, stop = 0, sys.maxsize  # block devices know no holes
            self._data = start, stop
        return min(max(start, offset), end), min(stop, end)

    @property
    def allocated(self) -> int:
        """Bytes that take space on disk, at most as many as it has; of a device all."""
        status = os.fstat(self.fd)
        return min(self.size, status.st_blocks * 512 if stat.S_ISREG(status.st_mode) else self.size)

    def close(self) -> None:
        """Close what was opened here."""
        if self._is_mine:
            os.close(self.fd)


class ForwardMedium(ABC):
    """Bytes that come once; the first ones are kept for whoever wants to know what they are."""

    size = None

    def __init__(self, name: str) -> None:
        self.name = name
        self._head = b""
        self._position = 0

    @abstractmethod
    def next(self, view: memoryview) -> int:
        """Read the next bytes, waiting for some; return how many, 0 at the end."""

    def peek(self, size: int) -> bytes:
        """The first *size* bytes, fewer if there are no more; nothing was read before."""
        self._head = read(self, 0, size)
        return self._head

    def read_at(self, view: memoryview, offset: int) -> int:
        """Read as :meth:`Medium.read_at` says."""
        if offset < len(self._head):
            part = self._head[offset : offset + len(view)]
            view[: len(part)] = part
            return len(part)
        if offset < self._position:
            raise TargetError(
                self.name,
                f"is wanted at byte {offset} once more, but only comes once",
                "store it in a file, unpacked",
            )
        while self._position < offset:
            with memoryview(bytearray(min(_SKIP, offset - self._position))) as rest:
                if not (got := self.next(rest)):
                    return 0
            self._position += got
        got = self.next(view)
        self._position += got
        return got

    def data(self, offset: int, end: int) -> tuple[int, int]:
        """All is data."""
        return offset, end

    @abstractmethod
    def close(self) -> None: ...


class StreamMedium(ForwardMedium):
    """What comes from a file descriptor until it ends.

    :param fd: stays open.
    """

    def __init__(self, name: str, fd: int) -> None:
        super().__init__(name)
        self._fd = fd

    def next(self, view: memoryview) -> int:
        """Wait for bytes."""
        while True:
            try:
                return os.readv(self._fd, [view])
            except BlockingIOError:  # another holder of the pipe made it nonblocking
                select.select([self._fd], [], [])

    def close(self) -> None:
        """Leave the file descriptor to whoever opened it."""
