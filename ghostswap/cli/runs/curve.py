# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap replay --curve``: major faults against memory, for all sizes at once."""

from __future__ import annotations

import click

from ghostswap.cli.options.limits import with_limits
from ghostswap.cli.options.sampling import sampling
from ghostswap.cli.reports.touches.curve import CurveReport, Marked
from ghostswap.cli.runs import pictures
from ghostswap.cli.terminal.args import refuse
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.errors import UsageError
from ghostswap.scenario.document import Document
from ghostswap.scenario.key import Run
from ghostswap.scenario.reader import Use, read
from ghostswap.study import run as study
from ghostswap.study.host import Group, Host
from ghostswap.study.memory import count_host, measure_host
from ghostswap.units import format_size


def run(context: click.Context, document: Document) -> int:
    """Draw the curve of *document*'s one process, and replay the sizes that are asked for."""
    refuse(context, "--curve is of all sizes", "band", "proc")
    values = context.params
    use = Use(Run.REPLAY)
    host, areas = read(document, use)
    group = _only(host)
    words = tuple(dict.fromkeys(filter(None, values["curve"].split(","))))
    documents = with_limits(document, context, group.name, "--curve", words)
    if group.memory_max is not None or group.limit_frames is not None:
        documents.insert(0, document)
    hosts = [read(one, use)[0] for one in documents]
    pictures.check(context)
    jobs = values["jobs"]
    sample = sampling(values["sample"], host.seed)
    if hosts:
        measured = measure_host(
            host, (host.design,), jobs, progress_bar, document.placing, sample, stands_in=True
        )
    else:
        measured = count_host(host, progress_bar, document.placing, sample)
    curve = study.draw_curve(host, measured, progress_bar, document.placing)
    outcomes = study.replay_each(hosts, measured, areas, jobs, progress_bar, document.placing)
    marks = [Marked.of(*pair) for pair in zip(hosts, outcomes, strict=True)]
    report = CurveReport(host, measured, curve, marks)

    def print_report() -> None:
        report.print(str if values["raw"] else format_size, verbose=values["verbose"])

    if values["as_json"]:
        report.emit_json()
    else:
        print_report()
    question = "How often does this work wait for a page, with how much memory?"
    pictures.write(context, report, question, print_report)
    return 0


def _only(host: Host) -> Group:
    """The process that the curve is of.

    :raises UsageError: where there are several, or nothing touches its memory.
    """
    if len(host.working) != 1:
        raise UsageError(
            f"--curve is of one process, and here are {len(host.working)} groups with memory",
            "give one by --pages and --touches",
        )
    (group,) = host.working
    if group.touches is None:
        raise UsageError(
            "there is no workload, so no size of memory is too small",
            "add --touches, such as zipf:0.8@100k",
        )
    return group
