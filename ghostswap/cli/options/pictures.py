# SPDX-License-Identifier: GPL-2.0-or-later
"""``--plot`` and ``--html``: a picture of the result, and a page."""

from __future__ import annotations

import os

import click

from ghostswap.cli.terminal.args import Option
from ghostswap.cli.terminal.options import F, Worth
from ghostswap.pictures.kinds import KINDS


class _Written(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """A file that is written, with one of some *suffixes*."""

    name = "file"
    worth = Worth(paths=True)

    def __init__(self, *suffixes: str) -> None:
        self._suffixes = suffixes

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if suffix(value) not in self._suffixes:
            *others, last = (f".{one}" for one in self._suffixes)
            known = f"{', '.join(others)} or {last}" if others else last
            self.fail(f"{value!r} says by no suffix what to write; end it in {known}", param, ctx)
        return value


def suffix(path: str) -> str:
    """What kind of file *path* is to be, in lower case: ``svg``."""
    return os.path.splitext(path)[1].lower().removeprefix(".")


def plot_option(function: F) -> F:
    """``--plot FILE``: a picture of the result."""
    return click.option(
        "--plot",
        cls=Option,
        type=_Written(*KINDS),
        metavar="FILE",
        help="Draw the result too, into FILE.svg, FILE.png or FILE.pdf.",
    )(function)


def html_option(function: F) -> F:
    """``--html FILE``: the result as a page."""
    return click.option(
        "--html",
        cls=Option,
        type=_Written("html"),
        metavar="FILE",
        help="Write the result too as one page, with its picture, into FILE.html.",
    )(function)
