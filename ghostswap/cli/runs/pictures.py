# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``--plot`` and ``--html`` write, beside what is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING

import click

from ghostswap.cli.options.pictures import suffix
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.args import command_line
from ghostswap.files import check_replaceable, write_whole
from ghostswap.pictures.kinds import HTML, KINDS
from ghostswap.pictures.page import page

if TYPE_CHECKING:
    from ghostswap.advise.advice import Advice
    from ghostswap.cli.reports.compare_report import Comparison
    from ghostswap.cli.reports.result import Result
    from ghostswap.cli.reports.touches.curve import CurveReport


def check(context: click.Context) -> None:
    """Refuse now what could not be drawn or written after the work.

    :raises GhostswapError: where matplotlib is not installed, or FILE is something else.
    """
    for path, (what, begins) in _wanted(context):
        from ghostswap.pictures.draw import check_installed

        check_installed()
        check_replaceable(path, begins, what)


def write(
    context: click.Context,
    report: Result | CurveReport | Comparison | Advice,
    question: str,
    print_report: Callable[[], None],
) -> None:
    """Write what *context* asks for of *report*.

    :param question: that it answers; *print_report* prints it.
    :raises TargetError: where it cannot be written.
    """
    for path, (what, begins) in _wanted(context):
        from ghostswap.cli.reports.pictured import figure_of
        from ghostswap.pictures.draw import draw

        figure = figure_of(report)
        if suffix(path) in KINDS:
            data = draw(figure, suffix(path))
        else:
            svg = draw(figure, "svg").decode()
            said = StringIO()
            with show.written_down() as parts, redirect_stderr(said):
                print_report()
            notes = [line.removeprefix("note: ") for line in said.getvalue().splitlines()]
            data = page(question, parts, svg, notes, command_line(context))
        write_whole(path, data, begins, what)


def _wanted(context: click.Context) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Each file that is wanted, and its kind."""
    for name in ("plot", "html"):
        path = context.params.get(name)
        if path is not None:
            yield path, KINDS.get(suffix(path), HTML)
