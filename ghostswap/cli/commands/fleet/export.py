# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet export``: figures of all hosts for other tools."""

from __future__ import annotations

import click

from ghostswap.cli.options.fleet import store_option
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import Path, json_option


@click.command("export", cls=Command, examples=("ghostswap fleet export --parquet fleet.parquet",))
@store_option
@click.option(
    "--parquet",
    cls=Option,
    required=True,
    type=Path(),
    metavar="FILE",
    help="Write this file of Parquet, whole or not at all. One that is there is replaced.",
)
@json_option
def command(store: str, parquet: str, as_json: bool) -> int:
    """Write the figures of all hosts for other tools, a row for each host and compressor."""
    from ghostswap.cli.runs.fleet import export

    return export.run(store, parquet, as_json=as_json)
