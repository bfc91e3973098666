# SPDX-License-Identifier: GPL-2.0-or-later
"""Every page of a source written to zram once, in order: the lengths go in, mm_stat comes out."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ghostswap.codecs import REFUSED, Codec
from ghostswap.designs import metadata
from ghostswap.designs.metadata import Metadata
from ghostswap.kernels import Filled, Kernel
from ghostswap.mm.zpool.size_class import Filling, size_classes
from ghostswap.mm.zram import BdStat, MmStat, WritebackMode, Zram
from ghostswap.pages.source import PAGE_SIZE

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Stands in lengths for a page of zeros that the zeromap takes; zram itself refuses nothing.
ZERO = REFUSED


@dataclass(frozen=True, slots=True)
class Zeromap:
    """A codec for zram behind swap's zeromap: :data:`ZERO` for each page of zeros."""

    codec: Codec

    def lengths(self, buffer: ReadableBuffer) -> array[int]:
        """As :meth:`Codec.lengths`, otherwise."""
        found = self.codec.lengths(buffer)
        words = memoryview(buffer).cast("B").cast("Q")
        step = PAGE_SIZE // words.itemsize
        for number, length in enumerate(found):
            # A page without a length is one word over and over: the first tells which.
            if length == 0 and words[number * step] == 0:
                found[number] = ZERO
        return found


def has_zeromap(kernel: Kernel) -> bool:
    """Whether *kernel* notes pages of zeros in the swap map: 6.12 and later."""
    return kernel.zswap_filled == Filled.ZERO


@dataclass(frozen=True, slots=True)
class ZramResult:
    """Where the pages went; bytes and pages, counters by their kernel names.

    :ivar pages: pages offered.
    :ivar kept_pages: of them, those that zram refused at its limit.
    :ivar zram: mm_stat, bd_stat, and ``failed_writes`` of io_stat.
    :ivar vmstat: the swap counters of /proc/vmstat.
    :ivar metadata: zram's table, handles, slots and swap tables: an estimate by structure sizes.
    :ivar histogram: pages by compressed length, of those that zram compressed.
    """

    pages: int
    kept_pages: int
    zram: Mapping[str, int]
    vmstat: Mapping[str, int]
    metadata: Metadata
    histogram: Mapping[int, int]

    @property
    def freed_bytes(self) -> int:
        """Memory gained: pages that left, less the pool and the metadata that they cost."""
        left = (self.pages - self.kept_pages) * PAGE_SIZE
        return left - self.zram["mem_used_total"] - self.metadata.total_bytes


class ZramFill:
    """Writes pages one after the other to a new device as large as they are.

    :param mem_limit: as for :class:`Zram`; so *writeback_limit*.
    :param tracked: keep the table of blocks also where no *mem_limit* asks for it, so that
        :meth:`writeback` can follow.
    """

    def __init__(
        self,
        kernel: Kernel,
        mem_limit: int = 0,
        writeback_limit: int | None = None,
        tracked: bool = False,
    ) -> None:
        self._kernel = kernel
        # As long as nothing is refused or freed, numbers of pages by length are enough.
        self._device = Zram(kernel, mem_limit, writeback_limit) if mem_limit or tracked else None
        self._filling = Filling(size_classes(rules=kernel.zsmalloc))
        self._mm_stat = MmStat() if self._device is None else self._device.mm_stat
        self._bd_stat = BdStat() if self._device is None else self._device.bd_stat
        self._pages = self._zero = 0
        self._histogram: Counter[int] = Counter()

    def swap_out(self, lengths: array[int]) -> None:
        """Write the next pages, given their compressed lengths (0 where same-filled)."""
        if self._device is not None:
            for length in lengths:
                self.swap_out_page(length)
            return
        self._pages += len(lengths)
        for length, count in Counter(lengths).items():
            if length == ZERO:
                self._zero += count
                continue
            self._mm_stat.add(length, count)
            if length:
                self._filling.store(length, count)
                self._histogram[length] += count
        self._mm_stat.set_pool_pages(self._filling.pages)

    def swap_out_page(self, length: int) -> bool:
        """Write the next page, with the table kept; whether it left memory."""
        assert self._device is not None
        index = self._pages
        self._pages += 1
        if length == ZERO:
            self._zero += 1
        elif not self._device.write(index, length):
            return False
        elif length:
            self._histogram[length] += 1
        return True

    def writeback(self, mode: WritebackMode) -> list[int]:
        """Mark all blocks idle where *mode* asks for idle ones, and :meth:`Zram.writeback`."""
        assert self._device is not None
        if "idle" in mode:
            self._device.mark_idle()
        return self._device.writeback(mode)

    def result(self) -> ZramResult:
        """Where everything went so far."""
        stat, written_back = self._mm_stat, self._bd_stat.bd_count
        failed = 0 if self._device is None else self._device.failed_writes
        cost = metadata.of(
            "zram",
            self._kernel.name,
            slots=self._pages,
            zswap=stat.orig_data_size // PAGE_SIZE - stat.same_pages - written_back,
            disk=written_back,
            zero=stat.same_pages + self._zero,
            entries=True,
        )
        return ZramResult(
            pages=self._pages,
            kept_pages=failed,
            zram={**asdict(stat), **asdict(self._bd_stat), "failed_writes": failed},
            vmstat={"pswpout": self._pages - self._zero, "swpout_zero": self._zero},
            metadata=cost,
            histogram=dict(sorted(self._histogram.items())),
        )
