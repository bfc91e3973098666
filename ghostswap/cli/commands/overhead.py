# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap overhead``: what each design keeps in memory for its slots, by how many are used."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import click

from ghostswap import kernels
from ghostswap.area.header.bounds import MAX_PAGES
from ghostswap.cli.options.keys import Value
from ghostswap.cli.options.running import running_kernel
from ghostswap.cli.terminal.args import Command, Option, refuse_others
from ghostswap.cli.terminal.options import Size, bytes_option, json_option
from ghostswap.designs import table
from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.scenario import kinds
from ghostswap.units import format_size, printable

_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")


class _Percents(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """Percentages separated by commas, each once."""

    name = "percents"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fraction, ...]:
        if isinstance(value, tuple):
            return value
        found: dict[Fraction, None] = {}
        for word in value.split(","):
            match = _PERCENT.fullmatch(word.strip())
            if match is None or Fraction(match[0]) > 100:
                self.fail(
                    f'"{printable(word)}" is no percentage from 0 to 100; write them as 0,12.5,100,'
                    " with six decimals at most",
                    param,
                    ctx,
                )
            found[Fraction(match[0])] = None
        return tuple(found)


#: What is listed where nothing is chosen.
_DEFAULT = ("classic", "ghost", "zram", "vswap-ste")
_ALL = "all"


@click.command(
    "overhead",
    cls=Command,
    examples=(
        "ghostswap overhead --size 32G",
        "ghostswap overhead --size 1T --design classic --design vswap --fields",
    ),
)
@click.option(
    "--size",
    cls=Option,
    section="Design",
    type=Size(),
    metavar="SIZE",
    help="How much swap there is, used or not: a slot for each 4096 bytes.",
)
@click.option(
    "--used",
    cls=Option,
    section="Design",
    type=_Percents(),
    default="0,25,50,75,100",
    metavar="PERCENTS",
    help="How much of it is used, in percent, joined by commas.",
)
@click.option(
    "--design",
    "names",
    cls=Option,
    section="Design",
    type=Value(kinds.one_of(*table.COUNTED, _ALL)),
    multiple=True,
    metavar="DESIGN",
    show_default=", ".join(_DEFAULT),
    help=f"A design to list; again for another; or {_ALL}. One of: {', '.join(table.COUNTED)}.",
)
@click.option(
    "--kernel",
    cls=Option,
    section="Design",
    type=Value(kinds.one_of(*kernels.RELEASES)),
    metavar="KERNEL",
    show_default="the running one",
    help=f"Linux whose classic, ghost and zram are listed. One of: {', '.join(kernels.RELEASES)}.",
)
@click.option(
    "--entries",
    cls=Option,
    section="Design",
    is_flag=True,
    help="Also count what the published tables leave out: zswap's entries, zsmalloc's handles.",
)
@click.option(
    "--fields",
    "with_fields",
    cls=Option,
    is_flag=True,
    help="Also print what each design keeps, field by field, gross and net.",
)
@click.option(
    "--published",
    cls=Option,
    is_flag=True,
    help="Print what others measured of these designs, with its sources, and nothing else.",
)
@bytes_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    size: int | None,
    used: tuple[Fraction, ...],
    names: tuple[str, ...],
    kernel: str | None,
    entries: bool,
    with_fields: bool,
    published: bool,
    raw: bool,
    as_json: bool,
) -> None:
    """Print the memory that swap takes for itself, by design and by use.

    This is what the kernel keeps beside the pages: maps of the slots, swap cache, trees,
    descriptors. The tables that were published with virtual swap come out cell by cell.
    """
    from ghostswap.cli.reports import published as measured
    from ghostswap.cli.reports.overhead_report import Report

    if published:
        refuse_others(context, "--published stands alone", "published", "as_json")
        measured.emit(as_json)
        return
    if size is None:
        raise UsageError("how much swap? --size is missing", "add --size, such as 32G")
    chosen = table.COUNTED if _ALL in names else dict.fromkeys(names or _DEFAULT)
    designs = tuple(table.get(name) for name in chosen)
    slots = _slots(size)
    report = Report(slots, used, designs, kernel or running_kernel().name, entries)
    if as_json:
        report.emit_json(with_fields)
    else:
        report.print(with_fields, raw)


def _slots(size: int) -> int:
    slots, rest = divmod(size, PAGE_SIZE)
    if slots > MAX_PAGES:
        raise UsageError(
            f"{format_size(size)} have more slots than the kernel can count in one area",
            f"--size {MAX_PAGES * PAGE_SIZE}, one page less than 16T, is the most",
        )
    if not slots:
        raise UsageError(
            f"{size} bytes of swap have no slot", f"--size {PAGE_SIZE} has one, 32G has 8388608"
        )
    if rest:
        raise UsageError(
            f"{size} bytes are no whole number of {PAGE_SIZE} byte pages",
            f"--size {size - rest} and --size {size - rest + PAGE_SIZE} are",
        )
    return slots
