# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pages of a process are anonymous memory: PAGEMAP_SCAN (Linux 6.7), or entry by entry.

Both ways look at page tables that are there and touch nothing: Documentation/admin-guide/mm/
pagemap.rst and fs/proc/task_mmu.c.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator

from ghostswap.page import PAGE_SIZE

#: Addresses from and to.
Run = tuple[int, int]

#: Of an entry: the page is in memory.
PRESENT = 1 << 63
#: Of an entry: of a page in memory its frame, 0 without CAP_SYS_ADMIN; in swap, type and offset.
NUMBER = (1 << 55) - 1

#: Look through addresses from *start* to *end* (of /proc/PID/pagemap opened as *fd*) for at most
#: *max_pages* anonymous pages in memory; return runs of them, and where the walk ended.
#: Of a process that has ended nothing is found.
Walk = Callable[[int, int, int, int], tuple[list[Run], int]]

# include/uapi/linux/fs.h
_PM_SCAN_ARG = struct.Struct("=12Q")  # struct pm_scan_arg
_PM_SCAN_ARG_WALK_END = 4
_PAGE_REGION_WORDS = 3  # struct page_region: start, end, categories
_PAGEMAP_SCAN = 3 << 30 | _PM_SCAN_ARG.size << 16 | ord("f") << 8 | 16  # _IOWR('f', 16, ...)
_PAGE_IS_FILE = 1 << 2
_PAGE_IS_PRESENT = 1 << 3
_PAGE_IS_SWAPPED = 1 << 4
_PAGE_IS_PFNZERO = 1 << 5

_REGIONS = 1024

IN_SWAP = "in swap, where they stay"

#: By bits 56 to 63 of an entry: is it present (63), neither swapped (62) nor file or shmem (61)?
_ANONYMOUS = bytes(flags >> 5 == 0b100 for flags in range(256))
_MAX_ENTRIES = 1 << 16


def scan(fd: int, start: int, end: int, max_pages: int) -> tuple[list[Run], int]:
    """Walk as :data:`Walk` says by ioctl PAGEMAP_SCAN, which passes over what is empty.

    The shared zero page, which only reading maps, is left out: it is never swapped.

    :raises OSError: ENOTTY before Linux 6.7.
    """
    return _scan(fd, start, end, max_pages, _PAGE_IS_PRESENT)


def next_page(fd: int, start: int, end: int) -> int:
    """The first address of anonymous memory, in memory or in swap; *end* where there is none.

    :raises OSError: ENOTTY before Linux 6.7.
    """
    runs, _ = _scan(fd, start, end, 1, 0, _PAGE_IS_PRESENT | _PAGE_IS_SWAPPED)
    return runs[0][0] if runs else end


def zero_pages(fd: int, start: int, end: int) -> list[Run]:
    """Where the shared zero page is mapped, small or huge.

    :raises OSError: ENOTTY before Linux 6.7.
    """
    found: list[Run] = []
    while start < end:
        runs, start = _scan(fd, start, end, 0, _PAGE_IS_PFNZERO, wanted=True)
        found += runs
    return found


def _scan(
    fd: int,
    start: int,
    end: int,
    max_pages: int,
    category: int,
    any_of: int = 0,
    *,
    wanted: bool = False,
) -> tuple[list[Run], int]:
    """Find pages of *category* and *any_of* others; unless *wanted*, no zero or file pages."""
    vec = array("Q", bytes(8 * _PAGE_REGION_WORDS * _REGIONS))
    unwanted = 0 if wanted else _PAGE_IS_FILE | _PAGE_IS_PFNZERO
    arg = bytearray(
        _PM_SCAN_ARG.pack(
            _PM_SCAN_ARG.size,
            0,  # flags
            start,
            end,
            0,  # walk_end
            vec.buffer_info()[0],
            _REGIONS,
            max_pages,
            unwanted,  # category_inverted
            category | unwanted,  # category_mask
            any_of,  # category_anyof_mask
            0,  # return_mask: regions of equal categories become one
        )
    )
    try:
        words = fcntl.ioctl(fd, _PAGEMAP_SCAN, arg) * _PAGE_REGION_WORDS
    except ProcessLookupError:
        return [], end
    runs = [(vec[i], vec[i + 1]) for i in range(0, words, _PAGE_REGION_WORDS)]
    # Where the kernel's own buffer of 512 regions was full before the walk came to its end,
    # walk_end still says where that was (Linux 6.18), though what came after is in vec, too.
    walk_end = _PM_SCAN_ARG.unpack(arg)[_PM_SCAN_ARG_WALK_END]
    return runs, max(walk_end, runs[-1][1] if runs else start)


def read_entries(fd: int, start: int, end: int, max_pages: int) -> tuple[list[Run], int]:
    """Walk as :data:`Walk` says by reading the entries, eight bytes for every page.

    An entry does not tell the shared zero page from anonymous memory; it comes out as one more
    page of zeros.
    """
    runs: list[Run] = []
    entries = max_pages
    while start < end and not runs:
        entries = min(entries, (end - start) // PAGE_SIZE)
        flags = os.pread(fd, entries * 8, start // PAGE_SIZE * 8)[7::8]
        if not flags:
            return [], end
        marks = flags.translate(_ANONYMOUS) + b"\0"
        last = 0
        while (first := marks.find(1, last)) >= 0:
            last = min(marks.find(0, first), first + max_pages)
            max_pages -= last - first
            runs.append((start + first * PAGE_SIZE, start + last * PAGE_SIZE))
            if not max_pages:
                return runs, runs[-1][1]
        start += len(flags) * PAGE_SIZE
        entries = min(2 * entries, _MAX_ENTRIES)
    return runs, start


#: By bits 48 to 55 of an entry: was it written since somebody cleared bit 55, soft-dirty?
_SOFT_DIRTY = bytes(flags >> 7 for flags in range(256))


def written(fd: int, start: int, end: int) -> tuple[list[Run], list[Run]]:
    """Runs of anonymous pages in memory, and of those of them that were written since the clearing.

    A kernel without CONFIG_MEM_SOFT_DIRTY says of none that it was written.
    """
    present: list[Run] = []
    dirty: list[Run] = []
    while start < end:
        entries = os.pread(
            fd, min((end - start) // PAGE_SIZE, _MAX_ENTRIES) * 8, start // PAGE_SIZE * 8
        )
        if not entries:
            break
        marks = entries[7::8].translate(_ANONYMOUS)
        both = int.from_bytes(marks) & int.from_bytes(entries[6::8].translate(_SOFT_DIRTY))
        present += _runs(marks, start)
        dirty += _runs(both.to_bytes(len(marks)), start)
        start += len(marks) * PAGE_SIZE
    return present, dirty


def frames(fd: int, runs: Iterable[Run]) -> Iterator[tuple[int, int]]:
    """Address and frame of each page of *runs* that is in memory; none without CAP_SYS_ADMIN."""
    for start, end in runs:
        entries = os.pread(fd, (end - start) // PAGE_SIZE * 8, start // PAGE_SIZE * 8)
        words = memoryview(entries).cast("Q")
        for address, entry in zip(range(start, end, PAGE_SIZE), words, strict=False):
            if entry & PRESENT and (frame := entry & NUMBER):
                yield address, frame


def _runs(marks: bytes, start: int) -> list[Run]:
    """Where *marks* are 1, a page each, from address *start* on."""
    found = []
    last = 0
    while (first := marks.find(1, last)) >= 0:
        end = marks.find(0, first)
        last = len(marks) if end < 0 else end
        found.append((start + first * PAGE_SIZE, start + last * PAGE_SIZE))
    return found


def size_of(runs: Iterable[Run]) -> int:
    """Bytes that *runs* have together."""
    return sum(end - start for start, end in runs)


def take(rest: list[Run], size: int) -> list[Run]:
    """Take at most *size* bytes from *rest*, whose next run is its last."""
    taken: list[Run] = []
    while size and rest:
        start, end = rest.pop()
        if end - start > size:
            rest.append((start + size, end))
            end = start + size
        taken.append((start, end))
        size -= end - start
    return taken


def drop(rest: list[Run], size: int) -> int:
    """Pass over at most *size* bytes of *rest* as :func:`take` has it; return how many."""
    left = size
    while left and rest:
        start, end = rest.pop()
        if end - start > left:
            rest.append((start + left, end))
            return size
        left -= end - start
    return size - left


def best_walk(fd: int) -> Walk:
    """Choose how to walk: by PAGEMAP_SCAN where this kernel has it."""
    try:
        scan(fd, 0, 0, 0)
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        return read_entries
    return scan
