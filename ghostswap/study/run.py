# SPDX-License-Identifier: GPL-2.0-or-later
"""Studies from end to end: memory measured, traces opened, runs repeated where chance has it."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from ghostswap.designs import table
from ghostswap.errors import UsageError
from ghostswap.executor.processes import each
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.pages.touches import Touches, Trace
from ghostswap.pages.trace import interleave, open_trace, split_spec
from ghostswap.study import band, comparison
from ghostswap.study.band import Timing
from ghostswap.study.curve import curve
from ghostswap.study.curve.curve import Curve
from ghostswap.study.host import Group, Host
from ghostswap.study.memory import (
    At,
    Measured,
    Progress,
    nowhere,
    quiet,
)
from ghostswap.study.outcome import Outcome
from ghostswap.study.replay import Replay


def replay(
    host: Host,
    measured: Measured,
    areas: Sequence[SwapArea],
    timing: Timing | None = None,
    progress: Progress = quiet,
    at: At = nowhere,
    traces: Recorded | None = None,
) -> Replay:
    """Replay *host*'s traces through its design.

    A group that the kernel kills by chance is given a second one, as users would.

    :param traces: their touches, where they were read before.
    """
    work = traces or Traces(host, measured, at)
    timing = timing or band.of_replay(host)[0]
    for tried in (timing, timing.made_fresh()):
        own = measured.of(table.get(host.design))
        done = Replay(host, own, areas, tried, measured.drawn)
        with progress(f"{host.design}: touches", work.touches) as advance:
            for count in done.run(work.chunks(), work.touches):
                advance(count)
        if not done.is_killed_by_chance:
            break
    return done


def replay_band(
    host: Host,
    measured: Measured,
    areas: Sequence[SwapArea],
    jobs: int | None,
    progress: Progress = quiet,
) -> Outcome:
    """The first timing's outcome, with the band of what else the kernel may do.

    :raises UsageError: where a trace comes through a pipe, which one run could read only.
    """
    refuse_pipes(host, "of the runs that --band makes")

    def run(timing: Timing) -> Outcome:
        return replay(host, measured, areas, timing).outcome()

    timings = band.of_replay(host)
    outcomes: list[Outcome] = []
    with progress("runs", len(timings)) as advance:
        for outcome in each(run, timings, jobs or len(os.sched_getaffinity(0))):
            outcomes.append(outcome)
            advance(1)
    found = band.band([outcome.counters() for outcome in outcomes])
    return replace(outcomes[0], band=found)


def draw_curve(
    host: Host, measured: Measured, progress: Progress = quiet, at: At = nowhere
) -> Curve:
    """Draw the major faults of *host*'s one process against its memory, under exact LRU."""
    traces = Traces(host, measured, at)
    (own,) = measured.zswap
    with progress("touches", traces.touches) as advance:
        return curve.draw(
            traces.chunks(), len(own), traces.touches, seed=host.seed, advance=advance
        )


def replay_each(
    hosts: Sequence[Host],
    measured: Measured,
    areas: Sequence[SwapArea],
    jobs: int | None,
    progress: Progress = quiet,
    at: At = nowhere,
) -> list[Outcome]:
    """:func:`replay` each of *hosts*, whose memory is the same, side by side."""
    found: list[Outcome] = []
    with progress("sizes", len(hosts)) as advance:
        runs = each(
            lambda host: replay(host, measured, areas, at=at).outcome(),
            hosts,
            jobs or len(os.sched_getaffinity(0)),
        )
        for outcome in runs:
            found.append(outcome)
            advance(1)
    return found


class Recorded(NamedTuple):
    """The touches of :class:`Traces`, all of them.

    :ivar touches: how many there are, where that is known before they are read.
    """

    touches: int | None
    read: tuple[Touches, ...]

    def chunks(self) -> Iterator[Touches]:
        """All of them, from the first on."""
        return iter(self.read)


class Traces:
    """The traces of all groups of *host*, opened.

    :ivar touches: how many there are, where that is known.
    :ivar in_files: whether some are not made up.
    """

    def __init__(self, host: Host, measured: Measured, at: At = nowhere) -> None:
        self._traces: list[Trace] = []
        self.in_files = any(split_spec(group.touches or "")[0] for group in host.working)
        for number, group in enumerate(host.working):
            if group.touches is None:
                continue
            with at(group, "touches"):
                trace = open_trace(
                    group.touches,
                    write_ratio=None if group.write_ratio == "odd" else group.write_ratio,
                    writes="odd" if group.write_ratio == "odd" else None,
                    seed=host.seed,
                    group=number,
                )
            self._traces.append(_Placed(trace, group, at))
        counts = [trace.touches for trace in self._traces]
        self.touches = None if None in counts else sum(filter(None, counts))
        self._pages = [len(own) for own in measured.zswap]

    def chunks(self) -> Iterator[Touches]:
        """All touches, from the first on."""
        if len(self._traces) == 1:
            return self._traces[0].chunks(self._pages)
        return interleave(self._traces, self._pages)


class _Placed:
    """A *trace* whose errors say where the user wrote it for *group*."""

    def __init__(self, trace: Trace, group: Group, at: At) -> None:
        self.name = trace.name
        self.touches = trace.touches
        self._trace = trace
        self._group = group
        self._at = at

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        with self._at(self._group, "touches"):
            yield from self._trace.chunks(pages)


def last_touches(measured: Measured, work: Traces | Recorded) -> array[int]:
    """By page of all groups, when it was touched last; see :mod:`ghostswap.study.comparison`."""
    counts = [len(own) for own in measured.zswap]
    firsts = [0, *accumulate(counts)]
    return comparison.last_touches(sum(counts), firsts, work.chunks())


def refuse_pipes(host: Host, readers: str) -> None:
    """Refuse traces that can be gone through only once.

    :param readers: that would go through them, as in "of the designs".
    :raises UsageError: naming the first.
    """
    for group in host.groups:
        kind, path = split_spec(group.touches or "")
        if kind and (path == "-" or Path(path).is_fifo()):
            raise UsageError(
                f"{group.touches} is a pipe, which only one {readers} could read",
                "write the trace to a file and name that",
            )
