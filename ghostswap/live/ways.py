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
    with Memory(os.getpid()) as own:
        tried = _Tried(own)
        try:
            counts, marks, longer = tried.counts(), tried.marks(), tried.longer()
        except TargetError as error:
            raise GhostswapError(
                "this kernel does not let touches be seen", "it needs CONFIG_PROC_PAGE_MONITOR"
            ) from error
        if not counts:
            raise GhostswapError(
                "this kernel takes the clearing of accessed bits, but then counts no touches",
                "capture on another kernel",
            )
        obstacle = tried.obstacle()
    dirty_words = "which pages were written"
    if not marks:
        dirty_words = "accepted, but marks nothing: built without CONFIG_MEM_SOFT_DIRTY"
    ages = "not built in, or no debugfs for this user"
    if os.path.exists(_LRU_GEN):
        ages = "is there, and counts what accessed bits count, by cgroup: not used"
    return Ways(
        Way("accessed bits", True, "how many pages of each mapping were read or written"),
        Way("soft-dirty", marks, dirty_words),
        Way("idle pages", not obstacle, obstacle or "which pages were read or written"),
        Way("MGLRU's ages", False, ages),
        longer,
    )


class _Tried:
    """Pages of this process, whose memory is *own*, touched as is known."""

    def __init__(self, own: Memory) -> None:
        self._own = own
        self._pages = mmap.mmap(-1, _PROBED * PAGE_SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._pages.madvise(mmap.MADV_NOHUGEPAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        self._span = (start, start + len(self._pages))
        self._touch_all()

    def _touch_all(self) -> None:
        for at in range(0, len(self._pages), PAGE_SIZE):
            self._pages[at] = 1

    def _touch_odd(self) -> None:
        for at in range(PAGE_SIZE, len(self._pages), 2 * PAGE_SIZE):
            self._pages[at] = 1

    def counts(self) -> bool:
        """Whether all that are touched are counted, once the accessed bits were cleared."""
        clear(self._own)
        before = self._referenced()
        self._touch_all()
        return self._referenced() - before >= _PROBED

    def _referenced(self) -> int:
        start, _ = self._span
        mappings = (one for one in self._own.mappings() if one.start <= start < one.end)
        return sum(one.referenced for one in mappings)

    def marks(self) -> bool:
        """Whether soft-dirty bits are on those pages that are written, and on no others."""
        clear(self._own)
        _, before = pagemap.written(self._own.pagemap, *self._span)
        self._touch_odd()
        _, dirty = pagemap.written(self._own.pagemap, *self._span)
        return not before and pagemap.size_of(dirty) == len(self._pages) // 2

    def longer(self) -> float:
        """What the first touch of a page after a clearing takes longer, in seconds."""
        return max(self._seconds(cold=True) - self._seconds(cold=False), 0.0) / _PROBED

    def _seconds(self, *, cold: bool) -> float:
        """What touching all takes; the best of some tries, for the machine may be busy."""
        took = []
        for _ in range(_TRIES):
            if cold:
                clear(self._own)
            start = time.perf_counter()
            self._touch_all()
            took.append(time.perf_counter() - start)
        return min(took)

    def obstacle(self) -> str:
        """Why idle pages are of no use; ``""`` where they are."""
        try:
            with Idle() as idle:
                return self._obstacle_of(idle)
        except TargetError as error:
            if error.errno == errno.ENOENT:
                return "built without CONFIG_IDLE_PAGE_TRACKING"
            return "only root may use them"

    def _obstacle_of(self, idle: Idle) -> str:
        frames = [frame for _, frame in pagemap.frames(self._own.pagemap, [self._span])]
        if len(frames) < _PROBED:
            return "this user may not see which frames pages are in: run as root"
        clear(self._own, idle, frames)
        self._touch_odd()
        found = idle.touched(frames)
        # Some may be on their way to a list of the kernel's, where they cannot be marked.
        few = _PROBED // 32
        hits, others = found & {*frames[1::2]}, found & {*frames[::2]}
        works = len(hits) == _PROBED // 2 and len(others) <= few
        return "" if works else "is there, and marks nothing"
