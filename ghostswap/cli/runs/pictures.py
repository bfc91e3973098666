# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``--plot`` writes, beside what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ghostswap.cli.options.pictures import suffix
from ghostswap.files import check_replaceable, write_whole
from ghostswap.pictures.draw import check_installed, draw
from ghostswap.pictures.kinds import KINDS

if TYPE_CHECKING:
    from ghostswap.cli.reports.compare_report import Comparison
    from ghostswap.cli.reports.result import Result
    from ghostswap.cli.reports.touches.curve import CurveReport


def check(context: click.Context) -> None:
    """Refuse now what could not be drawn after the work.

    :raises GhostswapError: where matplotlib is not installed, or FILE is something else.
    """
    path = context.params.get("plot")
    if path is not None:
        check_installed()
        what, begins = KINDS[suffix(path)]
        check_replaceable(path, begins, what)


def write(context: click.Context, report: Result | CurveReport | Comparison) -> None:
    """Draw *report* where *context* has ``--plot``.

    :raises TargetError: where it cannot be written.
    """
    path = context.params.get("plot")
    if path is not None:
        from ghostswap.cli.reports.pictured import figure_of

        what, begins = KINDS[suffix(path)]
        write_whole(path, draw(figure_of(report), suffix(path)), begins, what)
