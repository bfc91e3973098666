# SPDX-License-Identifier: GPL-2.0-or-later
"""Workloads run: a host's traces opened, replayed through a design, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ghostswap.cli.progress import progress_bar

if TYPE_CHECKING:
    from ghostswap.cli.hosts import Measured
    from ghostswap.cli.workload_report import WorkloadReport
    from ghostswap.mm.host import Host
    from ghostswap.mm.replay import Replay
    from ghostswap.mm.swapfile import SwapInfo
    from ghostswap.pages.touches import Touches


def simulate(host: Host, jobs: int | None) -> WorkloadReport:
    """Run *host*'s workload through its design."""
    from ghostswap.cli.hosts import measure_host, open_areas
    from ghostswap.cli.workload_report import WorkloadReport

    areas = open_areas(host.areas)
    measured = measure_host(host, (host.design,), jobs)
    return WorkloadReport(host, measured, replay(host, host.design, measured, areas).outcome())


def replay(
    host: Host,
    design: str,
    measured: Measured,
    areas: Sequence[SwapInfo],
    *,
    quiet: bool = False,
) -> Replay:
    """Replay *host*'s traces through *design*, in place of its own.

    A group that the kernel kills by chance is given a second one, as users would.
    """
    from ghostswap.mm.replay import Replay

    for fresh in (False, True):
        run = Replay(host, measured.of(design), areas, design, fresh=fresh)
        chunks, total = open_traces(host, measured)
        bar = nullcontext(_ignore) if quiet else progress_bar(f"{design}: touches", total)
        with bar as advance:
            for count in run.run(chunks, total):
                advance(count)
        if not run.is_killed_by_chance:
            break
    return run


def _ignore(_: int) -> None:
    pass


def open_traces(host: Host, measured: Measured) -> tuple[Iterator[Touches], int | None]:
    """The touches of all groups of *host*, and how many there are, where that is known."""
    from ghostswap.pages.trace import interleave, open_trace

    working = [group for group in host.groups if group.source is not None]
    traces = {
        number: open_trace(
            group.touches,
            write_ratio=None if group.write_ratio == "odd" else group.write_ratio,
            writes="odd" if group.write_ratio == "odd" else None,
            seed=host.seed,
            group=number,
        )
        for number, group in enumerate(working)
        if group.touches is not None
    }
    counts = [trace.touches for trace in traces.values()]
    total = None if None in counts else sum(filter(None, counts))
    pages = [len(measured.of(host.design)[number]) for number in traces]
    if len(traces) == 1:
        (trace,) = traces.values()
        return trace.chunks(*pages), total
    return interleave([*traces.values()], pages), total
