# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that is stored once: every page leaves, in order, and none comes back.

A replay without touches and without limits, so that nothing chooses what leaves when.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from ghostswap import codecs
from ghostswap.designs import table, zram_later
from ghostswap.designs.backend import Witness
from ghostswap.designs.build import Parts
from ghostswap.designs.folios import Folios
from ghostswap.designs.slotted import Slotted
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.vmscan.pageout import Mapper
from ghostswap.mm.zpool.zsmalloc import ClassStat
from ghostswap.mm.zram import Zram
from ghostswap.page import PAGE_SIZE
from ghostswap.study import account, band
from ghostswap.study.band import Timing
from ghostswap.study.host import Host
from ghostswap.study.machine import Machine
from ghostswap.study.memory import Measured
from ghostswap.study.outcome import Outcome, Recompression


class _Nowhere(Mapper):
    """Nobody has the pages in memory, and nobody is waiting for one."""

    def is_mapped(self, page: int) -> bool:  # noqa: ARG002
        """No."""
        return False

    def write_back(self, page: int, group: int) -> None:
        """Nothing: the page is in memory no more."""


class Fill:
    """*host*'s memory on its way out.

    :param measured: and *areas* as for :class:`~ghostswap.study.machine.Machine`.
    :param witness: who is told where each page goes.
    :param zero_length: what a page of zeros compresses to, as part of a larger folio.
    :param seconds: by algorithm that zram is to recompress with, what each page measures by it.
    """

    def __init__(
        self,
        host: Host,
        measured: Sequence[array[int]],
        areas: Sequence[SwapArea],
        timing: Timing | None = None,
        witness: Witness | None = None,
        zero_length: int = 0,
        seconds: Sequence[array[int]] = (),
    ) -> None:
        timing = timing or Timing(seed=host.seed)
        self._machine = Machine(host, measured, areas, timing, witness)
        self.parts: Parts = self._machine.to_store(_Nowhere())
        self._zero_length = zero_length
        self._seconds = seconds
        self._folios: Folios | None = None
        self._recompression: Recompression | None = None

    def run(self) -> None:
        """Let all pages leave, and :meth:`finish`."""
        host, backend = self._machine.host, self.parts.backend
        for number, member in enumerate(self._machine.members):
            if host.folio_order and isinstance(backend, Slotted):
                self._folios = backend.store_folios(
                    member.first, member.pages, host.folio_order, self._zero_length
                )
            else:
                backend.store(member.first, member.pages, number)
        self.finish()

    def add(self, measured: array[int]) -> None:
        """Have the last group have more pages, which leave at once."""
        first = self.parts.backend.extend(measured)
        self._machine.grow(len(measured))
        self.parts.backend.store(first, len(measured), len(self._machine.members) - 1)

    def _recompress(self, backend: Slotted, zram: Zram) -> None:
        """Have *zram* compress what it holds once more."""
        host, pool_bytes = self._machine.host, zram.mm_stat.mem_used_total
        done = zram_later.recompress(
            backend,
            zram,
            self.parts.swap,
            self._seconds,
            host.zram_recompress_type,
            host.zram_recompress_threshold,
        )
        tried = dict(zip(host.zram_recompress, done.compressed, strict=True))
        self._recompression = Recompression(pool_bytes, done.decompressed, tried, done.smaller)

    def finish(self) -> None:
        """Let zswap's worker come to an end, and what *host* has zram recompress and write back."""
        host, backend, zram = self._machine.host, self.parts.backend, self.parts.zram
        backend.finish()
        if zram is not None and isinstance(backend, Slotted):
            if host.zram_recompress:
                self._recompress(backend, zram)
            if host.zram_writeback is not None:
                zram_later.write_back(backend, zram, self.parts.swap, host.zram_writeback)
        for area in self.parts.swap.areas:
            if area.pages is None:  # as large as need be, which is known now
                area.pages = self._machine.pages

    def outcome(self) -> Outcome:
        """What it came to."""
        backend = self.parts.backend
        is_mapped = backend.kept()
        numbers = range(len(self._machine.members))
        groups = tuple(
            account.group(
                self._machine,
                backend,
                number,
                resident_pages=self._kept(number, is_mapped),
            )
            for number in numbers
        )
        found = account.outcome(self._machine, self.parts, is_mapped, groups, folios=self._folios)
        return replace(found, recompression=self._recompression)

    def _kept(self, number: int, is_kept: bytearray) -> int:
        member = self._machine.members[number]
        return is_kept.count(1, member.first, member.first + member.pages)

    def classes(self) -> tuple[ClassStat, ...]:
        """Size classes of zswap's zsmalloc; none of another allocator."""
        return () if self.parts.zswap is None else self.parts.zswap.classes()

    @property
    def worker_wrote(self) -> bool:
        """Whether zswap's shrink worker came to write a page."""
        return self.parts.backend.worker_wrote


def has_intervals(host: Host) -> bool:
    """Whether a sample, stored once, says all; else it has to stand in for all memory.

    Several groups, and what recompression makes of a pool, are not estimated from pages alone.
    """
    return len(host.working) == 1 and not host.zram_recompress


def estimate(
    host: Host, measured: Measured, areas: Sequence[SwapArea], jobs: int | None = None
) -> Outcome:
    """Store all memory of *host*'s one group, of which there is a sample, through its design."""
    from ghostswap.study.samples.estimate import estimate  # which all of memory can do without

    (group,), (own,) = host.working, measured.of(table.get(host.design))
    strata = [one for spec in group.sources for one in measured.strata[spec]]
    return estimate(host, areas, strata, own, jobs)


def store(host: Host, measured: Measured, areas: Sequence[SwapArea]) -> tuple[Fill, Outcome]:
    """Store all memory of *host* once, through its design.

    :return: the run, and what it came to, with the band of all timings.
    """
    zero_length = 0
    if host.folio_order:
        (zero_length,) = codecs.get(host.compressor, host.kernel).raw_lengths(bytes(PAGE_SIZE))
    own = measured.of(table.get(host.design))
    first, outcome = run(host, own, areas, zero_length, measured.seconds)
    return first, replace(outcome, drawn=measured.drawn)


def store_all(
    host: Host, measured: Measured, areas: Sequence[SwapArea], jobs: int | None = None
) -> Outcome:
    """Store all memory of *host* once: :func:`store`, or :func:`estimate` where not all is here."""
    if measured.is_sample and not measured.stands_in:
        return estimate(host, measured, areas, jobs)
    return store(host, measured, areas)[1]


def middle(host: Host, measured: Measured) -> Outcome:
    """Store all memory of *host*'s one group in this process.

    Totals of a sample come without their intervals, which are what takes time.
    """
    if not measured.is_sample:
        return store(host, measured, ())[1]
    from ghostswap.study.samples.estimate import middle

    (own,), (strata,) = measured.of(table.get(host.design)), measured.strata.values()
    return middle(host, (), strata, own)


def run(
    host: Host,
    measured: Sequence[array[int]],
    areas: Sequence[SwapArea],
    zero_length: int = 0,
    seconds: Sequence[array[int]] = (),
) -> tuple[Fill, Outcome]:
    """Store *host*'s memory once; several times over where its kernel would not repeat itself.

    :return: the first run, and its outcome with the band of all.
    """
    first = Fill(host, measured, areas, None, None, zero_length, seconds)
    first.run()
    has_disk = any(area.type == "full" for area in first.parts.swap.areas)
    timings = band.of_fill(host, has_disk=has_disk, worker_wrote=first.worker_wrote)
    runs = [first]
    for timing in timings[1:]:
        other = Fill(host, measured, areas, timing, None, zero_length, seconds)
        other.run()
        runs.append(other)
    outcomes = [one.outcome() for one in runs]
    found = band.band([one.counters() for one in outcomes])
    return first, replace(outcomes[0], why=_why(first, runs), band=found)


def _why(first: Fill, runs: Sequence[Fill]) -> tuple[str, ...]:
    """Reasons why the kernel itself would not give the same numbers twice."""
    why = []
    zswap = first.parts.zswap
    if zswap is not None and zswap.kernel.zswap.nr_zpools > 1:
        why.append(
            f"Linux {zswap.kernel.name} spreads zswap over {zswap.kernel.zswap.nr_zpools} pools by"
            f" kernel addresses, which are another at each boot; here by lot, {len(runs)} times"
        )
    if any(one.worker_wrote for one in runs):
        why.append(
            "the kernel writes pages back in a worker, which runs when there is time;"
            " here at once, late, and not before the end"
        )
    return tuple(why)
