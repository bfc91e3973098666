# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate``: memory stored once, in a design."""

from __future__ import annotations

from typing import Any

import click

from ghostswap.cli.options.keys import key_options
from ghostswap.cli.options.pictures import html_option, plot_option
from ghostswap.cli.options.sampling import sample_option
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import bytes_option, jobs_option, json_option, verbose_option
from ghostswap.scenario.key import BOTH


@click.command(
    "simulate",
    cls=Command,
    examples=(
        "ghostswap simulate",
        "ghostswap simulate --design zram --compressor zstd --pages pid:1234",
    ),
)
@click.argument("swapfiles", metavar="[SWAPFILE]...", nargs=-1)
@key_options("simulate", BOTH)
@click.option(
    "--classes",
    cls=Option,
    is_flag=True,
    help="Print zsmalloc's size classes too, as /sys/kernel/debug/zsmalloc has them.",
)
@click.option(
    "--proc",
    cls=Option,
    is_flag=True,
    hidden=True,
    help="Also print what /proc/swaps and /proc/meminfo would show of swap.",
)
@sample_option
@jobs_option
@verbose_option
@bytes_option
@plot_option
@html_option
@json_option
# What other commands do now.
@click.option("--band", cls=Option, is_flag=True, hidden=True, help="'ghostswap replay' has it.")
@click.option("--verify", cls=Option, is_flag=True, hidden=True, help="It is a command now.")
@click.option(
    "-f", "--force", cls=Option, is_flag=True, hidden=True, help="'ghostswap verify' has it."
)
@click.option(
    "--against-kernel",
    cls=Option,
    is_flag=True,
    hidden=True,
    help="'ghostswap measure' does that.",
)
@click.option(
    "--scratch",
    cls=Option,
    hidden=True,
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="'ghostswap measure' has it.",
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> int:
    """Store memory once, in a design, and say what that would save.

    Every page of SOURCE goes through zswap, zram or what else the design has, over the SWAPFILEs.
    A SWAPFILE is a ghost or a full area by its own header, and nothing is written to it. With
    none, one as large as need be is imagined. Memory of processes is read where it is present and
    anonymous, as swap would take it, and left as it was.

    Pages that come back are for 'ghostswap replay'; several designs for 'ghostswap compare'.
    """
    from ghostswap.cli.runs import simulate

    return simulate.run(context)
