# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap replay``: memory touched under a limit, so that pages go and come back."""

from __future__ import annotations

from typing import Any

import click

from ghostswap.cli.options.keys import key_options
from ghostswap.cli.options.pictures import html_option, plot_option
from ghostswap.cli.options.sampling import sample_option
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import bytes_option, jobs_option, json_option, verbose_option
from ghostswap.scenario.key import Run


@click.command(
    "replay",
    cls=Command,
    examples=(
        "ghostswap replay --pages pid:1234 --limit 64M --touches zipf:0.8@100k",
        "ghostswap replay host.toml --set zswap.max_pool_percent=30",
        "ghostswap replay --pages pid:1234 --touches zipf:0.8@100k --curve=64M,96M",
    ),
)
@click.argument("swapfiles", metavar="[SWAPFILE|HOST.toml]...", nargs=-1)
@key_options("replay", Run.REPLAY)
@click.option(
    "--band",
    cls=Option,
    is_flag=True,
    help="Also run it as it would go with other timing: counters that differ are given with the"
    " least and the most of them.",
)
@click.option(
    "--curve",
    cls=Option,
    bare="",
    metavar="LIMIT,...",
    help="Print the major faults of all sizes of memory at once, by exact LRU; and what the"
    " kernel's reclaim makes of --limit and of each LIMIT.",
)
@click.option(
    "--proc",
    cls=Option,
    is_flag=True,
    help="Also print what /proc/swaps and /proc/meminfo would show of swap.",
)
@sample_option
@jobs_option
@verbose_option
@bytes_option
@plot_option
@html_option
@json_option
@click.pass_context
def command(context: click.Context, /, **_: Any) -> int:
    """Replay a workload under a limit, or a whole host, and say what swap did.

    The memory of SOURCE is written once, then touched under --limit as --touches says; pages leave
    and come back as the kernel's reclaim and the design have it. SWAPFILEs are there by priority,
    as in /swapfile:prio=5. HOST.toml describes a host with groups, areas and tiers; see 'man
    ghostswap-scenario'.
    """
    from ghostswap.cli.runs import replay

    return replay.run(context)
