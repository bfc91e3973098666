# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet list``: the hosts of a store."""

from __future__ import annotations

import click

from ghostswap.cli.options.fleet import store_option
from ghostswap.cli.terminal.args import Command
from ghostswap.cli.terminal.options import json_option


@click.command("list", cls=Command, examples=("ghostswap fleet list",))
@store_option
@json_option
def command(store: str, as_json: bool) -> int:
    """List the hosts of a store: their memory, and to how much of it that compresses."""
    from ghostswap.cli.runs.fleet import listed

    return listed.run(store, as_json=as_json)
