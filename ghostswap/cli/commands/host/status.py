# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap status``: swap, zswap and zram as they are on this host, and what is wrong."""

from __future__ import annotations

import click

from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import json_option
from ghostswap.errors import UsageError


@click.command(
    "status",
    cls=Command,
    examples=(
        "sudo ghostswap status",
        "ghostswap status --watch",
    ),
)
@click.option(
    "--watch",
    cls=Option,
    is_flag=True,
    help="Go on with a line a second that says what changed, until Ctrl-C.",
)
@json_option
def command(watch: bool, as_json: bool) -> int:
    """Show swap on this host as it is now, and what is wrong with it.

    Areas, zswap, zram, reclaim and the cgroups that are set otherwise than usual; then what was
    found to be wrong, the worst first, each with its cause and a cure. Nothing is changed. Root
    sees more; what could not be seen is said.
    """
    from ghostswap.cli.runs.host import status

    if watch and as_json:
        raise UsageError("--watch prints no JSON", "call 'ghostswap status --json' again and again")
    return status.run(watch=watch, as_json=as_json)
