# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel's zswap: pages out to a scratch area, the counters, and all as it was."""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from ghostswap.area.header.header import NATIVE, Header
from ghostswap.errors import GhostswapError, TargetError
from ghostswap.live.seen.zswap import PARAMETERS
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes.pagemap import PRESENT

_DEBUGFS = "/sys/kernel/debug"
_VMSTAT = ("zswpout", "zswpwb", "pswpout", "swpout_zero")
#: Linux 5.4; Python names it from 3.13 on.
MADV_PAGEOUT = getattr(mmap, "MADV_PAGEOUT", 21)
_SWAP_FLAG_HIGHEST = 0x8000 | 0x7FFF  # SWAP_FLAG_PREFER, the highest priority
#: Slots beyond the pages: allocation goes by clusters, one in use for each CPU.
_SPARE_SLOTS = 1024

_libc = ctypes.CDLL(None, use_errno=True)


class LiveZswap:
    """zswap of the running kernel, with a scratch area that pages go to first.

    :ivar compressor: and the others as the module parameters of these names.
    """

    def __init__(self, debugfs: str) -> None:
        self._debugfs = debugfs
        self.compressor = parameter("compressor")
        self.max_pool_percent = int(parameter("max_pool_percent"))
        self.accept_threshold_percent = int(parameter("accept_threshold_percent"))
        self._before = self._counters()

    def page_out(self, chunks: Sequence[mmap.mmap]) -> int:
        """Push the pages out; how many would not go.

        :param chunks: private anonymous memory, without huge pages.
        """
        for _ in range(10):
            for chunk in chunks:
                chunk.madvise(MADV_PAGEOUT)
            left = sum(_resident(chunk) for chunk in chunks)
            if not left:
                break
            time.sleep(0.1)  # pages under writeback, or isolated by another CPU, go next time
        return left

    def counters(self) -> dict[str, int]:
        """What changed since: debugfs' zswap/ and the swap counters of /proc/vmstat."""
        return {name: value - self._before[name] for name, value in self._counters().items()}

    def _counters(self) -> dict[str, int]:
        found = {}
        directory = f"{self._debugfs}/zswap"
        for name in sorted(os.listdir(directory)):
            with open(f"{directory}/{name}", encoding="ascii") as file:
                found[name] = int(file.read())
        with open("/proc/vmstat", encoding="ascii") as file:
            vmstat = dict(line.split() for line in file)
        return found | {name: int(vmstat[name]) for name in _VMSTAT if name in vmstat}


@contextmanager
def live_zswap(pages: int, scratch: str) -> Iterator[LiveZswap]:
    """zswap switched on, over a new area for *pages* pages in the directory *scratch*.

    Afterwards the area is gone, and whatever was set is as before.

    :raises GhostswapError: where this kernel's zswap cannot be used for measuring now.
    :raises TargetError: where the system refuses something.
    """
    check_zswap()
    with ExitStack() as undo:
        undo.enter_context(_enabled())  # the first time, that also makes debugfs' directory
        debugfs = undo.enter_context(_debugfs())
        _check_empty(debugfs)
        undo.enter_context(_scratch_area(scratch, pages + _SPARE_SLOTS))
        yield LiveZswap(debugfs)


def check_zswap() -> None:
    """Look whether this kernel has a zswap that can be measured.

    :raises GhostswapError: where not.
    """
    if not os.path.isdir(PARAMETERS):
        raise GhostswapError("this kernel has no zswap", "--design zram measures zram")
    allocator = parameter("zpool", "zsmalloc")
    if allocator != "zsmalloc":
        raise GhostswapError(
            f"this kernel's zswap allocates by {allocator}, and the prediction is for zsmalloc",
            f"echo zsmalloc > {PARAMETERS}/zpool",
        )


def parameter(name: str, missing: str = "") -> str:
    """A module parameter of zswap; *missing* where this kernel does not have it."""
    try:
        with open(f"{PARAMETERS}/{name}", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return missing


def _set_parameter(name: str, value: str) -> None:
    path = f"{PARAMETERS}/{name}"
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(value)
    except OSError as error:
        raise TargetError.from_os(path, error, f"cannot set it to {value}") from error


@contextmanager
def _enabled() -> Iterator[None]:
    was = parameter("enabled")
    try:
        _set_parameter("enabled", "Y")
        yield
    finally:
        _set_parameter("enabled", was)


@contextmanager
def _debugfs() -> Iterator[str]:
    """Where debugfs is mounted: at its place, or on a directory of ours for now."""
    if os.path.isdir(f"{_DEBUGFS}/zswap"):
        yield _DEBUGFS
        return
    with tempfile.TemporaryDirectory(prefix="ghostswap-") as point:
        name = os.fsencode(point)
        if _libc.mount(b"none", name, b"debugfs", 0, None):
            raise TargetError.from_os(point, _error(), "cannot mount debugfs")
        try:
            if not os.path.isdir(f"{point}/zswap"):
                raise GhostswapError("debugfs shows no zswap, so there is nothing to compare with")
            yield point
        finally:
            _libc.umount2(name, 0)


def _check_empty(debugfs: str) -> None:
    with open(f"{debugfs}/zswap/stored_pages", encoding="ascii") as file:
        stored = int(file.read())
    if stored:
        raise GhostswapError(
            f"zswap holds {stored} pages of others, and its counters would mix",
            "swapoff the areas that they belong to first",
        )


@contextmanager
def _scratch_area(directory: str, slots: int) -> Iterator[None]:
    """A swap area of *slots* usable slots in *directory*, first in priority."""
    try:
        fd, path = tempfile.mkstemp(prefix="ghostswap-", suffix=".swap", dir=directory)
    except OSError as error:
        raise TargetError.from_os(directory, error, "cannot make a scratch area") from error
    name = os.fsencode(path)
    try:
        try:
            os.posix_fallocate(fd, 0, (slots + 1) * PAGE_SIZE)
            os.pwrite(fd, Header(PAGE_SIZE, NATIVE, last_page=slots).build(), 0)
            os.fsync(fd)
        except OSError as error:
            raise TargetError.from_os(path, error, "cannot make a scratch area") from error
        finally:
            os.close(fd)
        if _libc.swapon(name, _SWAP_FLAG_HIGHEST):
            said = os.strerror(ctypes.get_errno())
            raise TargetError(path, f"swapon: {said}", "choose a directory on a disk by --scratch")
        try:
            yield
        finally:
            if _libc.swapoff(name):
                raise TargetError.from_os(path, _error(), "swapoff")
    finally:
        os.unlink(path)


def _resident(chunk: mmap.mmap) -> int:
    """Pages of *chunk* that are in memory."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(chunk))
    count = len(chunk) // PAGE_SIZE
    with open("/proc/self/pagemap", "rb", buffering=0) as file:
        file.seek(address // PAGE_SIZE * 8)
        with memoryview(file.read(count * 8)).cast("Q") as entries:
            return sum(entry & PRESENT != 0 for entry in entries)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
