# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice and what came of it, for a person: the answer, the figures, and why they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ghostswap.advise.check.check import Check, Verdict
from ghostswap.advise.check.figures import LEAST, Figures
from ghostswap.advise.check.reasons import per_cent, shown
from ghostswap.cli.terminal import show
from ghostswap.units import format_size

_ANSWERS: Mapping[Verdict, str] = {
    "not-as-advised": "Not as advised",
    "too-early": f"Too early to say, with less than {format_size(LEAST)} in the pool",
    "off": "Not as predicted",
    "as-predicted": "As predicted",
}


def print_all(found: Check, unseen: Mapping[str, str]) -> None:
    """Print for a person."""
    for line in _answer(found):
        show.paragraph(line)
    if found.reasons:
        show.heading("why, and what was not known then")
        show.facts(row for one in found.reasons for row in ((one.id, one.what), ("  why", one.why)))
    show.table(
        ("", "predicted for as much", "now"),
        list(_figures(found.figures)),
        right=("predicted for as much", "now"),
    )
    show.table(
        ("setting", "advised", "now"),
        [
            (one.name, shown(one.name, one.value), shown(one.name, one.now))
            for one in found.settings
        ],
    )
    prediction = found.prediction
    show.facts(
        [
            (
                "predicted",
                f"{prediction.made}, {prediction.design} with {prediction.compressor}, of"
                f" {format_size(prediction.memory_bytes)} ({prediction.source}), by the rules of"
                f" Linux {prediction.kernel}",
            ),
            *(("not seen", f"{path}: {why}") for path, why in unseen.items()),
        ]
    )


def _answer(found: Check) -> Iterator[str]:
    figures = found.figures
    predicted = figures.stored / figures.pool_predicted if figures.pool_predicted else 0
    ratio = f", {figures.ratio:.2f} to 1 ({predicted:.2f} predicted)" if figures.pool else ""
    yield (
        f"{_ANSWERS[found.verdict]}: of the {format_size(found.prediction.memory_bytes)} that may"
        f" leave, {format_size(figures.left)} have; {format_size(figures.stored)} are in a pool of"
        f" {format_size(figures.pool)}{ratio}."
    )
    if figures.freed < 0 and figures.freed_predicted <= 0:
        took = f"{format_size(-figures.freed)} more, and {format_size(-figures.freed_predicted)}"
        yield f"That frees nothing yet: pool and slots take {took} were predicted for as much."
    else:
        freed = format_size(figures.freed)
        yield f"That frees {freed}; for as much {_range(figures)} were predicted."
    others = [one for one in found.settings if not one.is_kept]
    if others:
        said = ", ".join(one.name for one in others)
        verb = "is" if len(others) == 1 else "are"
        yield f"{len(others)} of {len(found.settings)} settings {verb} not as advised: {said}."
    else:
        yield f"All {len(found.settings)} settings are as advised."


def _range(figures: Figures) -> str:
    low, high = figures.freed_interval
    between = f" ({format_size(low)} to {format_size(high)})" if low != high else ""
    return f"{format_size(figures.freed_predicted)}{between}"


def _figures(figures: Figures) -> Iterator[tuple[str, str, str]]:
    low, high = figures.pool_interval
    between = f" ({format_size(low)} to {format_size(high)})" if low != high else ""
    yield (
        "in the pool",
        format_size(figures.stored_predicted),
        format_size(figures.stored),
    )
    yield "pool", f"{format_size(figures.pool_predicted)}{between}", format_size(figures.pool)
    yield "memory freed", _range(figures), format_size(figures.freed)
    refused = "unknown"
    if figures.refused is not None:
        refused = f"{sum(figures.refused.values()):,} pages, {per_cent(figures.refused_share)}"
    yield "refused", per_cent(figures.refused_predicted), refused
    yield "written back", "", f"{figures.written_back:,} pages"
