# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces that were recorded: page numbers, CSV and libCacheSim's oracleGeneral, files or pipes."""

from __future__ import annotations

import os
import select
import stat
import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import NamedTuple
from weakref import finalize

from ghostswap.errors import TargetError, UsageError
from ghostswap.pages.touches import CHUNK_TOUCHES, Choices, Touches, start_marking
from ghostswap.units import printable

_PIPE_BLOCK = 1 << 20
_CSV_BLOCK = 1 << 20
_CSV_LINE = 1 << 10  # bytes that no line comes near
_CSV_SHOWN = 60  # bytes of a line that an error shows
_CSV_COLUMNS = (b"page", b"write", b"group")
_CSV_WRITES = {b"0": 0, b"1": 1, b"2": 2, b"r": 0, b"w": 1, b"rw": 2}
_CSV_HINT = (
    "lines are page[,write][,group], write being r, w or rw, or 0, 1 or 2; "
    "a first line may name the columns in another order"
)


class _TraceFile:
    """A file that is read anew in each run, or a pipe, which is kept in a temporary file for that.

    :param path: of a regular file or FIFO; ``-`` for standard input.
    :raises TargetError: where *path* is no such file or may not be read.
    :raises UsageError: where standard input is a terminal.
    """

    def __init__(self, path: str, choices: Choices) -> None:
        self.name = path
        self._label = "standard input" if path == "-" else path
        self._choices = choices
        self._is_pipe = True
        self._kept: int | None = None
        if path != "-":
            self._is_pipe = self._is_fifo()
        elif os.isatty(0):
            raise UsageError("standard input is a terminal", "pipe a trace into it, or name a file")
        if not self._is_pipe:
            os.close(self._open())  # an error should not wait for the run

    def _is_fifo(self) -> bool:
        # Before it is opened: to open a device can act on it.
        try:
            mode = os.stat(self.name).st_mode
        except OSError as error:
            raise TargetError.from_os(self._label, error) from error
        except ValueError:
            raise UsageError("the name of a trace's file has a NUL byte in it") from None
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise TargetError(self._label, "is neither a file nor a pipe", "name a trace's file")
        return stat.S_ISFIFO(mode)

    def _open(self) -> int:
        try:
            if self._kept is not None:
                return os.open(f"/proc/self/fd/{self._kept}", os.O_RDONLY)
            return os.dup(0) if self.name == "-" else os.open(self.name, os.O_RDONLY)
        except OSError as error:
            raise TargetError.from_os(self._label, error) from error

    @contextmanager
    def _run(self) -> Iterator[int]:
        """Open the file for a run, as a file descriptor."""
        if self._is_pipe and self._kept is None:
            self._kept = self._keep()
            finalize(self, os.close, self._kept)
        fd = self._open()
        try:
            yield fd
        finally:
            os.close(fd)

    def _keep(self) -> int:
        """Write all that comes to a file that has no name, and give its descriptor."""
        from tempfile import TemporaryFile  # which few runs need

        fd = self._open()
        try:
            with TemporaryFile() as file:
                for block in self._blocks(fd, _PIPE_BLOCK):
                    file.write(block)
                file.flush()
                return os.dup(file.fileno())
        except OSError as error:
            raise TargetError.from_os(self._label, error, "cannot be kept in $TMPDIR") from error
        finally:
            os.close(fd)

    def _blocks(self, fd: int, size: int) -> Iterator[bytes]:
        """All bytes in blocks of *size*; only the last one may be shorter."""
        block = bytearray(size)
        filled = size
        while filled == size:
            filled = 0
            with memoryview(block) as view:
                while filled < size and (got := self._readinto(fd, view[filled:])):
                    filled += got
            if filled:
                yield bytes(block[:filled])

    def _readinto(self, fd: int, buffer: memoryview) -> int:
        while True:
            try:
                return os.readv(fd, [buffer])
            except BlockingIOError:  # another holder of the pipe made it nonblocking
                select.select([fd], [], [])
            except OSError as error:
                raise TargetError.from_os(self._label, error, "cannot read") from error

    def _empty(self) -> TargetError:
        return TargetError(self._label, "has no touches", "give a trace that has some")

    def _beyond(self, where: str, page: int, group: int, pages: Sequence[int]) -> TargetError:
        whose = "the memory" if len(pages) == 1 else f"the memory of group {group}"
        has = f"pages 0 to {pages[group] - 1}" if pages[group] else "no pages"
        return TargetError(
            self._label,
            f"{where} touches page {page}, but {whose} has {has}",
            "give the memory more pages",
        )


class RecordFormat(NamedTuple):
    """Records of one size.

    :ivar size: of a record in bytes.
    :ivar start: gives, for one run, what turns whole records into page numbers.
    """

    size: int
    start: Callable[[], Callable[[bytes], array[int]]]


def _u32(records: bytes) -> array[int]:
    pages = array("I", records)
    if sys.byteorder == "big":
        pages.byteswap()
    return pages


class _Objects(dict[int, int]):
    """Numbers objects in the order of their first appearance."""

    def __missing__(self, obj: int) -> int:
        self[obj] = number = len(self)
        return number

    def pages(self, records: bytes) -> array[int]:
        """The page of each record's object."""
        objects = chain.from_iterable(struct.iter_unpack("<4xQ12x", records))
        return array("I", map(self.__getitem__, objects))


#: Page numbers, little-endian, of 32 bits each.
U32 = RecordFormat(4, lambda: _u32)
#: libCacheSim's oracleGeneral (traceReader/customizedReader/oracle/oracleGeneralBin.h):
#: u32 time, u64 object, u32 size, i64 next access. Sizes do not matter: an object is a page.
ORACLE_GENERAL = RecordFormat(24, lambda: _Objects().pages)


class RecordTrace(_TraceFile):
    """The trace of a file of records.

    :raises TargetError: and where its last record is cut short.
    """

    def __init__(self, path: str, choices: Choices, layout: RecordFormat) -> None:
        super().__init__(path, choices)
        self._layout = layout
        self.touches: int | None = None
        if not self._is_pipe:
            records = self._count(os.stat(path).st_size)
            if not records:
                raise self._empty()
            self.touches = min(records, choices.touches or records)

    def _count(self, size: int, before: int = 0) -> int:
        """Count the records in *size* bytes after *before* others."""
        records, rest = divmod(size, self._layout.size)
        if rest:
            raise TargetError(
                self._label,
                f"ends in the middle of record {before + records} of {self._layout.size} bytes",
                "it is cut short or in another format; u32:, csv: or oracle: before its path "
                "says which",
            )
        return records

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        """Start over, as :meth:`Trace.chunks` says."""
        mark = start_marking(self._choices)
        group = self._choices.group
        to_pages = self._layout.start()
        size = self._layout.size
        most = self._choices.touches
        done = 0
        with self._run() as fd:
            for block in self._blocks(fd, CHUNK_TOUCHES * size):
                count = self._count(len(block), done)
                if most is not None:
                    count = min(count, most - done)
                numbers = to_pages(block[: count * size])
                if max(numbers) >= (own := pages[group]):
                    at, page = next((at, page) for at, page in enumerate(numbers) if page >= own)
                    raise self._beyond(f"record {done + at}", page, group, pages)
                yield Touches(group, numbers, mark(numbers))
                done += count
                if done == most:
                    break
        if not done:
            raise self._empty()


class CsvTrace(_TraceFile):
    """The trace of a file of lines ``page[,write][,group]``, with names of columns or without."""

    #: Only reading them tells which lines are touches.
    touches: int | None = None

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        """Start over, as :meth:`Trace.chunks` says."""
        mark = start_marking(self._choices)
        with self._run() as fd:
            rows = islice(self._rows(fd, pages), self._choices.touches)
            first = next(rows, None)
            if first is None:
                raise self._empty()
            for group, run in groupby(chain((first,), rows), itemgetter(0)):
                while part := list(islice(run, CHUNK_TOUCHES)):
                    numbers = array("I", [page for _, page, _ in part])
                    writes = [write for _, _, write in part if write is not None]
                    yield Touches(group, numbers, bytes(writes) if writes else mark(numbers))

    def _rows(self, fd: int, pages: Sequence[int]) -> Iterator[tuple[int, int, int | None]]:
        """Give each line's group, page, and whether it writes where there is a column for that."""
        columns: Sequence[bytes] = ()
        for number, line in self._lines(fd):
            fields = line.lower().split(b",")
            if not columns:
                names = [field.strip() for field in fields]
                is_header = self._is_header(names)
                columns = names if is_header else _CSV_COLUMNS[: len(names)]
                of_page, of_write, of_group = (
                    columns.index(name) if name in columns else -1 for name in _CSV_COLUMNS
                )
                if of_write >= 0 and self._choices.rule is not None:
                    raise UsageError(
                        f"{self._label} says itself which touches write",
                        "leave out what else says so, or its column",
                    )
                if is_header:
                    continue
            try:
                page = int(fields[of_page])
                group = int(fields[of_group]) if of_group >= 0 else self._choices.group
                write = _CSV_WRITES[fields[of_write].strip()] if of_write >= 0 else None
            except (ValueError, KeyError, IndexError):
                raise self._no_touch(number, line) from None
            if page < 0 or group < 0 or len(fields) != len(columns):
                raise self._no_touch(number, line)
            if group >= len(pages):
                raise self._no_group(number, group, len(pages))
            if page >= pages[group]:
                raise self._beyond(f"line {number}", page, group, pages)
            yield group, page, write

    def _is_header(self, names: Sequence[bytes]) -> bool:
        """Whether a first line names columns; it does if it has the word page.

        :raises TargetError: naming a column that is not known, or stands there twice.
        """
        if b"page" not in names:
            return False
        for name in names:
            if name not in _CSV_COLUMNS or names.count(name) > 1:
                text = printable(name[:_CSV_SHOWN].decode(errors="backslashreplace"))
                what = "twice" if name in _CSV_COLUMNS else "which is not known"
                wrong = f'the first line names the column "{text}", {what}'
                raise TargetError(self._label, wrong, _CSV_HINT)
        return True

    def _no_touch(self, number: int, line: bytes) -> TargetError:
        text = printable(line.strip()[:_CSV_SHOWN].decode(errors="backslashreplace"))
        return TargetError(self._label, f'line {number} is no touch: "{text}"', _CSV_HINT)

    def _no_group(self, number: int, group: int, groups: int) -> TargetError:
        there = f"there are groups 0 to {groups - 1}" if groups > 1 else "there is only group 0"
        return TargetError(
            self._label,
            f"line {number} names group {group}, but {there}",
            "groups are those that have memory, numbered from 0",
        )

    def _lines(self, fd: int) -> Iterator[tuple[int, bytes]]:
        """Number the lines from 1, those that are blank left out."""
        number = 0
        rest = b""
        for block in chain(self._blocks(fd, _CSV_BLOCK), (b"\n",)):
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) > _CSV_LINE:
                raise self._no_touch(number + len(lines) + 1, rest)
            for line in lines:
                number += 1
                if line.strip():
                    yield number, line
