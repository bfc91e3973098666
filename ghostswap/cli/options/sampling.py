# SPDX-License-Identifier: GPL-2.0-or-later
"""``--sample``: how much of a source is measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ghostswap.cli.terminal.args import Option
from ghostswap.cli.terminal.options import F
from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.pages.sampled import Wanted
    from ghostswap.pages.source import Source


class _Sample(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    name = "sample"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Wanted:
        from ghostswap.pages.sampled import parse

        try:
            return value if not isinstance(value, str) else parse(value)
        except UsageError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


def sample_option(function: F) -> F:
    """``--sample N|SHARE%``: how much of the memory to measure."""
    return click.option(
        "--sample",
        cls=Option,
        section="Source",
        type=_Sample(),
        metavar="N|SHARE%",
        show_default="all up to 4 GiB, 50000 pages of more",
        help="Measure so many single pages, drawn by lot with --seed, and estimate the rest;"
        " totals of memory that is stored once come with their 95 % intervals.",
    )(function)


def sampling(wanted: Wanted | None, seed: int) -> Callable[[Source], Source]:
    """What measures a source as *wanted*: the source -> what of it is to be measured."""
    from ghostswap.pages.sampled import sample

    return partial(sample, wanted=wanted, seed=seed)
