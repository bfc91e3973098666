# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice for a fleet, for a person: three lines, and then why."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ghostswap.cli.reports.fleet.add_report import hosts
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import note
from ghostswap.fleet.advice import Advice, Look
from ghostswap.fleet.sizing import PERCENTILES, WORSE, Plan, Spread
from ghostswap.page import PAGE_SIZE
from ghostswap.units import format_size

_COLUMNS = ("per host", "least", *(f"{percent} %" for percent in PERCENTILES), "most", "together")


def print_all(found: Advice) -> None:
    """Print for a person; hosts that failed stand on stderr."""
    for line in _answer(found):
        show.paragraph(line)
    plans = _plans(found)
    columns = ("sizes", "freed", "refused", "memory wasted", "disk wasted", "worse off", "losing")
    show.heading(f"{hosts(found.one_size.hosts)} together, all of whose memory leaves")
    show.table(columns, [(name, *_together(plan)) for name, plan in plans], right=columns[1:])
    for title, of in _SPREADS:
        if any(of(plan).most for _, plan in plans):
            show.heading(f"{title}, host by host")
            rows = [(name, *_spread(of(plan))) for name, plan in plans]
            show.table(_COLUMNS, rows, right=_COLUMNS[1:])
    _print_kinds(found)
    _print_look(found)
    show.facts(_facts(found))
    for one in found.failed:
        note(one.why, prefix="not judged: ")


def _plans(found: Advice) -> tuple[tuple[str, Plan], ...]:
    plans = (
        (f"one for all: {_size(found.one_size)}", found.one_size),
        (f"one a kind, {_kinds(found)}", found.kinds),
        ("its own for each", found.own),
    )
    if found.dynamic is None:
        return plans
    return (*plans, (f"none: {found.question.dynamic}", found.dynamic))


def _kinds(found: Advice) -> str:
    number = len(found.by_kind)
    return "1 kind" if number == 1 else f"{number} kinds"


def _answer(found: Advice) -> Iterator[str]:
    one, kinds, dynamic = found.one_size, found.kinds, found.dynamic
    yield (
        f"One size for all {hosts(one.hosts)}, {_size(one)} of {found.question.design}, frees"
        f" {format_size(one.freed.total)} and refuses {_pages(one.refused_pages.total)};"
        f" {_worse(one)} with a size of {'its' if len(one.worse_off) == 1 else 'their'} own."
    )
    yield (
        f"A size for each of {_kinds(found)} frees {format_size(kinds.freed.total)} and"
        f" refuses {_pages(kinds.refused_pages.total)}; {_worse(kinds)}."
    )
    if dynamic is None:
        return
    yield (
        f"No size, with {found.question.dynamic}, frees {format_size(dynamic.freed.total)} and"
        f" refuses {_pages(dynamic.refused_pages.total)}; {_worse(dynamic)}."
    )


def _size(plan: Plan) -> str:
    return "" if plan.size is None else format_size(plan.size)


def _pages(pages: int) -> str:
    return format_size(pages * PAGE_SIZE) if pages else "nothing"


def _worse(plan: Plan) -> str:
    number = len(plan.worse_off)
    return f"{hosts(number) if number else 'no host'} would be better off"


def _together(plan: Plan) -> tuple[str, ...]:
    return (
        format_size(plan.freed.total),
        _pages(plan.refused_pages.total),
        format_size(plan.wasted.total),
        format_size(plan.wasted_disk.total),
        str(len(plan.worse_off)),
        str(plan.losing),
    )


def _refused(plan: Plan) -> Spread:
    """Of pages that are refused, their bytes."""
    pages = plan.refused_pages
    return Spread(
        pages.least * PAGE_SIZE,
        {percent: one * PAGE_SIZE for percent, one in pages.percentiles.items()},
        pages.most * PAGE_SIZE,
        pages.total * PAGE_SIZE,
    )


_SPREADS: tuple[tuple[str, Callable[[Plan], Spread]], ...] = (
    ("memory freed", lambda plan: plan.freed),
    ("memory refused", _refused),
    ("memory of slots that nobody uses", lambda plan: plan.wasted),
)


def _spread(spread: Spread) -> Iterator[str]:
    for value in (spread.least, *spread.percentiles.values(), spread.most, spread.total):
        yield format_size(value)


def _print_kinds(found: Advice) -> None:
    columns = ("kind of hosts", "hosts", "size", "freed", "refused", "memory wasted", "worse off")
    show.heading("by kind: memory, and how well it compresses")
    rows = []
    for one in found.by_kind:
        freed, refused, wasted, _, worse, _ = _together(one.plan)
        size = _size(one.plan)
        rows.append((str(one.kind), str(one.plan.hosts), size, freed, refused, wasted, worse))
    show.table(columns, rows, right=columns[1:])


def _print_look(found: Advice) -> None:
    if not found.look:
        return
    columns = ("host", "has", "its own size", "lost", "refused", "memory wasted")
    show.heading("hosts to look at first: those that lose most by the one size")
    show.table(columns, [_look(one) for one in found.look], right=columns[1:])


def _look(one: Look) -> tuple[str, ...]:
    return (
        one.host.name,
        format_size(one.host.mem_total),
        format_size(one.size),
        format_size(one.lost),
        _pages(one.stored.refused_pages),
        format_size(one.stored.wasted_bytes),
    )


def _facts(found: Advice) -> Iterator[tuple[str, str]]:
    question = found.question
    yield (
        "asked",
        f"{question.design} with {question.compressor} on Linux {question.kernel}, whose pool may"
        f" take {question.max_pool_percent} % of the memory",
    )
    covered = f"enough for {question.cover:g} % of the hosts, with half as much again to grow"
    yield "sizes", f"{covered}, in steps of 256 MiB"
    if question.size is not None:
        yield "", "the one size for all was given"
    trifle = 100 * (1 - WORSE)
    yield "worse off", f"frees {trifle:.2g} % less, or more, than with a size of its own"
    yield "losing", "frees less than nothing: its slots take more than its pages leave"
    if found.drawn:
        yield "estimate", f"{hosts(found.drawn)} known by a sample of pages"
    if found.error:
        yield "lengths", f"estimate: {found.error}"
