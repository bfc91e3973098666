# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel's zram: pages into a new device, its counters, and the device gone again."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields

from ghostswap.errors import GhostswapError, TargetError
from ghostswap.mm.zram import MmStat
from ghostswap.page import PAGE_SIZE

_CONTROL = "/sys/class/zram-control"
_IO_STAT = ("failed_reads", "failed_writes", "invalid_io", "notify_free")
#: How long others, such as udev, may keep a device open that is to go.
_PATIENCE = 5.0


class LiveZram:
    """A zram device of the running kernel.

    :ivar path: of its block device.
    """

    def __init__(self, number: int) -> None:
        self.path = f"/dev/zram{number}"
        self._sys = f"/sys/block/zram{number}"

    def set(self, attribute: str, value: str | int) -> None:
        """Write *value* to the attribute.

        :raises TargetError: where the kernel refuses.
        """
        path = f"{self._sys}/{attribute}"
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write(str(value))
        except OSError as error:
            raise TargetError.from_os(path, error, f"cannot set it to {value}") from error

    def fill(self, chunks: Iterable[memoryview], *, singly: bool = False) -> frozenset[int]:
        """Write pages one after the other, past the page cache.

        :param chunks: whole pages, aligned to pages.
        :param singly: page by page, as swap does: a request ends at the first page refused.
        :return: the numbers of the pages that the device refused.
        """
        refused = []
        offset = 0
        fd = os.open(self.path, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
        try:
            for chunk in chunks:
                step = PAGE_SIZE if singly else len(chunk)
                for start in range(0, len(chunk), step):
                    try:
                        _write(fd, chunk[start : start + step], offset + start)
                    except OSError as error:
                        if not singly:
                            raise TargetError.from_os(self.path, error, "cannot write") from error
                        refused.append((offset + start) // PAGE_SIZE)
                offset += len(chunk)
        finally:
            os.close(fd)
        return frozenset(refused)

    def holds(self, chunks: Iterable[memoryview], refused: Container[int] = ()) -> bool:
        """Whether reading the device gives the same pages, but for those *refused*."""
        offset = 0
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        try:
            for chunk in chunks:
                with mmap.mmap(-1, len(chunk)) as found:
                    if os.preadv(fd, [found], offset) != len(chunk):
                        return False
                    for start in range(0, len(chunk), PAGE_SIZE):
                        page = slice(start, start + PAGE_SIZE)
                        if (offset + start) // PAGE_SIZE in refused:
                            continue
                        if found[page] != chunk[page]:
                            return False
                offset += len(chunk)
        finally:
            os.close(fd)
        return True

    def counters(self) -> dict[str, int]:
        """mm_stat, and ``failed_writes`` of io_stat."""
        found = self._read("mm_stat", [field.name for field in fields(MmStat)])
        return {**found, "failed_writes": self._read("io_stat", _IO_STAT)["failed_writes"]}

    def _read(self, attribute: str, names: Sequence[str]) -> dict[str, int]:
        with open(f"{self._sys}/{attribute}", encoding="ascii") as file:
            # Later kernels may append fields; those known keep their places.
            return dict(zip(names, map(int, file.read().split()), strict=False))


def _write(fd: int, pages: memoryview, offset: int) -> None:
    while pages:
        written = os.pwrite(fd, pages, offset)
        pages, offset = pages[written:], offset + written


@contextmanager
def live_zram(compressor: str, pages: int, mem_limit: int = 0) -> Iterator[LiveZram]:
    """A new device of *pages* pages for the time of the ``with``.

    :raises GhostswapError: where this kernel has no zram, or none with *compressor*.
    :raises TargetError: where the kernel refuses something.
    """
    try:
        with open(f"{_CONTROL}/hot_add", encoding="ascii") as file:
            number = int(file.read())
    except FileNotFoundError:
        raise GhostswapError("this kernel has no zram loaded", "try 'modprobe zram'") from None
    except OSError as error:
        raise TargetError.from_os(_CONTROL, error, "cannot add a zram device") from error
    try:
        device = LiveZram(number)
        with open(f"/sys/block/zram{number}/comp_algorithm", encoding="ascii") as file:
            known = file.read().replace("[", "").replace("]", "").split()
        if compressor not in known:
            raise GhostswapError(
                f"this kernel's zram has no {compressor}", f"it has {', '.join(known)}"
            )
        device.set("comp_algorithm", compressor)
        device.set("disksize", pages * PAGE_SIZE)
        if mem_limit:
            device.set("mem_limit", mem_limit)
        yield device
    finally:
        _remove(number)


def _remove(number: int) -> None:
    """Remove the device, once nobody has it open any more."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with open(f"{_CONTROL}/hot_remove", "w", encoding="ascii") as file:
                file.write(str(number))
            return
        except OSError as error:
            if time.monotonic() > until:
                path = f"/dev/zram{number}"
                raise TargetError.from_os(path, error, "cannot remove the device") from error
        with suppress(InterruptedError):
            time.sleep(0.05)
