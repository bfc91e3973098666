# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines as getopt_long(3) reads them, where click is stricter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


class Command(click.Command):
    """A click command whose long options may be abbreviated, as util-linux's may.

    :param bare: options whose value is optional, and the value that leaving it out means.
    """

    def __init__(self, *args: Any, bare: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bare = bare or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        expanded = expand(ctx, args, long_options(self, ctx), self.bare)
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
