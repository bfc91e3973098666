# SPDX-License-Identifier: GPL-2.0-or-later
"""Every page of a source swapped out once, in order: the lengths go in, the counters come out."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from itertools import cycle
from typing import Protocol

from ghostswap.codecs import REFUSED
from ghostswap.designs import metadata
from ghostswap.designs.metadata import Metadata
from ghostswap.kernels import Filled
from ghostswap.mm.swap.in_order import SwapInfo, SwapSpace
from ghostswap.mm.zpool.zsmalloc import ClassStat
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.pages.source import PAGE_SIZE
from ghostswap.study.band import Band, band


class Worker(Enum):
    """When zswap's shrink worker gets to run; what the kernel's does lies between these."""

    AT_ONCE = 1  # done before the next page comes
    WRITES_LATE = 2  # so as well, but once it comes to write a page, not before all were stored
    LATE = 3  # not before all pages were stored


#: Seeds that are tried where addresses decide; the first one's run is the one to show.
_SEEDS = 8


@dataclass(slots=True)
class Folios:
    """Folios of several pages, by what became of them.

    :ivar zero: of zeros only; so in the zeromap.
    :ivar stored: all in zswap.
    :ivar written: all on disk.
    :ivar kept: in memory.
    :ivar split: swapped out page by page, for want of slots in a row.
    """

    zero: int = 0
    stored: int = 0
    written: int = 0
    kept: int = 0
    split: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """Where the pages went; bytes and pages, counters by their kernel names.

    :ivar pages: pages offered.
    :ivar kept_pages: of them, those that could not leave memory.
    :ivar zswap: /sys/kernel/debug/zswap.
    :ivar vmstat: the swap counters of /proc/vmstat.
    :ivar compressed_bytes: sum of the lengths in zswap.
    :ivar metadata: slots, swap tables and zswap entries: an estimate by structure sizes.
    :ivar histogram: pages by compressed length, of those that zswap took.
    :ivar folios: where those of several pages went.
    :ivar why: reasons why the kernel itself would not give the same numbers twice.
    :ivar band: least and most, over all runs, of the counters that differ between them.
    """

    pages: int
    kept_pages: int
    zswap: dict[str, int]
    vmstat: dict[str, int]
    areas: tuple[SwapInfo, ...]
    compressed_bytes: int
    metadata: Metadata
    histogram: dict[int, int]
    folios: Folios
    why: tuple[str, ...] = ()
    band: Band = field(default_factory=dict)

    @property
    def freed_bytes(self) -> int:
        """Memory gained: pages that left, less the pool and the metadata that they cost."""
        left = (self.pages - self.kept_pages) * PAGE_SIZE
        return left - self.zswap["pool_total_size"] - self.metadata.total_bytes

    def counters(self) -> dict[str, int]:
        """All that may differ from run to run, by its name in JSON."""
        own = {"kept_pages": self.kept_pages, "freed_bytes": self.freed_bytes}
        return {**self.zswap, **self.vmstat, **own}


class Witness(Protocol):
    """Who is told of each page, by its slot, as it goes where it goes."""

    def zeroed(self, slot: int) -> None:
        """It is in the zeromap."""

    def stored(self, slot: int) -> None:
        """It is in zswap."""

    def written(self, slot: int) -> None:
        """It is on disk: zswap refused it."""

    def written_back(self, slot: int) -> None:
        """It is on disk: it was in zswap."""


class Fill:
    """Swaps pages out through *zswap* onto the areas of *swap*.

    :param folio_pages: pages that are swapped out in one piece where that can be.
    :param zero_length: what a page of zeros compresses to, where it is part of a larger folio.
    :ivar worker_wrote: whether the shrink worker came to write a page.
    """

    def __init__(
        self,
        zswap: Zswap,
        swap: SwapSpace,
        worker: Worker = Worker.AT_ONCE,
        witness: Witness | None = None,
        folio_pages: int = 1,
        zero_length: int = 0,
    ) -> None:
        self.zswap = zswap
        self.worker_wrote = False
        self._swap = swap
        self._worker = worker
        self._witness = witness
        if witness is not None:
            zswap.on_writeback = witness.written_back
        self._waiting: Iterator[None] | None = None  # to write
        self._pages = self._kept = self._zero = self._disk = 0
        self._folio_pages = folio_pages
        self._zero_length = zero_length
        self._folios = Folios()
        self._histogram: Counter[int] = Counter()

    def swap_out(self, lengths: array[int]) -> None:
        """Swap out the next pages, given their compressed lengths (0 for a same-filled page)."""
        self._pages += len(lengths)
        if self._folio_pages > 1:
            lengths = self._swap_out_folios(lengths)
        elif self._witness is None and self.zswap.is_far_from_limits(len(lengths)):
            lengths = self._swap_out_run(lengths)
        for length in lengths:
            self._swap_out(length)

    def _swap_out_run(self, lengths: array[int]) -> array[int]:
        """Swap out at once those that zswap takes; the others."""
        takes, others = lengths, array("H")
        if refused := [n for n in (PAGE_SIZE, REFUSED) if n in lengths and not self.zswap.takes(n)]:
            takes = array("H", (n for n in lengths if n not in refused))
            others = array("H", (n for n in lengths if n in refused))
        # The others must find the slots that they would have found between these.
        slot = self._swap.alloc_run(len(takes), room=len(lengths))
        if slot is None:
            return lengths
        self.zswap.store_run(slot, takes)
        self._histogram.update(takes)
        if self.zswap.kernel.zswap_filled is Filled.ZERO:
            self._zero += takes.count(0)
        return others

    def _swap_out_folios(self, lengths: array[int]) -> array[int]:
        """Swap out whole folios; the pages of those that are split, one by one."""
        single = array("H")
        for start in range(0, len(lengths), self._folio_pages):
            folio = lengths[start : start + self._folio_pages]
            if not self._swap_out_folio(folio):
                single += folio
        return single

    def _swap_out_folio(self, lengths: array[int]) -> bool:
        pages, zswap, folios = len(lengths), self.zswap, self._folios
        if pages < self._folio_pages:
            return False
        slot = self._swap.alloc_run(pages, folio=True)
        if slot is None:
            folios.split += 1
            return False
        compressed = [length or self._zero_length for length in lengths]
        if zswap.kernel.zswap_filled is Filled.ZERO and not any(lengths):
            self._zero += pages
            folios.zero += 1
        elif zswap.store_folio(slot, compressed):
            self._histogram.update(compressed)
            folios.stored += 1
        elif self._can_write(slot):
            self._disk += pages
            folios.written += 1
        else:
            self._kept += pages
            folios.kept += 1
        self._run_worker()
        return True

    def _swap_out(self, length: int) -> None:
        slot = self._swap.alloc()
        if slot is None:
            self._kept += 1
        elif length == 0 and self.zswap.kernel.zswap_filled is Filled.ZERO:
            self._zero += 1
            if self._witness is not None:
                self._witness.zeroed(slot)
        elif self.zswap.store(slot, length):
            self._histogram[length] += 1
            if self._witness is not None:
                self._witness.stored(slot)
        elif self._can_write(slot):
            self._disk += 1
            if self._witness is not None:
                self._witness.written(slot)
        else:  # nowhere to write it: back on the active list, in the swap cache with its slot
            self._kept += 1
        self._run_worker()

    def _can_write(self, slot: int) -> bool:
        """Whether what zswap refuses may be written to the disk behind *slot*, if there is one."""
        return self._swap.can_write(slot) and self.zswap.cgroups[0].may_write_back()

    def _run_worker(self) -> None:
        is_due = self._worker is not Worker.LATE and self._waiting is None
        if not (is_due and self.zswap.shrink_queued):
            return
        worker = self.zswap.shrink_worker()
        for _ in worker:
            self.worker_wrote = True
            if self._worker is Worker.WRITES_LATE:
                self._waiting = worker
                return

    def finish(self) -> None:
        """Let the worker come to an end: all pages were swapped out."""
        for _ in self._waiting or ():
            pass
        self._worker, self._waiting = Worker.AT_ONCE, None
        self._run_worker()

    def result(self) -> Result:
        """Where everything went so far."""
        kernel, counters = self.zswap.kernel, self.zswap.counters
        slots = 0
        for area in self._swap.areas:
            if area.pages is None:  # the imagined area, now that its size is known
                area.pages = self._pages
            slots += area.pages
        used = sum(area.inuse_pages for area in self._swap.areas)
        stored, zero = counters.stored_pages, self._zero
        cost = metadata.of(
            "classic",
            kernel.name,
            slots=slots,
            zswap=stored,
            disk=used - stored - zero,
            zero=zero,
            entries=True,
        )
        vmstat = {
            "pswpout": self._disk + counters.written_back_pages,
            "zswpin": counters.zswpin,
            "zswpout": counters.zswpout,
            "zswpwb": counters.written_back_pages,
            "swpout_zero": self._zero,
        }
        return Result(
            pages=self._pages,
            kept_pages=self._kept,
            zswap=self.zswap.debugfs(),
            vmstat={name: vmstat.get(name, 0) for name in kernel.vmstat},
            areas=self._swap.areas,
            compressed_bytes=sum(memcg.zswap_bytes for memcg in self.zswap.cgroups),
            metadata=cost,
            histogram=self._sorted_histogram(),
            folios=replace(self._folios),
        )

    def _sorted_histogram(self) -> dict[int, int]:
        """Pages by length, those that are kept as they are with the longest."""
        found = Counter(self._histogram)
        found[PAGE_SIZE] += found.pop(REFUSED, 0)
        return {length: found[length] for length in sorted(found) if length and found[length]}


class Fills:
    """One simulation; several side by side where the kernel itself would not repeat its numbers.

    :param make: a new zswap and its areas, for a seed.
    :param folio_pages: and *zero_length* as for :class:`Fill`.
    """

    def __init__(
        self,
        make: Callable[[int], tuple[Zswap, SwapSpace]],
        folio_pages: int = 1,
        zero_length: int = 0,
    ) -> None:
        zswap, swap = make(0)
        self._make = make
        self._kernel = zswap.kernel
        self._has_disk = any(area.type == "full" for area in swap.areas)
        self._fill = partial(Fill, folio_pages=folio_pages, zero_length=zero_length)
        self._runs = [self._fill(zswap, swap)]
        self._chunks: list[array[int]] = []  # for the other runs, while they would be the same
        if self._kernel.nr_zpools > 1:
            self._start_others()

    def swap_out(self, lengths: array[int]) -> None:
        """As :meth:`Fill.swap_out`, in all runs."""
        for run in self._runs:
            run.swap_out(lengths)
        if self._has_disk and len(self._runs) == 1:
            self._chunks.append(lengths)
            if self._runs[0].worker_wrote:
                self._start_others()

    def _start_others(self) -> None:
        workers = tuple(Worker) if self._has_disk else (Worker.AT_ONCE,)
        seeds = range(_SEEDS) if self._kernel.nr_zpools > 1 else [0] * len(workers)
        runs = [*zip(seeds, cycle(workers), strict=False)]
        self._runs += [self._fill(*self._make(seed), worker) for seed, worker in runs[1:]]
        for lengths in self._chunks:
            for run in self._runs[1:]:
                run.swap_out(lengths)
        self._chunks.clear()

    def result(self) -> Result:
        """The first run's result, with the band of all; no more pages after that."""
        for run in self._runs:
            run.finish()
        results = [run.result() for run in self._runs]
        return replace(
            results[0], why=self._why(), band=band([result.counters() for result in results])
        )

    def classes(self) -> tuple[ClassStat, ...]:
        """Size classes of the first run's zsmalloc; none of another allocator."""
        return self._runs[0].zswap.classes()

    def _why(self) -> tuple[str, ...]:
        kernel, runs = self._kernel, len(self._runs)
        why = []
        if kernel.nr_zpools > 1:
            why.append(
                f"Linux {kernel.name} spreads zswap over {kernel.nr_zpools} pools by kernel"
                f" addresses, which are another at each boot; here by lot, {runs} times"
            )
        if any(run.worker_wrote for run in self._runs):
            why.append(
                "the kernel writes pages back in a worker, which runs when there is time;"
                " here at once, late, and not before the end"
            )
        return tuple(why)
