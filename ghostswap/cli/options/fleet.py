# SPDX-License-Identifier: GPL-2.0-or-later
"""``--store``: the file in which a fleet is."""

from __future__ import annotations

import click

from ghostswap.cli.terminal.args import Option
from ghostswap.cli.terminal.options import F, Path


def store_option(function: F) -> F:
    """``--store FILE``: the store of a fleet."""
    return click.option(
        "--store",
        cls=Option,
        section="Target",
        type=Path(),
        default="fleet.db",
        metavar="FILE",
        help="The file in which the fleet is.",
    )(function)
