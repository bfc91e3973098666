# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared memory: files in tmpfs, or without a name, that processes map.

Page tables do not tell which of its pages are in swap, nor do they have all that are in memory. The
files do: mincore(2) says which are in memory, if only on their way to swap; cachestat(2) says
how many are in swap. They are opened by /proc/PID/map_files, which is for root.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import re
import struct
from collections.abc import Iterator

from ghostswap.mounts import mounts
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes.pagemap import Run
from ghostswap.pages.source import Account, Why

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_MAP_FAILED = ctypes.c_void_p(-1).value
#: The number of the system call is the same on all architectures (Linux 6.5).
_SYS_CACHESTAT = 451
_RANGE = struct.Struct("=QQ")  # struct cachestat_range: off, len (0: up to the end)
_CACHESTAT = struct.Struct("=5Q")  # struct cachestat
_NR_EVICTED = 3

_WINDOW = 1 << 13
_IS_RESIDENT = bytes(byte & 1 for byte in range(256))
_RESIDENT = re.compile(b"\x01+")
#: File systems whose files are shared memory.
_TYPES = frozenset({"tmpfs", "devtmpfs"})
#: Processes whose mappings of a file are remembered, lest the first one ends.
_WAYS = 3


class SharedFiles:
    """The files in tmpfs, named or not, that processes map."""

    def __init__(self) -> None:
        self._ways: dict[tuple[str, ...], list[str]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._nameless = _device_of_nameless()

    def add(self, pid: int, maps: str) -> None:
        """Add those in *maps*, the text of /proc/PID/maps."""
        for first, last, device, inode, path in self._pattern(pid).findall(maps):
            # Names differ with who looks. System V numbers its inodes itself, in each namespace.
            space = _namespace(pid, "ipc") if path.startswith("/SYSV") else ""
            ways = self._ways.setdefault((device, inode, space), [])
            if len(ways) < _WAYS:
                place = f"{int(first, 16):x}-{int(last, 16):x}"
                ways.append(f"/proc/{pid}/map_files/{place}")

    def _pattern(self, pid: int) -> re.Pattern[str]:
        space = _namespace(pid, "mnt")
        if space not in self._patterns:
            devices = {self._nameless}
            for mount in mounts(pid):
                if mount.fstype in _TYPES:
                    major, _, minor = mount.device.partition(":")
                    devices.add(f"{int(major):02x}:{int(minor):02x}")
            self._patterns[space] = re.compile(
                rf"^(\w+)-(\w+) \S+ \S+ ({'|'.join(devices)}) ([0-9]+) *(.*)$", re.MULTILINE
            )
        return self._patterns[space]

    def open(self, account: Account) -> Iterator[SharedFile]:
        """Open one after the other; those that cannot be are counted in *account*."""
        for ways in self._ways.values():
            for way in ways:
                with contextlib.suppress(OSError):
                    file = SharedFile(way)
                    break
            else:
                account.leave(
                    Why.REFUSED, 0, "unmapped before it was read, or refused", what="shared file"
                )
                continue
            with file:
                yield file


class SharedFile:
    """A file of shared memory, to be closed.

    :raises OSError: where it cannot be opened or mapped.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self._size = os.fstat(self._fd).st_size
        self._address: int | None = None
        if self._size:
            address: int = _libc.mmap(
                None,
                ctypes.c_size_t(self._size),
                ctypes.c_int(mmap.PROT_READ),
                ctypes.c_int(mmap.MAP_SHARED),
                ctypes.c_int(self._fd),
                ctypes.c_long(0),
            )
            if address == _MAP_FAILED:
                os.close(self._fd)
                raise OSError(ctypes.get_errno(), "mmap")
            self._address = address

    def count(self) -> int:
        """Count its pages in memory."""
        return sum(residents.count(1) for _, residents in self._walk())

    def runs(self) -> Iterator[list[Run]]:
        """Find its pages in memory, some at a time, by bytes of the file."""
        for start, residents in self._walk():
            runs = [
                (start + run.start() * PAGE_SIZE, start + run.end() * PAGE_SIZE)
                for run in _RESIDENT.finditer(residents)
            ]
            if runs:
                yield runs

    def _walk(self) -> Iterator[tuple[int, bytearray]]:
        for start in range(0, self._size, _WINDOW * PAGE_SIZE):
            size = min(_WINDOW * PAGE_SIZE, self._size - start)
            vec = ctypes.create_string_buffer(-(-size // PAGE_SIZE))
            assert self._address is not None
            if _libc.mincore(ctypes.c_void_p(self._address + start), ctypes.c_size_t(size), vec):
                return  # ENOMEM: it was cut
            residents = bytearray(vec.raw.translate(_IS_RESIDENT))
            self._drop_swapped(residents, start, 0, len(residents))
            yield start, residents

    def _drop_swapped(self, residents: bytearray, start: int, first: int, last: int) -> None:
        """Leave what is in swap, though a copy may be in memory: to read it would take it out."""
        if residents.find(1, first, last) < 0:
            return
        swapped = self.swapped(start + first * PAGE_SIZE, (last - first) * PAGE_SIZE)
        if swapped == last - first:
            residents[first:last] = bytes(swapped)
        elif swapped:
            middle = (first + last) // 2
            self._drop_swapped(residents, start, first, middle)
            self._drop_swapped(residents, start, middle, last)

    def swapped(self, start: int = 0, size: int = 0) -> int | None:
        """Count its pages in swap, of all or of some bytes; ``None`` before Linux 6.5."""
        answer = ctypes.create_string_buffer(_CACHESTAT.size)
        if _libc.syscall(
            ctypes.c_long(_SYS_CACHESTAT),
            ctypes.c_uint(self._fd),
            ctypes.c_char_p(_RANGE.pack(start, size)),
            answer,
            ctypes.c_uint(0),
        ):
            return None
        return int(_CACHESTAT.unpack(answer.raw)[_NR_EVICTED])

    def read(self, runs: list[Run], view: memoryview, account: Account) -> int:
        """Read the pages in *runs*, one behind the other; return their bytes."""
        filled = 0
        for start, end in runs:
            try:
                got = os.preadv(self._fd, [view[filled : filled + end - start]], start)
            except OSError:
                got = 0
            if start + got == self._size:  # what is behind the end is zeros
                room = -got % PAGE_SIZE
                view[filled + got : filled + got + room] = bytes(room)
                got += room
            got -= got % PAGE_SIZE
            if missing := (end - start - got) // PAGE_SIZE:
                reason = "freed before it was read"
                account.leave(Why.UNREADABLE, missing, reason, what="page", met=True)
            filled += got
        return filled

    def __enter__(self) -> SharedFile:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._address is not None:
            _libc.munmap(ctypes.c_void_p(self._address), ctypes.c_size_t(self._size))
        os.close(self._fd)


def _namespace(pid: int, kind: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""


def _device_of_nameless() -> str:
    """The device that memory shared after fork, memfd_create(2) and System V have in maps."""
    with mmap.mmap(-1, PAGE_SIZE) as memory:
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        with open("/proc/self/maps") as maps:
            return next(line.split()[3] for line in maps if line.startswith(f"{address:x}-"))
