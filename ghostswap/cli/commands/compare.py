# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap compare``: one memory, one workload, several designs side by side."""

from __future__ import annotations

from typing import Any

import click

from ghostswap.cli.options.keys import Value, key_options
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import Words, bytes_option, jobs_option, json_option
from ghostswap.designs import table
from ghostswap.scenario.key import BOTH
from ghostswap.scenario.keys import KEYS

#: What is compared where nothing is chosen.
DEFAULT = ("classic", "ghost", "zram", "vswap-ste")
#: What may be swept, and the key that it is; a limit may be in page frames too.
SWEEPS = {"size": "size", "limit": "group.NAME.memory_max", "compressor": "compressor"}


class _Sweep(Words):
    """``NAME=VALUE,VALUE…``."""

    name = "sweep"

    def __init__(self) -> None:
        super().__init__(*(f"{name}=" for name in SWEEPS))

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[str, ...]]:
        if isinstance(value, tuple):
            return value
        name, _, values = value.partition("=")
        words = tuple(values.split(","))
        if name not in SWEEPS or not all(words):
            known = ", ".join(f"{name}=…" for name in SWEEPS)
            self.fail(f"{value!r} is none; write {known}, values joined by commas", param, ctx)
        if len(set(words)) < len(words):
            self.fail(f"{value!r} has a value twice", param, ctx)
        for word in words:
            Value(KEYS[SWEEPS[name]].of_option).convert(word, param, ctx)
        return name, words


def _only(
    context: click.Context,
    param: click.Parameter,
    sweeps: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[str, tuple[str, ...]] | None:
    """The one sweep that there may be."""
    if len(sweeps) > 1:
        raise click.BadParameter("one thing can be swept at a time", context, param)
    return sweeps[0] if sweeps else None


@click.command(
    "compare",
    cls=Command,
    examples=(
        "ghostswap compare",
        "ghostswap compare --pages pid:1234 --limit 64M --touches zipf:0.8@100k",
    ),
)
@click.argument("swapfiles", metavar="[SWAPFILE|HOST.toml]...", nargs=-1)
@key_options("compare", BOTH, without=("design",))
@click.option(
    "--design",
    "chosen",
    cls=Option,
    section="Design",
    type=Value(KEYS["design"].kind),
    multiple=True,
    metavar="DESIGN",
    show_default=", ".join(DEFAULT),
    help=f"One of those to compare; again for another. One of: {', '.join(table.RUN)}.",
)
@click.option(
    "--sweep",
    cls=Option,
    section="Design",
    type=_Sweep(),
    multiple=True,
    callback=_only,
    metavar="NAME=VALUES",
    help="Compare once for each of the values of size, limit or compressor: size=64M,128M,256M.",
)
@click.option(
    "--cost",
    cls=Option,
    is_flag=True,
    help="Add times. They are counts by constants, which are printed: round numbers, not measured.",
)
@click.option(
    "--published",
    cls=Option,
    is_flag=True,
    hidden=True,
    help="'ghostswap overhead' has it.",
)
@jobs_option
@bytes_option
@json_option
@click.pass_context
def command(context: click.Context, /, **_: Any) -> int:
    """Set several designs side by side, for one memory and one workload.

    The memory of SOURCE is compressed once. With --limit or --touches, it is written once, then
    touched under the limit, and pages go and come back as each design has it; without, all of it
    is stored once. SWAPFILEs that have a disk are there for all designs; a design that needs an
    area of another kind imagines it, above them.
    """
    from ghostswap.cli.runs import compare

    return compare.run(context)
