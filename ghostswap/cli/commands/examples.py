# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap examples``: claims about ghost swapfiles and virtual swap, each put to the test."""

from __future__ import annotations

import click

from ghostswap.claims.claims import EXAMPLES
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import json_option
from ghostswap.errors import UsageError


@click.command(
    "examples",
    cls=Command,
    examples=("ghostswap examples", "ghostswap examples lru-inversion"),
)
@click.argument("name", metavar="[NAME]", required=False, type=click.Choice(list(EXAMPLES)))
@click.argument("path", metavar="[HOST.toml]", required=False)
@click.option(
    "--show",
    "is_shown",
    cls=Option,
    is_flag=True,
    help="Print the scenario file, run nothing.",
)
@json_option
def command(name: str | None, path: str | None, is_shown: bool, as_json: bool) -> int:
    """Put a claim about swap to the test, or list those there are.

    Each is a scenario that runs in seconds, in several variants side by side. What they show is
    said where their figures show it. With HOST.toml, that is run in place of the example's own.
    """
    from ghostswap.cli.runs import examples

    if name is None:
        if is_shown:
            raise UsageError("--show of which example?", "'ghostswap examples' lists them")
        examples.list_all(as_json=as_json)
        return 0
    if is_shown:
        if path is not None or as_json:
            other = "HOST.toml" if path is not None else "--json"
            raise UsageError(f"--show and {other} exclude each other", f"leave out {other}")
        print(examples.read(name), end="")
        return 0
    return examples.run(name, path, as_json=as_json)
