# SPDX-License-Identifier: GPL-2.0-or-later
"""A zram device without the bytes: its blocks, its limits and its counters.

Modelled: drivers/block/zram/zram_drv.c, Linux 6.1 to 6.18.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from ghostswap.kernels import Kernel
from ghostswap.mm.zpool.zsmalloc import Pool
from ghostswap.pages.source import PAGE_SIZE

#: What ``writeback`` may be told to take.
WritebackMode = Literal["huge", "idle", "huge_idle"]


@dataclass(slots=True)
class MmStat:
    """/sys/block/zramN/mm_stat, in the order of the file; sizes in bytes."""

    orig_data_size: int = 0
    compr_data_size: int = 0
    mem_used_total: int = 0
    mem_limit: int = 0
    mem_used_max: int = 0
    same_pages: int = 0
    pages_compacted: int = 0
    huge_pages: int = 0
    huge_pages_since: int = 0

    def add(self, length: int, count: int = 1) -> None:
        """Count *count* blocks written that compress to *length*; 0 where same-filled."""
        self.orig_data_size += count * PAGE_SIZE
        self.compr_data_size += count * length
        if length == 0:
            self.same_pages += count
        elif length == PAGE_SIZE:
            self.huge_pages += count
            self.huge_pages_since += count

    def remove(self, length: int) -> None:
        """Undo :meth:`add` for one block, but for ``huge_pages_since``, which never falls."""
        self.orig_data_size -= PAGE_SIZE
        self.compr_data_size -= length
        self.same_pages -= length == 0
        self.huge_pages -= length == PAGE_SIZE

    def set_pool_pages(self, pages: int) -> None:
        """Note the size of the pool, and whether it was ever larger."""
        self.mem_used_total = pages * PAGE_SIZE
        self.mem_used_max = max(self.mem_used_max, self.mem_used_total)


@dataclass(slots=True)
class BdStat:
    """/sys/block/zramN/bd_stat, in units of 4 KiB: what is on the backing device, its traffic."""

    bd_count: int = 0
    bd_reads: int = 0
    bd_writes: int = 0


# The flags of a table entry stand above the compressed length, as ``enum zram_pageflags`` does.
_LENGTH = (1 << 13) - 1
_STORED = 1 << 13
_WB = 1 << 14
_IDLE = 1 << 15


class Zram:
    """One device of *kernel*.

    :param mem_limit: bytes that the pool may take, rounded up to a page; 0 for no limit.
    :param writeback_limit: pages that :meth:`writeback` may write in all; ``None`` for no limit.
    :ivar mm_stat: the counters of that file; so *bd_stat*.
    :ivar failed_writes: of io_stat: blocks refused at *mem_limit*.
    """

    def __init__(
        self, kernel: Kernel, mem_limit: int = 0, writeback_limit: int | None = None
    ) -> None:
        self._pool = Pool(rules=kernel.zsmalloc)
        self._writeback_step = kernel.zram_writeback_step
        self._limit_pages = -(-mem_limit // PAGE_SIZE)
        self.writeback_limit = writeback_limit
        self.mm_stat = MmStat(mem_limit=self._limit_pages * PAGE_SIZE)
        self.bd_stat = BdStat()
        self.failed_writes = 0
        # By block: the handle in the pool, 0 without one; flags and length.
        self._handle = array("Q")
        self._flags = array("H")

    def write(self, index: int, length: int) -> bool:
        """Write block *index*; whether that went well.

        :param length: what the codec's ``lengths`` say for zram: 0 where same-filled, 4096 where
            huge.
        """
        if index >= len(self._flags):
            missing = index + 1 - len(self._flags)
            self._handle.extend([0] * missing)
            self._flags.extend([0] * missing)
        handle = 0
        if length:
            handle = self._pool.malloc(length)
            # The limit is looked at when the object is there: only a new zspage can break it.
            self.mm_stat.set_pool_pages(self._pool.pages)
            if 0 < self._limit_pages < self._pool.pages:
                self._pool.free(handle)
                self.mm_stat.set_pool_pages(self._pool.pages)
                self.failed_writes += 1
                return False
        self._free(index)
        self.mm_stat.add(length)
        self._handle[index] = handle
        self._flags[index] = _STORED | length
        return True

    def read(self, index: int) -> None:
        """Read block *index*, which is idle no more; from the backing device if it is there."""
        if index < len(self._flags):
            self._flags[index] &= ~_IDLE & 0xFFFF
            self.bd_stat.bd_reads += bool(self._flags[index] & _WB)

    def slot_free_notify(self, index: int) -> None:
        """Forget block *index*, as swap does when the slot is free, and a discard."""
        if index < len(self._flags):
            self._free(index)

    def stat(self) -> dict[str, int]:
        """mm_stat, bd_stat, and ``failed_writes`` of io_stat."""
        return {**asdict(self.mm_stat), **asdict(self.bd_stat), "failed_writes": self.failed_writes}

    def mark_idle(self) -> None:
        """``echo all > idle``: whatever is not accessed until :meth:`writeback` is cold."""
        for index in self._in_pool():
            self._flags[index] |= _IDLE

    def writeback(self, mode: WritebackMode) -> list[int]:
        """Move blocks to the backing device, as many as *writeback_limit* lets.

        :return: the numbers of the blocks that went there, in the order that the kernel takes.
        """
        chosen = self._to_write_back(mode)[: self.writeback_limit]
        for index in chosen:
            self._free(index)
            self._flags[index] = _STORED | _WB
            self.mm_stat.orig_data_size += PAGE_SIZE
        if self.writeback_limit is not None:
            self.writeback_limit -= len(chosen)
        self.bd_stat.bd_count += len(chosen)
        self.bd_stat.bd_writes += len(chosen)
        return chosen

    def _to_write_back(self, mode: WritebackMode) -> list[int]:
        """``scan_slots_for_writeback()``, in the order of ``select_pp_slot()``."""
        wanted = _IDLE if "idle" in mode else 0
        flags = self._flags
        found = [
            index
            for index in self._in_pool()
            if flags[index] & wanted == wanted
            and ("huge" not in mode or flags[index] & _LENGTH == PAGE_SIZE)
        ]
        if step := self._writeback_step:
            # A block found later goes before the others in its bucket.
            found.sort(key=lambda index: (flags[index] & _LENGTH) // step)
            found.reverse()
        return found

    def _in_pool(self) -> Iterator[int]:
        """The blocks with an object in the pool: neither same-filled nor written back."""
        return (index for index, handle in enumerate(self._handle) if handle)

    def _free(self, index: int) -> None:
        """``zram_free_page()``."""
        flags = self._flags[index]
        if not flags & _STORED:
            return
        if flags & _WB:
            self.bd_stat.bd_count -= 1
            self.mm_stat.orig_data_size -= PAGE_SIZE
        else:
            self.mm_stat.remove(flags & _LENGTH)
            if handle := self._handle[index]:
                self._pool.free(handle)
                self.mm_stat.set_pool_pages(self._pool.pages)
        self._handle[index] = self._flags[index] = 0
