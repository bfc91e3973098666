# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap capture``: how much of its memory a process touches, over time."""

from __future__ import annotations

from typing import Any

import click

from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import Worth, bytes_option, json_option, verbose_option
from ghostswap.errors import UsageError
from ghostswap.units import parse_duration


class _Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """Seconds, from text with a unit."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(value)
        except UsageError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


class _Target(click.ParamType):  # type: ignore[type-arg]
    """Any text, for what is watched to be told by."""

    name = "target"
    worth = Worth(("pid:", "cgroup:"), paths=True)


@click.command(
    "capture",
    cls=Command,
    examples=(
        "sudo ghostswap capture pid:1234 --duration 60s -o app.trace",
        "ghostswap capture app.trace",
    ),
)
@click.argument("target", metavar="TARGET", type=_Target())
@click.option(
    "--interval",
    cls=Option,
    section="Target",
    type=_Duration(),
    default="1s",
    metavar="TIME",
    help="From one look to the next, such as 500ms.",
)
@click.option(
    "--duration",
    cls=Option,
    section="Target",
    type=_Duration(),
    default="60s",
    metavar="TIME",
    help="How long to watch, such as 60s or 5m; Ctrl-C ends it early.",
)
@click.option(
    "-o",
    "--output",
    cls=Option,
    type=click.Path(),
    metavar="FILE",
    help="Write the capture to a new FILE, whole or not at all.",
)
@verbose_option
@bytes_option
@json_option
@click.pass_context
def command(context: click.Context, /, **_: Any) -> int:
    """Watch which memory is touched: clears the process's referenced bits.

    The kernel's reclaim takes its pages for cold until they are touched again. TARGET is pid:N or
    cgroup:NAME; or the FILE of a capture, or of damo's, which is shown. What the kernel can tell is
    tried out first, and said.
    """
    from ghostswap.cli.runs import capture

    return capture.run(context)
