# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports as figures, to be drawn."""

from __future__ import annotations

from ghostswap import kernels
from ghostswap.advise.advice import Advice
from ghostswap.advise.options import Option
from ghostswap.advise.sizes import other_size
from ghostswap.cli.reports.compare_report import Comparison
from ghostswap.cli.reports.host.advise_report import NAMES, source_of
from ghostswap.cli.reports.outcome import title
from ghostswap.cli.reports.result import Result
from ghostswap.cli.reports.touches.curve import CurveReport
from ghostswap.page import PAGE_SIZE
from ghostswap.pictures.figures import (
    Advised,
    Figure,
    Freed,
    FreedLine,
    Mark,
    lengths,
    miss_ratio,
    over_time,
)
from ghostswap.units import format_size

#: Points of a line, and sizes.
_STEPS = 24


def figure_of(report: Result | CurveReport | Comparison | Advice) -> Figure:
    """The figure of memory that was stored, a replay, a curve, several designs, or advice."""
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
        case Advice():
            return _advised(report)


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


def _advised(found: Advice) -> Advised:
    choice, place = found.choice, found.place
    need = choice.memory + place.swapped
    steps = range(_STEPS + 1)
    by_step = [found.memory * step // _STEPS for step in steps]
    most = 2 * max(choice.size, need)
    sizes = []
    for size in sorted({need, choice.size, *(most * step // _STEPS for step in steps[1:])}):
        one = other_size(place, choice, size)
        unused = max(size - need, 0) if choice.design == "classic" else 0
        sizes.append((size, one.refused, unused, one.metadata))
    without = next((one for one in found.others if one.size is None), None)
    return Advised(
        f"{found.source}: {found.memory // PAGE_SIZE} pages,"
        f" {NAMES[choice.design]} with {choice.compressor} advised",
        tuple(
            FreedLine(
                f"{NAMES[one.design]}, {one.compressor}",
                tuple((out, one.freed_at(out), *one.interval_at(out)) for out in by_step),
            )
            for one in _shown(found)
        ),
        tuple(sizes),
        choice.size,
        None if without is None else (NAMES[without.design], without.metadata),
        source_of(found),
    )


def _shown(found: Advice) -> list[Option]:
    """What is advised, its design with each other compressor, and of other designs the best."""
    same = [one for one in found.ranked[1:] if one.design == found.choice.design]
    best: dict[str, Option] = {}
    for one in found.ranked:
        if one.design != found.choice.design:
            best.setdefault(one.design, one)
    return [found.choice, *sorted(same, key=lambda one: one.compressor), *best.values()]
