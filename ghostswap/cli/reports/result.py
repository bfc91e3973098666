# SPDX-License-Identifier: GPL-2.0-or-later
"""A run's outcome with all that it belongs to, for a person or for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ghostswap import kernels
from ghostswap.cli.reports.classes import Classes
from ghostswap.codecs.views import for_zswap
from ghostswap.designs import table
from ghostswap.page import PAGE_SIZE, SAME, ZEROS
from ghostswap.scenario.key import Run
from ghostswap.study.host import Host
from ghostswap.study.memory import Measured
from ghostswap.study.outcome import Outcome
from ghostswap.study.samples.totals import totals

if TYPE_CHECKING:
    from ghostswap.study.round_trip import Verified  # which reads headers, and so is slow to load


class Result(NamedTuple):
    """An outcome with what it belongs to.

    :ivar run: what was done.
    :ivar classes: of zswap's pool, where they are asked for.
    :ivar verified: where every page was brought back.
    """

    host: Host
    measured: Measured
    outcome: Outcome
    run: Run
    classes: Classes | None = None
    verified: Verified | None = None

    @property
    def is_replay(self) -> bool:
        return self.run is Run.REPLAY

    @property
    def why(self) -> tuple[str, ...]:
        """Reasons why the kernel would not show the same numbers."""
        if self.is_replay:
            return work_why(self.host, self.measured)
        return (*self.outcome.why, *sample_words(self.measured, self.host))

    @property
    def zpool(self) -> str | None:
        """The allocator of the pool, if the design has one."""
        if self.outcome.zram:
            return "zsmalloc"
        if not self.outcome.zswap:
            return None
        kernel = table.get(self.outcome.design).kernel(kernels.get(self.host.kernel))
        return self.host.zpool or kernel.zswap.zpools[0]

    def lengths(self) -> Mapping[int, int]:
        """Pages by compressed length: of what was stored once, or of all memory.

        Zeros have none, nor what the kernel's zswap would keep as a word.
        """
        if not self.is_replay:
            return self.outcome.histogram
        kernel = kernels.get(self.host.kernel)
        found: Counter[int] = Counter()
        for measured in self.measured.zswap:
            for length, pages in Counter(for_zswap(kernel, measured)).items():
                if length not in (ZEROS, SAME):
                    found[min(length, PAGE_SIZE)] += pages
        return found


class InPool(NamedTuple):
    """What one of them holds: ``zswap`` or ``zram``.

    :ivar pages: that are there, and out of memory.
    :ivar bytes: of its pool.
    :ivar same: of *pages*, those kept as a word; *as_is* those that did not compress. Of zswap
        both may count copies of pages that came back.
    """

    who: str
    pages: int
    bytes: int
    same: int
    as_is: int


def pools(outcome: Outcome) -> list[InPool]:
    """What is compressed in memory, by who holds it."""
    zswap, zram = outcome.zswap, outcome.zram
    found, in_zram = [], 0
    if zram:
        in_zram = zram["orig_data_size"] // PAGE_SIZE - zram["bd_count"]
        size, same, huge = zram["mem_used_total"], zram["same_pages"], zram["huge_pages"]
        found.append(InPool("zram", in_zram, size, same, huge))
    if zswap:
        same = zswap.get("same_filled_pages", 0)
        as_is = zswap.get("stored_incompressible_pages", 0)
        pages = outcome.held.compressed - in_zram
        found.insert(0, InPool("zswap", pages, zswap["pool_total_size"], same, as_is))
    return found


def ranged(outcome: Outcome, name: str, value: int, text: Callable[[int], str] = str) -> str:
    """*value*, and where it is estimated the interval of the total *name*, moved to it."""
    found = outcome.intervals.get(name)
    if found is None:
        return text(value)
    shift = value - totals(outcome).get(name, value)
    low, high = (max(0, edge + shift) if value >= 0 else edge + shift for edge in found)
    if text(low) == text(high) and value > 0:  # too near to be told apart so
        return f"{text(value)} (± {50 * (high - low) / value:.2g} %)"
    return f"{text(value)} ({text(low)} to {text(high)})"


def sample_words(measured: Measured, host: Host) -> tuple[str, ...]:
    """What an outcome is estimated from; nothing where all was measured."""
    if measured.drawn is None:
        return ()
    what = "ranges hold the whole's value in 95 of 100 samples"
    if measured.stands_in:
        what = "each of the others measures as one of these does, by lot"
    pages = f"{measured.drawn} of {measured.pages} pages, drawn with seed {host.seed}"
    return (f"estimated from {pages}; {what}",)


def work_why(host: Host, measured: Measured) -> tuple[str, ...]:
    """Reasons why the kernel would not show the same numbers of a workload."""
    return (*timing(host), *sample_words(measured, host))


def timing(host: Host, *, with_band: bool = False) -> tuple[str, ...]:
    """Why the kernel would not replay *host* with the same numbers.

    :param with_band: the range stands in parentheses.
    """
    if host.policy == "lru":
        return ()
    where = "in parentheses is" if with_band else "'ghostswap replay --band' gives"
    return (
        "the kernel does not take the same pages twice, for timing decides as well;"
        f" {where} the range, 'man ghostswap-model' how near the model comes",
    )
