# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of files, block devices and standard input, the last one padded as the page cache does.

Files are read, not mapped: a mapping of a file that shrinks kills its reader by SIGBUS. What was
read stays in the page cache, where the kernel keeps pages that were used once within first reach
of reclaim; POSIX_FADV_DONTNEED would take them from whoever else uses the file.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterable

from ghostswap.errors import TargetError, UsageError
from ghostswap.filetypes import check_type
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Skipped

_PIPE_IT = "give - as the source and connect it to standard input"

#: What a read says of one bad place: of the medium, or of what the file system finds there.
#: Any other error holds for the whole file.
_BAD_PLACE = frozenset({errno.EIO, errno.ENODATA, errno.EUCLEAN, errno.EBADMSG})


def _pages(size: int) -> int:
    """Count the pages that *size* bytes begin."""
    return -(-size // PAGE_SIZE)


def _pad(buffer: memoryview, filled: int) -> int:
    """Fill the page that ends at *filled* with zeros; return where it ends then."""
    end = _pages(filled) * PAGE_SIZE
    buffer[filled:end] = bytes(end - filled)
    return end


class FileSource:
    """The pages of a file or block device, as large as it is when it is opened.

    Holes are zero pages, but not read: the page cache would fill up with them. Pages that
    cannot be read, or that a shrinking file no longer has, are skipped.

    :raises TargetError: where *path* cannot be opened or is of a type that cannot be read so,
        and from :meth:`readinto` for errors other than of single pages.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        self.swapped_pages = 0
        self._offset = 0
        self._unread: list[tuple[int, int, str]] = []  # bytes from, bytes to, why
        try:
            # Before it is opened: to open a device can act on it, /dev/watchdog the worst of all.
            check_type(path, os.stat(path).st_mode, _PIPE_IT)
            # Nonblocking, lest a FIFO has taken the name in between.
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise TargetError.from_os(path, error) from error
        try:
            self._size = os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as error:
            os.close(self._fd)
            raise TargetError.from_os(path, error, "cannot tell its size") from error
        self.pages = _pages(self._size)

    @property
    def skipped(self) -> Iterable[Skipped]:
        """Ranges of bytes with the error of each, such as ``bytes 4096-8191``."""
        for start, end, reason in self._unread:
            pages = _pages(end) - _pages(start)
            yield Skipped(f"bytes {start}-{end - 1}", pages, reason)

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0  # equal to _offset modulo the page size
        while (room := min(len(buffer) - filled, self._size - self._offset)) > 0:
            if got := min(self._hole(), room):
                buffer[filled : filled + got] = bytes(got)
            else:
                try:
                    got = os.preadv(self._fd, [buffer[filled : filled + room]], self._offset)
                except OSError as error:
                    if error.errno not in _BAD_PLACE:
                        where = f"cannot read at byte {self._offset}"
                        raise TargetError.from_os(self.name, error, where) from error
                    part = self._offset % PAGE_SIZE
                    filled -= part
                    start = self._offset - part
                    self._skip(start, min(start + PAGE_SIZE, self._size), os.strerror(error.errno))
                    continue
                if not got:
                    self._skip(self._offset, self._size, "the file shrank while it was read")
                    break
            filled += got
            self._offset += got
        return _pad(buffer, filled)

    def _hole(self) -> int:
        """Measure the hole at the offset: bytes up to the next data, 0 where there is data."""
        try:
            return os.lseek(self._fd, self._offset, os.SEEK_DATA) - self._offset
        except OSError as error:
            if error.errno != errno.ENXIO:
                return 0  # block devices know no holes
            # No data from here on: a hole up to the end, which may have come nearer.
            return max(0, os.fstat(self._fd).st_size - self._offset)

    def _skip(self, start: int, end: int, reason: str) -> None:
        self._offset = end
        if self._unread and self._unread[-1][1:] == (start, reason):
            start = self._unread.pop()[0]
        self._unread.append((start, end, reason))

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._fd)


class StreamSource:
    """The pages that come from standard input until it ends.

    :param fd: another file descriptor to read; it stays open.
    :raises UsageError: where it is a terminal, which would look as if nothing happened.
    :raises TargetError: where it is closed or, from :meth:`readinto`, cannot be read.
    """

    def __init__(self, fd: int = 0) -> None:
        self.name = "-"
        self.skipped: tuple[Skipped, ...] = ()
        self.swapped_pages = 0
        self._fd = fd
        self.pages: int | None = None
        if os.isatty(fd):
            raise UsageError("standard input is a terminal", "pipe memory into it, or name a file")
        try:
            status = os.fstat(fd)
        except OSError as error:
            raise TargetError.from_os("standard input", error) from error
        if stat.S_ISREG(status.st_mode):
            self.pages = _pages(max(0, status.st_size - os.lseek(fd, 0, os.SEEK_CUR)))

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says, waiting for what is still to come."""
        filled = 0
        while filled < len(buffer):
            try:
                got = os.readv(self._fd, [buffer[filled:]])
            except BlockingIOError:  # another holder of the pipe made it nonblocking
                select.select([self._fd], [], [])
                continue
            except OSError as error:
                raise TargetError.from_os("standard input", error, "cannot read") from error
            if not got:
                break
            filled += got
        return _pad(buffer, filled)

    def __enter__(self) -> StreamSource:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
