# SPDX-License-Identifier: GPL-2.0-or-later
"""What would do nothing in a run is refused, lest somebody believes that it did."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from ghostswap.cli.options.zswap import ZSWAPS
from ghostswap.cli.terminal.args import refuse
from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.mm.swap.in_order import SwapInfo


def refuse_idle(
    context: click.Context, those: Sequence[str], areas: Sequence[SwapInfo], swept: str = ""
) -> None:
    """Refuse options that none of the designs *those* has a use for, over *areas*.

    :param swept: what --sweep gives values to.
    :raises UsageError: naming the first.
    """
    from ghostswap.designs import table as designs

    names = " and ".join(those)
    if "zram" not in those:
        refuse(context, "it is zram's; --design zram has it", "mem_limit")
    if not any(map(designs.has_zswap, those)):
        refuse(context, f"it is zswap's, and none is in {names}", *ZSWAPS)
    if not any(designs.takes_size(design, areas) for design in those):
        sweep = ("sweep",) if swept == "size" else ()
        refuse(context, f"there is no area to imagine for {names}", "size", *sweep)


def refuse_ghosts(areas: Iterable[SwapInfo], those: Collection[str]) -> None:
    """Refuse ghosts of *areas* where none of the designs *those* has a use for them.

    :raises UsageError: naming the first.
    """
    for area in areas:
        if area.type == "ghost" and "ghost" not in those:
            raise UsageError(
                f"{area.path} is a ghost area, which is of no use to {' and '.join(those)}",
                "leave it out; the design ghost has a use for it",
            )
