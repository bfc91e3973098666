# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap compare``: one memory, one workload, several designs or kernels side by side."""

from __future__ import annotations

from typing import Any

import click

from ghostswap.cli.options.contest import DEFAULT, Sweep, only
from ghostswap.cli.options.keys import Value, key_options
from ghostswap.cli.options.pictures import html_option, plot_option
from ghostswap.cli.options.sampling import sample_option
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import (
    bytes_option,
    jobs_option,
    json_option,
    scheduler_option,
)
from ghostswap.designs import table
from ghostswap.scenario.key import BOTH
from ghostswap.scenario.keys import KEYS


@click.command(
    "compare",
    cls=Command,
    examples=(
        "ghostswap compare",
        "ghostswap compare --pages pid:1234 --limit 64M --touches zipf:0.8@100k",
        "ghostswap compare --pages pid:1234 --kernel 6.12,7.3",
    ),
)
@click.argument("swapfiles", metavar="[SWAPFILE|HOST.toml]...", nargs=-1)
@key_options("compare", BOTH, without=("design",), several="kernel")
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
    type=Sweep(),
    multiple=True,
    callback=only,
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
@sample_option
@scheduler_option
@jobs_option
@bytes_option
@plot_option
@html_option
@json_option
@click.pass_context
def command(context: click.Context, /, **_: Any) -> int:
    """Set several designs side by side, or kernels, for one memory and one workload.

    The memory of SOURCE is compressed once. With --limit or --touches, it is written once, then
    touched under the limit, and pages go and come back as each design has it; without, all of it
    is stored once. SWAPFILEs that have a disk are there for all designs; a design that needs an
    area of another kind imagines it, above them. With several kernels, as --kernel 6.12,7.3, each
    of them is a column, and the design is one, classic unless given.
    """
    from ghostswap.cli.runs import compare

    return compare.run(context)
