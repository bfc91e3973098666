# SPDX-License-Identifier: GPL-2.0-or-later
"""A table of hosts, each of which is run by whoever is there to work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ghostswap.executor.engine import Engine, in_order
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.study.comparison import Contender
from ghostswap.study.contest.column import Column, identity, run
from ghostswap.study.fill import has_intervals
from ghostswap.study.host import Host
from ghostswap.study.memory import At, Measured, Progress, Sample, measure_hosts
from ghostswap.study.run import Recorded, Traces, last_touches, refuse_pipes

#: Seconds that a column may take: a replay of a thousand million touches takes hours.
DEADLINE = 86_400.0


class Contest(NamedTuple):
    """A table of hosts: its rows differ in one value, its columns in their design or kernel.

    :ivar measured: the memory of those of the first row.
    :ivar touches: how many the traces have, whoever came through them; ``None`` where memory was
        stored once.
    :ivar rows: what became of them.
    """

    measured: tuple[Measured, ...]
    touches: int | None
    rows: tuple[tuple[Contender, ...], ...]


def compare(
    rows: Sequence[Sequence[Host]],
    areas: Sequence[SwapArea],
    *,
    with_work: bool,
    jobs: int | None,
    engine: Engine,
    progress: Progress,
    at: At,
    sample: Sample,
) -> Contest:
    """Try each host of a table, *rows* of equal length, whose memory is the same.

    :param with_work: replay their traces under their limits; else memory is stored once.
    :param jobs: processes that measure the memory, here; one for each core where ``None``.
    :param engine: who runs the hosts; it is entered when the memory is measured.
    :raises UsageError: where a trace comes through a pipe, which one design could read only.
    """
    hosts = [host for row in rows for host in row]
    if with_work:
        refuse_pipes(hosts[0], "of the columns")
    designs = dict.fromkeys(host.design for host in hosts)
    stands_in = with_work or not has_intervals(hosts[0])
    measured = measure_hosts(hosts, tuple(designs), jobs, progress, at, sample, stands_in=stands_in)
    last = touches = None
    if with_work:
        traces = Traces(hosts[0], measured[0], at)
        if traces.in_files and not engine.shares_files:
            touches = Recorded(traces.touches, tuple(traces.chunks()))
        last = last_touches(measured[0], touches or traces)

    def columns() -> Iterator[tuple[int, Column]]:
        for number, (host, own) in enumerate(zip(hosts, measured, strict=True)):
            bare = replace(own, sources={})
            yield number, Column(host, bare, areas, last, touches, identity(host))

    found: list[Contender] = []
    with progress("columns", len(hosts)) as advance, engine as working:
        results = working.map(run, columns())
        for contender in in_order(results, lambda number: _name(hosts[number])):
            found.append(contender)
            advance(1)
    step = len(rows[0])
    contenders = (tuple(found[first : first + step]) for first in range(0, len(found), step))
    return Contest(
        tuple(measured[:step]),
        None if last is None else max(last) + 1,  # counted from 0
        tuple(contenders),
    )


def _name(host: Host) -> str:
    return f"{host.design} on Linux {host.kernel}"
