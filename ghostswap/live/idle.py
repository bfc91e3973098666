# SPDX-License-Identifier: GPL-2.0-or-later
"""Idle page tracking: which frames were not touched since they were marked idle.

Documentation/admin-guide/mm/idle_page_tracking.rst and mm/page_idle.c (Linux 4.3 to 7.3): a bit a
frame, 64 in a word. A 1 that is written marks; a 0 does nothing. To read a bit that is 1 is to ask
the accessed bits of all page tables once more. The tails of a huge page have no bit of their own.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable

from ghostswap.errors import TargetError

BITMAP = "/sys/kernel/mm/page_idle/bitmap"
FLAGS = "/proc/kpageflags"
#: Frames that are looked at together: those of the largest huge page whose parts are mapped alone.
_BLOCK_SHIFT = 9
_BLOCK = 1 << _BLOCK_SHIFT
# include/uapi/linux/kernel-page-flags.h
_COMPOUND_HEAD, _COMPOUND_TAIL = 1 << 15, 1 << 16


class Idle:
    """The marks of this machine's frames; for root.

    :param bitmap: and *flags* are files as the kernel's :data:`BITMAP` and :data:`FLAGS`.
    :raises TargetError: where there is none, or this user may not use it.
    """

    def __init__(self, bitmap: str = BITMAP, flags: str = FLAGS) -> None:
        self._bitmap = _open(bitmap, os.O_RDWR)
        try:
            self._flags = _open(flags, os.O_RDONLY)
        except TargetError:
            os.close(self._bitmap)
            raise

    def touched(self, frames: Iterable[int]) -> set[int]:
        """Those of *frames* that were touched since :meth:`mark`, or never marked.

        A frame that is on no list of the kernel's is among them, for it cannot be marked: one that
        came to a process just before, for instance.
        """
        found: set[int] = set()
        for block, heads in self._blocks(frames):
            bits = os.pread(self._bitmap, _BLOCK // 8, block * _BLOCK // 8)
            idle = int.from_bytes(bits, "little")
            found.update(frame for frame, head in heads.items() if not idle >> head & 1)
        return found

    def mark(self, frames: Iterable[int]) -> None:
        """Mark *frames* idle."""
        for block, heads in self._blocks(frames):
            idle = sum(1 << head for head in {*heads.values()})
            os.pwrite(self._bitmap, idle.to_bytes(_BLOCK // 8, "little"), block * _BLOCK // 8)

    def _blocks(self, frames: Iterable[int]) -> Iterable[tuple[int, dict[int, int]]]:
        """Blocks, and of the frames there the place of their bit."""
        blocks: defaultdict[int, list[int]] = defaultdict(list)
        for frame in frames:
            blocks[frame >> _BLOCK_SHIFT].append(frame)
        for block, some in blocks.items():
            heads = self._heads(block)
            yield block, {frame: heads[frame % _BLOCK] for frame in some}

    def _heads(self, block: int) -> range | list[int]:
        """By place in *block*, the place of its bit: its own, or that of its huge page's head."""
        data = os.pread(self._flags, _BLOCK * 8, block * _BLOCK * 8)
        flags = memoryview(data.ljust(_BLOCK * 8, b"\0")).cast("Q")
        if not any(flag & _COMPOUND_TAIL for flag in flags):
            return range(_BLOCK)
        heads, head = [], 0
        for place, flag in enumerate(flags):
            if flag & _COMPOUND_HEAD:
                head = place
            heads.append(head if flag & _COMPOUND_TAIL else place)
        return heads

    def close(self) -> None:
        """Close the files."""
        os.close(self._bitmap)
        os.close(self._flags)

    def __enter__(self) -> Idle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError as error:
        raise TargetError.from_os(path, error) from error
