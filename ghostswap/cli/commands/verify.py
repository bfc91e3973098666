# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap verify``: every page really kept, brought back and compared."""

from __future__ import annotations

from typing import Any

import click

from ghostswap.cli.options.keys import key_options
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import bytes_option, json_option, verbose_option
from ghostswap.scenario.key import Run


@click.command(
    "verify",
    cls=Command,
    examples=(
        "ghostswap verify --pages /usr/bin/python3 --compressor zstd",
        "ghostswap verify --force /swapfile",
    ),
)
@click.argument("swapfiles", metavar="[SWAPFILE]...", nargs=-1)
@key_options("verify", Run.STORE, without=("folio_order",))
@click.option(
    "-f",
    "--force",
    cls=Option,
    is_flag=True,
    help="Overwrite what is in full SWAPFILEs, which pages are really written to.",
)
@verbose_option
@bytes_option
@json_option
@click.pass_context
def command(context: click.Context, /, **_: Any) -> int:
    """Bring every page back and compare it; --force overwrites what is in full SWAPFILEs.

    As 'ghostswap simulate', but the compressed bytes of all pages are kept, so that memory grows
    with the pool. Pages that go to a full SWAPFILE are written to it and read again. A SWAPFILE
    that is in use is refused.
    """
    from ghostswap.cli.runs import verify

    return verify.run(context)
