# SPDX-License-Identifier: GPL-2.0-or-later
"""A zram device without the bytes: its blocks, its limits and its counters.

Modelled: drivers/block/zram/zram_drv.c, Linux 6.1 to 7.3; recompression by its source alone.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from ghostswap.kernels.rules import Kernel
from ghostswap.mm.columns import counted, grown, zeros
from ghostswap.mm.zpool.size_class import Filling, huge_class_size, size_classes
from ghostswap.mm.zpool.zsmalloc import Pool
from ghostswap.page import PAGE_SIZE, SAME, ZEROS

#: What ``writeback`` and ``recompress`` may be told to take.
WritebackMode = Literal["huge", "idle", "huge_idle"]


@dataclass
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


@dataclass(slots=True)
class Recompressed:
    """What ``recompress`` did.

    :ivar decompressed: blocks that were read for it.
    :ivar compressed: by algorithm, blocks that it was tried on.
    :ivar smaller: blocks that are in a smaller class now.
    """

    compressed: list[int]
    decompressed: int = 0
    smaller: int = 0

    def add(self, other: Recompressed) -> None:
        """Count what another pass did, too."""
        self.decompressed += other.decompressed
        self.smaller += other.smaller
        self.compressed = [a + b for a, b in zip(self.compressed, other.compressed, strict=True)]


# The flags of a table entry stand above the compressed length, as ``enum zram_pageflags`` does.
_LENGTH = (1 << 13) - 1
_STORED = 1 << 13
_WB = 1 << 14
_IDLE = 1 << 15
# Of a block's priority: the algorithm it is compressed by, 0 for comp_algorithm.
_PRIORITY = 3
_INCOMPRESSIBLE = 1 << 2  # no algorithm made it smaller

#: ``ZRAM_MAX_COMPS``
MAX_COMPS = 4


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
        self._writeback_step = kernel.zram.writeback_step
        self._rules = kernel.zram
        self._classes = size_classes(rules=kernel.zsmalloc)
        self._limit_pages = -(-mem_limit // PAGE_SIZE)
        self.writeback_limit = writeback_limit
        self.mm_stat = MmStat(mem_limit=self._limit_pages * PAGE_SIZE)
        self.bd_stat = BdStat()
        self.failed_writes = 0
        # As long as blocks are only written in runs, numbers of them by length are enough.
        self._filling: Filling | None = Filling(self._classes)
        self._put_off: list[tuple[int, array[int]]] = []
        # By block: the handle in the pool, 0 without one; flags and length.
        self._handle = zeros("I", 64)
        self._flags = zeros("H", 64)
        self._priority = zeros("B", 64)

    @property
    def is_limited(self) -> bool:
        """Whether there is a *mem_limit*, so that a block may be refused."""
        return self._limit_pages > 0

    @property
    def recompresses_by_one(self) -> bool:
        """Whether :meth:`recompress` tries one algorithm at a time."""
        return self._rules.recompresses_by_one

    def write_run(self, index: int, views: array[int]) -> None:
        """Write a new block of each view, from *index* on; there is no *mem_limit*.

        :param views: zram's of pages (:mod:`ghostswap.page`); ``ZEROS`` leaves a block out.
        """
        if self._filling is None:
            for block, view in enumerate(views, index):
                if view != ZEROS:
                    self.write(block, view)
            return
        for view, count in counted(views).items():
            if view == SAME:
                self.mm_stat.add(0, count)
            elif view != ZEROS:
                self.mm_stat.add(view, count)
                self._filling.store(view, count)
        self.mm_stat.set_pool_pages(self._filling.pages)
        self._put_off.append((index, views[:]))

    def _make_blocks(self) -> None:
        """Make the table of what was written in runs."""
        if self._filling is None:
            return
        self._filling = None
        for index, views in self._put_off:
            self._make_room(index + len(views) - 1)
            for block, view in enumerate(views, index):
                if view == SAME:
                    self._flags[block] = _STORED
                elif view != ZEROS:
                    self._handle[block] = self._pool.malloc(view)
                    self._flags[block] = _STORED | view
        self._put_off.clear()

    def _make_room(self, index: int) -> None:
        if index >= len(self._flags):
            self._handle = grown("I", self._handle, index)
            self._flags = grown("H", self._flags, index)
            self._priority = grown("B", self._priority, index)

    def write(self, index: int, length: int) -> bool:
        """Write block *index*; whether that went well.

        :param length: zram's view of the page (:mod:`ghostswap.page`): ``SAME`` where same-filled,
            4096 where huge.
        """
        self._make_blocks()
        self._make_room(index)
        if length == SAME:
            length = 0
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
        self._make_blocks()
        if index < len(self._flags):
            self._flags[index] &= ~_IDLE & 0xFFFF
            self.bd_stat.bd_reads += bool(self._flags[index] & _WB)

    def length(self, index: int) -> int:
        """The length of block *index* in the pool; 0 for one that has no object there."""
        self._make_blocks()
        return self._flags[index] & _LENGTH if self._handle[index] else 0

    def slot_free_notify(self, index: int) -> None:
        """Forget block *index*, as swap does when the slot is free, and a discard."""
        self._make_blocks()
        if index < len(self._flags):
            self._free(index)

    def stat(self) -> dict[str, int]:
        """mm_stat, bd_stat, and ``failed_writes`` of io_stat."""
        return {**asdict(self.mm_stat), **asdict(self.bd_stat), "failed_writes": self.failed_writes}

    def mark_idle(self) -> None:
        """``echo all > idle``: whatever is not accessed until :meth:`writeback` is cold."""
        self._make_blocks()
        for index in self._in_pool():
            self._flags[index] |= _IDLE

    def writeback(self, mode: WritebackMode) -> list[int]:
        """Move blocks to the backing device, as many as *writeback_limit* lets.

        :return: the numbers of the blocks that went there, in the order that the kernel takes.
        """
        self._make_blocks()
        chosen = self._in_order(self._chosen(mode))[: self.writeback_limit]
        for index in chosen:
            self._free(index)
            self._flags[index] = _STORED | _WB
            self.mm_stat.orig_data_size += PAGE_SIZE
        if self.writeback_limit is not None:
            self.writeback_limit -= len(chosen)
        self.bd_stat.bd_count += len(chosen)
        self.bd_stat.bd_writes += len(chosen)
        return chosen

    def recompress(
        self,
        algorithms: Sequence[Callable[[int], int]],
        mode: WritebackMode | None = None,
        *,
        threshold: int = 0,
        max_pages: int | None = None,
        priority: int | None = None,
    ) -> Recompressed:
        """``recompress_store()``: have blocks compressed once more, where that saves memory.

        :param algorithms: those of ``recomp_algorithm`` by priority, from 1 on: what each makes of
            a block, by its number.
        :param mode: which blocks; all of them where ``None``.
        :param threshold: bytes below which a block is small enough, and which the result must be
            below; 0 for none.
        :param max_pages: most blocks that are tried; ``None`` for no limit.
        :param priority: the one algorithm to use, or up to 7.0 where none is named, all in turn.
        :raises ValueError: where *threshold* is that of huge pages or above, or there is no such
            *priority*, which the kernel refuses with EINVAL.
        """
        first, last = 1 if priority is None else priority, len(algorithms)
        if not self._rules.recompresses_by_one:
            first = max(first, 1)
        if threshold >= huge_class_size(self._classes) or not 1 <= first <= last:
            raise ValueError("the kernel refuses that with EINVAL")
        self._make_blocks()
        if priority is not None or self._rules.recompresses_by_one:
            last = first
        found = [
            index
            for index in self._chosen(mode or "")
            if not self._priority[index] & _INCOMPRESSIBLE
            and self._priority[index] & _PRIORITY < last
        ]
        done = Recompressed([0] * len(algorithms))
        for index in self._in_order(found):
            if max_pages == 0:
                break
            if self._flags[index] & _LENGTH < threshold:
                continue
            self._flags[index] &= ~_IDLE & 0xFFFF
            if max_pages is not None:
                max_pages -= 1
            tried = range(max(first, (self._priority[index] & _PRIORITY) + 1), last + 1)
            self._recompress_slot(index, algorithms, tried, threshold, done)
        return done

    def _recompress_slot(
        self,
        index: int,
        algorithms: Sequence[Callable[[int], int]],
        tried: range,
        threshold: int,
        done: Recompressed,
    ) -> None:
        """``recompress_slot()``"""
        done.decompressed += 1
        class_index = self._class_index(self._flags[index] & _LENGTH)
        for priority in tried:
            length = algorithms[priority - 1](index)
            done.compressed[priority - 1] += 1
            if self._class_index(length) < class_index and not 0 < threshold <= length:
                handle = self._pool.malloc(length)  # before the old one goes
                self.mm_stat.set_pool_pages(self._pool.pages)
                self._free(index)
                self.mm_stat.add(length)
                self.mm_stat.set_pool_pages(self._pool.pages)
                self._handle[index] = handle
                self._flags[index] = _STORED | length
                self._priority[index] = priority
                done.smaller += 1
                return
        if len(algorithms) in tried:
            self._priority[index] |= _INCOMPRESSIBLE

    def _class_index(self, length: int) -> int:
        """``zs_lookup_class_index()``, which leaves the handle out."""
        sizes = [c.size for c in self._classes]
        return bisect_left(sizes, min(length, PAGE_SIZE))

    def _chosen(self, mode: str) -> list[int]:
        """The blocks in the pool that *mode* names, by number."""
        wanted = _IDLE if "idle" in mode else 0
        flags = self._flags
        return [
            index
            for index in self._in_pool()
            if flags[index] & wanted == wanted
            and ("huge" not in mode or flags[index] & _LENGTH == PAGE_SIZE)
        ]

    def _in_order(self, found: list[int]) -> list[int]:
        """The order of ``select_pp_slot()``."""
        flags = self._flags
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
            handle = self._handle[index]
            if handle:
                self._pool.free(handle)
                self.mm_stat.set_pool_pages(self._pool.pages)
        self._handle[index] = self._flags[index] = self._priority[index] = 0
