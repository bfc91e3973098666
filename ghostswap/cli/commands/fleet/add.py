# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet add``: profiles taken into a store."""

from __future__ import annotations

import click

from ghostswap.cli.options.fleet import store_option
from ghostswap.cli.terminal.args import Command
from ghostswap.cli.terminal.options import jobs_option, json_option


@click.command(
    "add",
    cls=Command,
    examples=("ghostswap fleet add profiles/", "ghostswap fleet add web1.gsp --store web.db"),
)
@click.argument("paths", metavar="DIR|FILE.gsp...", nargs=-1, required=True)
@store_option
@jobs_option
@json_option
def command(paths: tuple[str, ...], store: str, jobs: int | None, as_json: bool) -> int:
    """Take the profiles of hosts into a store, which is made where there is none.

    Of a directory, all files that end in .gsp are taken, those in directories below it too. A
    profile that is there already is not added again. Files that are no profile, or are broken, are
    named, and the others are added. What was added stays, whatever happens then.
    """
    from ghostswap.cli.runs.fleet import add

    return add.run(paths, store, jobs, as_json=as_json)
