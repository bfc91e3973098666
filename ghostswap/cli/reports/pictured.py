# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports as figures, to be drawn."""

from __future__ import annotations

from ghostswap import kernels
from ghostswap.cli.reports.compare_report import Comparison
from ghostswap.cli.reports.outcome import title
from ghostswap.cli.reports.result import Result
from ghostswap.cli.reports.touches.curve import CurveReport
from ghostswap.pictures.figures import Figure, Freed, Mark, lengths, miss_ratio, over_time
from ghostswap.units import format_size


def figure_of(report: Result | CurveReport | Comparison) -> Figure:
    """The figure of memory that was stored, a replay, a curve or several designs."""
    match report:
        case Result() if report.is_replay:
            return over_time(title(report, format_size), report.outcome)
        case Result():
            has_classes = report.zpool == "zsmalloc"
            rules = kernels.get(report.outcome.kernel).zsmalloc if has_classes else None
            return lengths(title(report, format_size), report.lengths(), rules)
        case CurveReport():
            marks = [
                Mark(one.limit(format_size), one.bytes, one.miss_ratio, one.killed)
                for one in report.marked
            ]
            return miss_ratio(report.title(), report.curve, report.who, marks)
        case Comparison():
            return _freed(report)


def _freed(report: Comparison) -> Freed:
    rows = report.contest.rows
    return Freed(
        report.title(format_size),
        tuple(report.names()),
        report.swept,
        report.words,
        tuple(
            tuple(None if one.is_killed else one.outcome.freed_bytes for one in row) for row in rows
        ),
        tuple(tuple(one.outcome.intervals.get("freed_bytes") for one in row) for row in rows),
    )
