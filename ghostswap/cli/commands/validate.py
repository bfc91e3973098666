# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap validate``: which kernels would take a swap area, and why not."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import click

from ghostswap.cli.options.running import running_kernel
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import Size, Words, json_option, offset_option, ram_option
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.errors import EMPTY, UsageError
from ghostswap.here import mem_total, page_size
from ghostswap.kernels import KERNELS, RELEASES

if TYPE_CHECKING:
    from ghostswap.area.header.layout import ByteOrder
    from ghostswap.area.judge.area import Machine
    from ghostswap.area.judge.subject import AreaKind, Judgement, Places
    from ghostswap.kernels.rules import Kernel


@click.command(
    "validate",
    cls=Command,
    examples=(
        "ghostswap validate /swapfile",
        "ghostswap validate --kernel all swap.ghost",
    ),
)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "-k",
    "--kernel",
    "kernels",
    cls=Option,
    section="Machine",
    type=Words(*KERNELS, "all", joined=True),
    metavar="NAME[,NAME]",
    multiple=True,
    help=f"Kernels that judge: {', '.join(RELEASES)}, ghost (with the ghost swapfile RFC), or all.",
    show_default="the running one",
)
@offset_option
@click.option(
    "--scan",
    cls=Option,
    section="Target",
    is_flag=True,
    help="Judge the areas in the partitions of a disk image.",
)
@click.option(
    "--as",
    "kind",
    cls=Option,
    section="Target",
    type=click.Choice(["file", "block", "tmpfs"]),
    metavar="KIND",
    help="file, block or tmpfs: what TARGET stands for, where it is an image of something else.",
)
@click.option(
    "--pagesize",
    cls=Option,
    section="Machine",
    type=Size(),
    metavar="SIZE",
    show_default="this machine's",
    help="Page size of the judging kernel, 4K to 64K.",
)
@click.option(
    "--endianness",
    cls=Option,
    section="Machine",
    type=click.Choice(["native", "little", "big"]),
    default="native",
    metavar="ORDER",
    help="Byte order of the judging kernel: native, little or big.",
)
@click.option(
    "--flags",
    cls=Option,
    section="Machine",
    default="0",
    metavar="N",
    help="Flags that swapon(2) is called with, a number.",
)
@ram_option
@json_option
def command(
    targets: tuple[str, ...],
    kernels: tuple[str, ...],
    offset: int,
    scan: bool,
    kind: AreaKind | None,
    pagesize: int | None,
    endianness: Literal["native"] | ByteOrder,
    flags: str,
    ram: int | None,
    as_json: bool,
) -> int:
    """Say for each TARGET which kernels' swapon(2) would take it.

    A refusal comes with its errno, the kernel's log line, the reason and the cure; beside it stand
    warnings of what is dangerous, wasteful or odd, each with its cure. The exit status is 0 where
    all chosen kernels take all targets, else 1. Nothing is switched on or changed.
    """
    from ghostswap.area.header.header import NATIVE
    from ghostswap.area.judge.area import Machine
    from ghostswap.area.judge.subject import Judges, judge_paths

    if scan and offset:
        raise UsageError("--scan finds the offsets itself", "leave --offset out, or --scan")
    if (scan or offset) and kind not in (None, "block"):
        raise UsageError(
            f"a part of TARGET does not stand for a {kind}", "leave --as out: it is a block device"
        )
    chosen = _choose(kernels)
    machine = Machine(
        ram=mem_total() if ram is None else ram,
        page_size=_page_size(pagesize),
        byte_order=NATIVE if endianness == "native" else endianness,
    )
    judges = Judges(chosen, machine, kind, _number(flags))
    judgements = judge_paths(targets, judges, _places(offset, scan))
    if as_json:
        emit_json({"targets": [_json(judgement) for judgement in judgements]})
    else:
        for judgement in judgements:
            _print(judgement, machine)
    accepted = all(v.accepted for judgement in judgements for v in judgement.verdicts)
    return 0 if accepted else 1


def _places(offset: int, scan: bool) -> Places:
    """Where in each target to look."""
    from ghostswap.area.disk import scan as disk

    return disk.places if scan else partial(disk.at, offset)


def _choose(names: tuple[str, ...]) -> list[Kernel]:
    wanted = dict.fromkeys(name.strip() for group in names for name in group.split(","))
    if not wanted:
        return [running_kernel()]
    for name in wanted:
        if name not in (*KERNELS, "all"):
            known_names = ", ".join(KERNELS)
            raise click.BadParameter(
                f"{name!r} is not known; known are {known_names}, and all",
                param_hint="'--kernel'",
            )
    return [KERNELS[name] for name in (KERNELS if "all" in wanted else wanted)]


def _page_size(asked: int | None) -> int:
    from ghostswap.area.header.header import PAGE_SIZES

    if asked is not None and asked not in PAGE_SIZES:
        known = ", ".join(map(str, PAGE_SIZES))
        raise click.BadParameter(f"{asked} is none of {known}", param_hint="'--pagesize'")
    return asked or page_size()


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number", param_hint="'--flags'") from None


def _print(judgement: Judgement, machine: Machine) -> None:
    from ghostswap.cli.reports.area_report import title
    from ghostswap.cli.terminal import show
    from ghostswap.units import format_size

    place = judgement.place
    at = f", from byte {place.offset} on" if place.offset and place.partition is None else ""
    show.heading(f"{title(judgement.path or EMPTY, place.partition)}{at}")
    rows: list[tuple[str, str]] = []
    for (pages, refusal), group in groupby(judgement.verdicts, lambda v: (v.pages, v.refusal)):
        kernels = ", ".join(verdict.kernel for verdict in group)
        if refusal is None:
            assert pages is not None
            size = format_size(pages * machine.page_size)
            rows.append((f"  {kernels}", f"accepted: {pages} pages, {size}"))
            continue
        rows.append((f"  {kernels}", f"refused: {refusal.errno or 'the caller is killed'}"))
        if refusal.log:
            rows.append(("    log", refusal.log))
        rows.append(("    why", refusal.reason))
        rows.append(("    cure", refusal.cure))
    for found in judgement.dangers:
        rows.append(("  warning", found.what))
        rows.append(("    danger", found.danger))
        rows.append(("    cure", found.cure))
    show.facts(rows)


def _json(judgement: Judgement) -> dict[str, Any]:
    from ghostswap.cli.reports.area_report import partition_json

    return {
        "path": judgement.path,
        "offset": judgement.place.offset,
        "partition": partition_json(judgement.place.partition),
        "verdicts": [
            {
                "kernel": verdict.kernel,
                "accepted": verdict.accepted,
                "errno": verdict.refusal.errno if verdict.refusal else None,
                "log": verdict.refusal.log if verdict.refusal else None,
                "reason": verdict.refusal.reason if verdict.refusal else None,
                "cure": (verdict.refusal.cure or None) if verdict.refusal else None,
                "pages": verdict.pages,
            }
            for verdict in judgement.verdicts
        ],
        "warnings": [
            {
                "name": found.name,
                "what": found.what,
                "danger": found.danger,
                "cure": found.cure,
            }
            for found in judgement.dangers
        ],
    }
