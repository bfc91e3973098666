# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that read their line as getopt_long(3) does, and help in sections, an example first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from click import parser as click_parser
from click.core import ParameterSource, augment_usage_errors

from ghostswap.cli.terminal.help import Formatter
from ghostswap.errors import UsageError
from ghostswap.units import shell_quoted

#: Sections of a help text, in order; what has none comes with the last.
SECTIONS = ("Target", "Area", "Source", "Design", "Machine", "Output")

# click renamed it in 8.2.
_Parser: Any = getattr(click_parser, "_OptionParser", None) or click_parser.OptionParser


#: Where in a context's ``meta`` the command line is.
_ARGS = f"{__name__}.args"


class Option(click.Option):
    """An option with its place in the help text.

    :param section: one of :data:`SECTIONS`.
    :param bare: what leaving its value out means, where that is allowed; one that is given stands
        behind ``=`` then.
    """

    def __init__(
        self, *args: Any, section: str = SECTIONS[-1], bare: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.bare = bare


class Command(click.Command):
    """A click command whose long options may be abbreviated, as util-linux's may.

    :param examples: command lines that the help text begins with.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        kwargs["context_settings"] = {"show_default": True, **kwargs.get("context_settings", {})}
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def make_parser(self, ctx: click.Context) -> Any:
        params = self.get_params(ctx)
        bare = {
            name: param.bare
            for param in params
            if isinstance(param, Option) and param.bare is not None
            for name in param.opts
        }
        parser = _GetoptLong(ctx, bare)
        for param in params:
            param.add_to_parser(parser, ctx)
        return parser

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_ARGS] = tuple(args)
        with augment_usage_errors(ctx):  # click itself leaves out whose options it could not read
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> int:
        result = super().invoke(ctx)
        return result if isinstance(result, int) else 0

    # Help

    def get_help(self, ctx: click.Context) -> str:
        formatter = Formatter()
        self.format_help(ctx, formatter)
        return formatter.getvalue().rstrip("\n")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples and isinstance(formatter, Formatter):
            formatter.write_examples(self.examples)
        super().format_help_text(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {section: [] for section in SECTIONS}
        for param in self.get_params(ctx):
            is_option = isinstance(param, click.Option)
            record = param.get_help_record(ctx) if is_option else None
            if record is not None:
                rows[getattr(param, "section", SECTIONS[-1])].append(record)
        used = {section: found for section, found in rows.items() if found}
        for section, found in used.items():
            with formatter.section(section if len(used) > 1 else "Options"):
                formatter.write_dl(found)


class _GetoptLong(_Parser):  # type: ignore[misc]
    """click's parser, which knows options from values, with abbreviations and left-out values."""

    def __init__(self, ctx: click.Context, bare: dict[str, str]) -> None:
        super().__init__(ctx)
        self._bare = bare

    def _match_long_opt(self, opt: str, explicit_value: str | None, state: Any) -> None:
        if opt not in self._long_opt:
            fitting = [option for option in self._long_opt if option.startswith(opt)]
            if len(fitting) > 1:
                raise click.UsageError(
                    f"Option {opt!r} is ambiguous: {', '.join(fitting)}", self.ctx
                )
            if fitting and len(opt) > len("--"):
                opt = fitting[0]
        if explicit_value is None:
            explicit_value = self._bare.get(opt)
        super()._match_long_opt(opt, explicit_value, state)


def command_line(context: click.Context) -> str:
    """What was called, as it can be given to a shell again."""
    return " ".join(map(shell_quoted, ("ghostswap", str(context.info_name), *context.meta[_ARGS])))


def given(context: click.Context) -> list[str]:
    """Names of the parameters that stand on the command line."""
    source = context.get_parameter_source
    return [name for name in context.params if source(name) == ParameterSource.COMMANDLINE]


def option_name(context: click.Context, name: str) -> str:
    """What the option behind parameter *name* is called, in full."""
    params = (param for param in context.command.params if param.name == name)
    return next(param.opts[-1] for param in params)


def refuse(context: click.Context, why: str, *names: str) -> None:
    """Refuse those of the parameters *names* that are on the command line.

    :param why: a clause that says why they do not go there.
    :raises UsageError: naming the first.
    """
    for name in given(context):
        if name in names:
            option = option_name(context, name)
            raise UsageError(f"{option} does not go here: {why}", f"leave {option} out")


def refuse_others(context: click.Context, why: str, *allowed: str) -> None:
    """Refuse what is on the command line, but for the parameters *allowed*; see :func:`refuse`."""
    refuse(context, why, *(name for name in given(context) if name not in allowed))
