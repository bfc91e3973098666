# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap replay``: a workload under limits, or a host that a scenario describes."""

from __future__ import annotations

import click

from ghostswap.cli.options.keys import document_of
from ghostswap.cli.options.sampling import sampling
from ghostswap.cli.reports.result import Result
from ghostswap.cli.runs import pictures
from ghostswap.cli.runs.simulate import emit
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.errors import UsageError
from ghostswap.scenario.document import Document
from ghostswap.scenario.key import Run
from ghostswap.scenario.reader import Use, read
from ghostswap.study import run as study
from ghostswap.study.memory import measure_host


def run(context: click.Context, document: Document | None = None) -> int:
    """Replay what *document* describes; what *context* says where it is ``None``."""
    if document is None:
        document = document_of(context)
    values = context.params
    if values.get("curve") is not None:
        from ghostswap.cli.runs import curve

        return curve.run(context, document)
    check_pressure(document)
    host, areas = read(document, Use(Run.REPLAY))
    pictures.check(context)
    if values["band"]:
        study.refuse_pipes(host, "of the runs that --band makes")
    jobs = values["jobs"]
    sample = sampling(values["sample"], host.seed)
    measured = measure_host(
        host, (host.design,), jobs, progress_bar, document.placing, sample, stands_in=True
    )
    if values["band"]:
        outcome = study.replay_band(host, measured, areas, jobs, progress_bar)
    else:
        done = study.replay(host, measured, areas, progress=progress_bar, at=document.placing)
        outcome = done.outcome()
    emit(context, Result(host, measured, outcome, Run.REPLAY))
    return 0


def check_pressure(document: Document) -> None:
    """Refuse a workload of one process in which no page has to leave memory.

    :raises UsageError: saying what would make one.
    """
    if document.path:
        return
    (group,) = document.values["group"].values()
    limits = {"touches", "memory_max", "limit_frames"}
    if not limits & group.keys() and not document.is_option(("ram",)):
        raise UsageError(
            "there is no workload, so no page has to leave memory",
            "add --limit, such as 64M, and --touches, such as zipf:0.8@100k",
        )
