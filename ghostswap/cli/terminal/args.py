# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines as getopt_long(3) reads them, where click is stricter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource, augment_usage_errors

from ghostswap.errors import UsageError


class Command(click.Command):
    """A click command whose long options may be abbreviated, as util-linux's may.

    :param bare: options whose value is optional, and the value that leaving it out means.
    """

    def __init__(self, *args: Any, bare: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bare = bare or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        expanded = expand(ctx, args, long_options(self, ctx), self.bare)
        with augment_usage_errors(ctx):  # click itself leaves out whose options it could not read
            return super().parse_args(ctx, expanded)

    def invoke(self, ctx: click.Context) -> int:
        result = super().invoke(ctx)
        return result if isinstance(result, int) else 0


def long_options(command: click.Command, ctx: click.Context) -> list[str]:
    """Every long option of *command*, ``--help`` included."""
    params = command.get_params(ctx)
    names = (name for param in params for name in [*param.opts, *param.secondary_opts])
    return [name for name in names if name.startswith("--")]


def expand(
    ctx: click.Context, args: list[str], known: list[str], bare: Mapping[str, str]
) -> list[str]:
    """Write out abbreviated long options and left-out values, up to ``--``.

    :raises click.UsageError: where an abbreviation fits several options.
    """
    expanded: list[str] = []
    for place, argument in enumerate(args):
        if argument == "--":
            return expanded + args[place:]
        name, equals, value = argument.partition("=")
        if name.startswith("--") and name not in known:
            fitting = [option for option in known if option.startswith(name)]
            if len(fitting) > 1:
                raise click.UsageError(f"Option {name!r} is ambiguous: {', '.join(fitting)}", ctx)
            if fitting:
                name = fitting[0]
                argument = name + equals + value
        if name in bare and not equals:
            argument = f"{name}={bare[name]}"
        expanded.append(argument)
    return expanded


def given(context: click.Context) -> list[str]:
    """Names of the parameters that stand on the command line."""
    source = context.get_parameter_source
    return [name for name in context.params if source(name) == ParameterSource.COMMANDLINE]


def refuse_others(context: click.Context, why: str, *allowed: str) -> None:
    """Refuse what is on the command line, but for the parameters *allowed*; see :func:`refuse`."""
    refuse(context, why, *(name for name in given(context) if name not in allowed))


def check_pressure(context: click.Context) -> None:
    """Refuse a workload in which no page has to leave memory.

    :raises UsageError: saying what would make one.
    """
    if not {"touches", "limit", "ram"}.intersection(given(context)):
        raise UsageError(
            "there is no workload, so no page has to leave memory",
            "add --limit, such as 64M, and --touches, such as zipf:0.8@100k",
        )


def refuse(context: click.Context, why: str, *names: str) -> None:
    """Refuse those of the parameters *names* that are on the command line.

    :param why: a clause that says why they do not go there.
    :raises UsageError: naming the first.
    """
    for param in context.command.params:
        if param.name in names and param.name in given(context):
            raise UsageError(f"{param.opts[-1]} does not go here: {why}", "leave it out")
