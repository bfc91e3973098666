# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads run: a host's traces opened, replayed through a design, with a progress bar."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.cli.options.hosts import Measured
    from ghostswap.cli.reports.workload_report import WorkloadReport
    from ghostswap.mm.swap.in_order import SwapInfo
    from ghostswap.pages.touches import Touches, Trace
    from ghostswap.study.host import Group, Host
    from ghostswap.study.outcome import Outcome
    from ghostswap.study.replay import Replay
    from ghostswap.study.timing import Timing


def simulate(host: Host, jobs: int | None, with_band: bool) -> WorkloadReport:
    """Run *host*'s workload through its design, and *with_band* as other timing would have it."""
    from ghostswap.cli.options.areas import open_areas
    from ghostswap.cli.options.hosts import measure_host
    from ghostswap.cli.reports.workload_report import WorkloadReport
    from ghostswap.study.band import band
    from ghostswap.study.timing import timings
    from ghostswap.workers import each

    if with_band:
        refuse_pipes(host, "of the runs that --band makes")
    areas = list(open_areas(host.areas))
    measured = measure_host(host, (host.design,), jobs)
    if not with_band:
        return WorkloadReport(host, measured, replay(host, host.design, measured, areas).outcome())
    runs = timings(host)
    outcomes: list[Outcome] = []
    with progress_bar("runs", len(runs)) as advance:

        def run(timing: Timing) -> Outcome:
            return replay(host, host.design, measured, areas, timing, quiet=True).outcome()

        for outcome in each(run, runs, jobs or len(os.sched_getaffinity(0))):
            outcomes.append(outcome)
            advance(1)
    found = band([outcome.counters() for outcome in outcomes])
    return WorkloadReport(host, measured, outcomes[0], found)


def replay(
    host: Host,
    design: str,
    measured: Measured,
    areas: Sequence[SwapInfo],
    timing: Timing | None = None,
    *,
    quiet: bool = False,
) -> Replay:
    """Replay *host*'s traces through *design*, in place of its own.

    A group that the kernel kills by chance is given a second one, as users would.
    """
    from ghostswap.study.replay import Replay
    from ghostswap.study.timing import timings

    traces = Traces(host, measured)
    timing = timing or timings(host)[0]
    for tried in (timing, timing.made_fresh()):
        run = Replay(host, measured.of(design), areas, design, tried)
        bar = nullcontext(_ignore) if quiet else progress_bar(f"{design}: touches", traces.touches)
        with bar as advance:
            for count in run.run(traces.chunks(), traces.touches):
                advance(count)
        if not run.is_killed_by_chance:
            break
    return run


def _ignore(_: int) -> None:
    pass


class Traces:
    """The traces of all groups of *host*, opened.

    :ivar touches: how many there are, where that is known.
    """

    def __init__(self, host: Host, measured: Measured) -> None:
        from ghostswap.pages.trace import open_trace

        working = [group for group in host.groups if group.source is not None]
        self._traces: list[Trace] = []
        for number, group in enumerate(working):
            if group.touches is None:
                continue
            with group.at("touches"):
                trace = open_trace(
                    group.touches,
                    write_ratio=None if group.write_ratio == "odd" else group.write_ratio,
                    writes="odd" if group.write_ratio == "odd" else None,
                    seed=host.seed,
                    group=number,
                )
            self._traces.append(_Written(trace, group))
        counts = [trace.touches for trace in self._traces]
        self.touches = None if None in counts else sum(filter(None, counts))
        self._pages = [len(lengths) for lengths in measured.of(host.design)]

    def chunks(self) -> Iterator[Touches]:
        """All touches, from the first on."""
        from ghostswap.pages.trace import interleave

        if len(self._traces) == 1:
            return self._traces[0].chunks(self._pages)
        return interleave(self._traces, self._pages)


class _Written:
    """A *trace* whose errors say where the user wrote it for *group*."""

    def __init__(self, trace: Trace, group: Group) -> None:
        self.name = trace.name
        self.touches = trace.touches
        self._trace = trace
        self._group = group

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        with self._group.at("touches"):
            yield from self._trace.chunks(pages)


def last_touches(host: Host, measured: Measured) -> array[int]:
    """By page of all groups, when it was touched last; see mm/comparison.py."""
    from ghostswap.study import comparison

    counts = [len(lengths) for lengths in measured.of(host.design)]
    firsts = [0, *accumulate(counts)]
    return comparison.last_touches(sum(counts), firsts, Traces(host, measured).chunks())


def refuse_pipes(host: Host, readers: str) -> None:
    """Refuse traces that can be gone through only once.

    :param readers: that would go through them, as in "of the designs".
    :raises UsageError: naming the first.
    """
    from ghostswap.pages.trace import split_spec

    for group in host.groups:
        kind, path = split_spec(group.touches or "")
        if kind and (path == "-" or Path(path).is_fifo()):
            raise UsageError(
                f"{group.touches} is a pipe, which only one {readers} could read",
                "write the trace to a file and name that",
            )
