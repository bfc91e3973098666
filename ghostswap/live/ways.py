# SPDX-License-Identifier: GPL-2.0-or-later
"""How this kernel lets touches be seen: each way tried on pages of this process.

Documentation/filesystems/proc.rst and admin-guide/mm/soft-dirty.rst: 1 written to clear_refs clears
the accessed bits of all pages, which smaps counts as Referenced; 4 clears the soft-dirty bits. Only
4 flushes the TLB (clear_refs_write() of fs/proc/task_mmu.c), by which touches would go unseen; it
does so on kernels without soft-dirty bits, too.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from ghostswap.errors import GhostswapError, TargetError
from ghostswap.live.idle import Idle
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.captured import Way
from ghostswap.pages.processes import pagemap
from ghostswap.pages.processes.memory import Memory

_ACCESSED, _SOFT_DIRTY = "1", "4"  # written to clear_refs
_LRU_GEN = "/sys/kernel/debug/lru_gen"
_PROBED, _TRIES = 1024, 5


class Ways(NamedTuple):
    """All ways, tried.

    :ivar first_touch_seconds: what the first touch of a page after a clearing takes longer.
    """

    accessed: Way
    soft_dirty: Way
    idle: Way
    lru_gen: Way
    first_touch_seconds: float

    @property
    def all(self) -> tuple[Way, ...]:
        return (self.accessed, self.soft_dirty, self.idle, self.lru_gen)


def clear(memory: Memory, idle: Idle | None = None, frames: Iterable[int] = ()) -> None:
    """Have no page of *memory* be touched any more, and *frames* be marked.

    :raises TargetError: where it has ended, or may not be told so.
    """
    memory.tell("clear_refs", _ACCESSED)
    if idle is not None:
        idle.mark(frames)
    memory.tell("clear_refs", _SOFT_DIRTY)


def probe() -> Ways:
    """Try what this kernel has, on pages of this process.

    :raises GhostswapError: where it cannot even count the pages that are touched.
    """
    pages = mmap.mmap(-1, _PROBED * PAGE_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages.madvise(mmap.MADV_NOHUGEPAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    span = (address, address + len(pages))
    everything = range(0, len(pages), PAGE_SIZE)
    with Memory(os.getpid()) as own:

        def referenced() -> int:
            return sum(one.referenced for one in own.mappings() if one.start <= address < one.end)

        def touch(which: range) -> None:
            for at in which:
                pages[at] = 1

        def seconds(*, cold: bool) -> float:
            """What touching all takes; the best of some tries, for the machine may be busy."""
            took = []
            for _ in range(_TRIES):
                if cold:
                    clear(own)
                start = time.perf_counter()
                touch(everything)
                took.append(time.perf_counter() - start)
            return min(took)

        touch(everything)
        try:
            clear(own)
            before = referenced()
            touch(everything)
            counts = referenced() - before >= _PROBED
            clear(own)
            clean = not pagemap.written(own.pagemap, *span)[1]
            touch(everything[1::2])
            dirty = pagemap.written(own.pagemap, *span)[1]
            marks = clean and pagemap.size_of(dirty) == len(pages) // 2
            longer = max(seconds(cold=True) - seconds(cold=False), 0.0)
        except TargetError as error:
            raise GhostswapError(
                "this kernel does not let touches be seen", "it needs CONFIG_PROC_PAGE_MONITOR"
            ) from error
        if not counts:
            raise GhostswapError(
                "this kernel takes the clearing of accessed bits, but then counts no touches",
                "capture on another kernel",
            )

        def finds() -> str:
            """Why idle pages are of no use; nothing where they are."""
            with Idle() as idle:
                frames = [frame for _, frame in pagemap.frames(own.pagemap, [span])]
                if len(frames) < _PROBED:
                    return "this user may not see which frames pages are in: run as root"
                clear(own, idle, frames)
                touch(everything[1::2])
                found = idle.touched(frames)
            # Some may be on their way to a list of the kernel's, where they cannot be marked.
            few = _PROBED // 32
            hits, others = found & {*frames[1::2]}, found & {*frames[::2]}
            works = len(hits) == _PROBED // 2 and len(others) <= few
            return "" if works else "is there, and marks nothing"

        try:
            obstacle = finds()
        except TargetError as error:
            obstacle = "only root may use them"
            if error.errno == errno.ENOENT:
                obstacle = "built without CONFIG_IDLE_PAGE_TRACKING"
    dirty_words = "which pages were written"
    if not marks:
        dirty_words = "accepted, but marks nothing: built without CONFIG_MEM_SOFT_DIRTY"
    ages = "is there, and counts what accessed bits count, by cgroup: not used"
    return Ways(
        Way("accessed bits", True, "how many pages of each mapping were read or written"),
        Way("soft-dirty", marks, dirty_words),
        Way("idle pages", not obstacle, obstacle or "which pages were read or written"),
        Way(
            "MGLRU's ages",
            False,
            ages if os.path.exists(_LRU_GEN) else "not built in, or no debugfs for this user",
        ),
        longer / _PROBED,
    )
