# SPDX-License-Identifier: GPL-2.0-or-later
"""What the slots of a swap area hold that no kernel uses now.

A kernel writes to an area past all page caches: of what it swaps, a file's page cache knows
nothing, and where fallocate(2) made the file, the file system takes for never written, and reads
as zeros, what is full of pages. So caches are dropped first, and such a file is read from the
device that it lies on. While an area is in use, what is newest may be in zswap and nowhere else.
"""

from __future__ import annotations

import errno
import os
import stat
from bisect import bisect_right
from collections.abc import Generator, Iterator
from functools import cache

from construct import Bytes, Padding, Struct

from ghostswap.errors import TargetError
from ghostswap.extents import Extent, ExtentFlag, extents
from ghostswap.mounts import unescape
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.dumps.medium import FileMedium, Medium, read
from ghostswap.pages.dumps.runs import Run, RunSource
from ghostswap.pages.dumps.sift import Zeros
from ghostswap.pages.dumps.tables import Layout, numbers
from ghostswap.pages.source import Account, Why

AREA = "what the slots of a swap area held last"

_SIGNATURE = b"SWAPSPACE2"
#: Others that stand in its place (libblkid's swap and swsuspend probers).
_OTHERS = {
    b"SWAP-SPACE": "is a swap area of version 0, which no kernel since 2.6 takes",
    b"S1SUSPEND\0": "holds an image of hibernation",
    b"S2SUSPEND\0": "holds an image of hibernation",
    b"ULSUSPEND\0": "holds an image of hibernation",
    b"LINHIB0001": "holds an image of hibernation",
}
_PAGE_SIZES = tuple(1 << shift for shift in range(12, 17))
_BADPAGES_OFFSET = 1536
_STALE = "what the slots held last, or the disk before them: which are in use an area does not tell"
_ZEROS = "zeros: slots that were never used, or pages of zeros"
_GHOST = "declared by the header, and behind the end of the area"
#: What a file system does not read from a place of its own.
_ELSEWHERE = ExtentFlag.UNKNOWN | ExtentFlag.ENCODED | ExtentFlag.INLINE | ExtentFlag.NOT_ALIGNED


@cache
def swap_header(layout: Layout) -> Struct:
    """``union swap_header`` in include/linux/swap.h up to ``badpages``."""
    u32 = numbers(layout).u32
    return Struct(
        Padding(1024),
        "version" / u32,
        "last_page" / u32,
        "nr_badpages" / u32,
        "sws_uuid" / Bytes(16),
        "sws_volume" / Bytes(16),
        Padding(117 * 4),
    )


def signature_in(head: bytes) -> tuple[int, bytes] | None:
    """The page size and signature of the swap area that begins with *head*; ``None`` for none."""
    for size in _PAGE_SIZES:
        signature = head[size - len(_SIGNATURE) : size]
        if signature == _SIGNATURE or signature in _OTHERS:
            return size, signature
    return None


class SwapAreaSource(RunSource):
    """The data pages of the swap area in *medium*.

    :raises TargetError: where there is none, or it is in use.
    """

    def __init__(self, name: str, medium: FileMedium) -> None:
        head = read(medium, 0, _PAGE_SIZES[-1])
        found = signature_in(head)
        if found is None:
            raise TargetError(name, "has no swap header", "leave out swap: to read it as it is")
        page_size, signature = found
        if signature in _OTHERS:
            raise TargetError(name, _OTHERS[signature], "leave out swap: to read it as it is")
        _check_idle(name, medium)
        header, bad = _parse(name, head, page_size)
        self._account = Account(AREA)
        slots = _slots(medium)
        there = min(header.last_page + 1, (slots.size or 0) // page_size)
        self._leave_pages(Why.ABSENT, header.last_page + 1 - there, page_size, _GHOST)
        self._leave_pages(Why.BAD, len(bad), page_size, "bad pages, which no kernel writes to")
        runs = self._find_runs(there, bad, page_size)
        pages = (there - 1 - len(bad)) * page_size // PAGE_SIZE
        super().__init__(name, slots, runs, self._account, pages)

    def _leave_pages(self, why: Why, count: int, page_size: int, reason: str) -> None:
        if count > 0:
            self._account.leave(why, count * page_size // PAGE_SIZE, reason)

    def _find_runs(self, there: int, bad: list[int], page_size: int) -> Generator[Run]:
        start = 1
        for end in (*bad, there):
            if start < min(end, there):
                yield Run(
                    start * page_size,
                    min(end, there) * page_size,
                    holes=(Why.ZERO, _ZEROS),
                    sift=Zeros(self._account, _ZEROS),
                    doubt=_STALE,
                )
            start = end + 1


def _parse(name: str, head: bytes, page_size: int) -> tuple[Struct, list[int]]:
    """The header, and the numbers of its bad pages in order."""
    most = (page_size - _BADPAGES_OFFSET - len(_SIGNATURE)) // 4
    for layout in (Layout(64, True), Layout(64, False)):
        header = swap_header(layout).parse(head)
        if header.version == 1 and header.last_page and header.nr_badpages <= most:
            u32 = numbers(layout).u32
            bad = u32[header.nr_badpages].parse(head[_BADPAGES_OFFSET:])
            return header, sorted({page for page in bad if 0 < page <= header.last_page})
    raise TargetError(name, "has a swap header that makes no sense", "look at it: inspect")


def _check_idle(name: str, medium: FileMedium) -> None:
    hint = "host as the source reads the memory that it belongs to; or use it after swapoff"
    for path in _active():
        if _is_same(path, medium.fd):
            reason = "is in use as swap: what it holds may be old, and the newest in zswap alone"
            raise TargetError(name, reason, hint)
    if stat.S_ISBLK(os.fstat(medium.fd).st_mode):
        try:
            os.close(os.open(f"/proc/self/fd/{medium.fd}", os.O_RDONLY | os.O_EXCL))
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise TargetError(name, "is claimed by another program or device") from error


def _active() -> Iterator[str]:
    """The paths of all areas in use, and of the files behind those that are loop devices."""
    try:
        with open("/proc/swaps", encoding="utf-8", errors="surrogateescape") as file:
            paths = [unescape(line.split()[0]) for line in file.read().splitlines()[1:]]
    except OSError:
        return
    for path in paths:
        yield path
        try:
            number = os.stat(path).st_rdev
            loop = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/loop/backing_file"
            with open(loop, encoding="utf-8", errors="surrogateescape") as file:
                yield file.read().rstrip("\n")
        except OSError:
            continue


def _is_same(path: str, fd: int) -> bool:
    try:
        there, here = os.stat(path), os.fstat(fd)
    except OSError:
        return False
    if stat.S_ISBLK(here.st_mode) and stat.S_ISBLK(there.st_mode):
        return there.st_rdev == here.st_rdev
    return os.path.samestat(there, here)


class _Device:
    """The slots of a file where they lie on its device, which is how the kernel gets at them.

    Of what is in one piece there, its whole pages by the device's count are slots
    (``iomap_swapfile_add_extent()`` in fs/iomap/swapfile.c, Linux 6.18); where blocks are smaller
    than pages, that is not where they are in the file.

    :raises TargetError: where the device cannot be read.
    """

    def __init__(self, file: FileMedium, found: list[Extent]) -> None:
        self.name = file.name
        self._file = file
        self._starts: list[int] = []  # of each piece: its first byte in the area,
        self._places: list[int] = []  # and on the device
        self.size: int | None = 0
        end = 0
        for start, stop in _pieces(found):
            self._starts.append(end)
            self._places.append(start)
            end += stop - start
        self.size = end
        self._fd = self._open()
        for start, stop in _pieces(found):  # the kernel wrote past what is cached
            os.posix_fadvise(self._fd, start, stop - start, os.POSIX_FADV_DONTNEED)

    def _open(self) -> int:
        number = os.fstat(self._file.fd).st_dev
        try:
            with open(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/uevent") as lines:
                name = dict(line.rstrip("\n").partition("=")[::2] for line in lines)["DEVNAME"]
            return os.open(f"/dev/{name}", os.O_RDONLY)
        except OSError as error:
            doing = "what was swapped to this file can only be read from its device"
            raise TargetError.from_os(self.name, error, doing) from error

    def read_at(self, view: memoryview, offset: int) -> int:
        """Read as :meth:`Medium.read_at` says."""
        if self.size is None or offset >= self.size:
            return 0
        behind = bisect_right(self._starts, offset)
        end = self._starts[behind] if behind < len(self._starts) else self.size
        place = self._places[behind - 1] + offset - self._starts[behind - 1]
        return os.preadv(self._fd, [view[: end - offset]], place)

    def data(self, offset: int, end: int) -> tuple[int, int]:
        """All is data."""
        return offset, end

    def close(self) -> None:
        """Close the file and the device."""
        os.close(self._fd)
        self._file.close()


def _pieces(found: list[Extent]) -> Iterator[tuple[int, int]]:
    """The whole pages of a device in each run of extents that follow each other there."""
    start = stop = 0
    for extent in (*found, None):
        if extent is not None and extent.physical == stop:
            stop += extent.length
            continue
        first, last = -(-start // PAGE_SIZE) * PAGE_SIZE, stop // PAGE_SIZE * PAGE_SIZE
        if first < last:
            yield first, last
        if extent is not None:
            start, stop = extent.physical, extent.physical + extent.length


def _slots(file: FileMedium) -> Medium:
    """Where the slots of an area are read."""
    os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_DONTNEED)  # the kernel wrote past what is cached
    found = [] if stat.S_ISBLK(os.fstat(file.fd).st_mode) else list(extents(file.fd) or ())
    if any(extent.flags & _ELSEWHERE for extent in found):
        return file  # swapon(2) would not have taken it
    if any(ExtentFlag.UNWRITTEN in e.flags or e.physical % PAGE_SIZE for e in found):
        return _Device(file, found)
    return file
