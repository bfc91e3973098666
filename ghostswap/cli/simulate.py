# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate``: store real memory in an emulated zswap or zram and report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ghostswap.cli.args import Command
from ghostswap.cli.options import Words, bytes_option, json_option
from ghostswap.cli.task import Task
from ghostswap.cli.zram import ZramOptions, zram_options
from ghostswap.cli.zram import simulate as simulate_zram
from ghostswap.cli.zswap import ZswapOptions, zswap_options
from ghostswap.cli.zswap import simulate as simulate_zswap
from ghostswap.errors import TargetError, UsageError
from ghostswap.mm import codecs, kernels
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.cli.report import Report
    from ghostswap.cli.zram_report import ZramReport
    from ghostswap.mm.swapfile import SwapInfo, SwapType

Options = TypeVar("Options", ZswapOptions, ZramOptions)


@click.command("simulate", cls=Command)
@click.argument("swapfiles", metavar="[SWAPFILE]...", nargs=-1)
@click.option(
    "--pages",
    "spec",
    type=Words("mine", "pid:", "-", paths=True),
    default="mine",
    metavar="SOURCE",
    help="Memory to store: a file or device, pid:N, mine (every process you may read; the default),"
    " or - for standard input.",
)
@click.option(
    "--design",
    type=click.Choice(["ghost", "classic", "zram"]),
    help="What to imagine where no SWAPFILE is given: a ghost swapfile (so by default), a full one"
    " (classic), or zram in place of zswap.",
)
@click.option(
    "--compressor", type=click.Choice(codecs.names()), default="lz4", help="lz4 by default."
)
@click.option(
    "--kernel", type=click.Choice(kernels.RELEASES), default="6.18", help="6.18 by default."
)
@zswap_options
@zram_options
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Processes that compress; by default one for each core, and with --verify always one.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Keep the compressed bytes of all pages (so memory grows with the pool), bring every page"
    " back and compare. Full SWAPFILEs are really written to, with --force.",
)
@click.option("-f", "--force", is_flag=True, help="Let --verify overwrite what is in a SWAPFILE.")
@click.option(
    "--against-kernel",
    is_flag=True,
    help="Also give the pages to this machine's own zswap, or with --design zram to a new zram, and"
    " compare counters; all is undone. Needs root.",
)
@click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Where --against-kernel makes the swap area for zswap; by default $TMPDIR or /tmp.",
)
@bytes_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    swapfiles: tuple[str, ...],
    spec: str,
    design: str | None,
    compressor: str,
    kernel: str,
    jobs: int | None,
    verify: bool,
    force: bool,
    against_kernel: bool,
    scratch: str | None,
    raw: bool,
    as_json: bool,
    **values: Any,
) -> int:
    """Store every page of SOURCE in an emulated zswap over the SWAPFILEs, and report.

    A SWAPFILE is a ghost or a full area by its own header; but for --verify, nothing is written
    to it. With none, one as large as the source is imagined. Memory of processes is read where it
    is present and anonymous, as swap would take it, and left as it was.
    """
    if against_kernel:
        return _against(context, scratch, as_json)
    _refuse_idle(jobs, scratch, verify=verify, force=force)
    zswap, zram = _pick(ZswapOptions, values), _pick(ZramOptions, values)
    task = Task(spec, compressor, kernels.get(kernel), jobs, verify, force)
    report: Report | ZramReport
    if design == "zram":
        if zswap != ZswapOptions():
            raise UsageError(f"{_names(ZswapOptions)} are zswap's", "leave them out, or zram")
        zram.check(task.kernel, swapfiles)
        report = simulate_zram(task, zram)
    else:
        if zram != ZramOptions():
            raise UsageError(f"{_names(ZramOptions)} are zram's", "add --design zram")
        report = simulate_zswap(task, _areas(swapfiles, design), zswap)
    if as_json:
        report.emit_json()
    else:
        report.print(format_size if not raw else str)
    return 0


def _refuse_idle(jobs: int | None, scratch: str | None, *, verify: bool, force: bool) -> None:
    """Refuse options that nothing would come of.

    :raises UsageError: naming one.
    """
    if jobs is not None and verify:
        raise UsageError(
            "--jobs has nothing to share out: --verify works in one process", "leave --jobs out"
        )
    if force and not verify:
        raise UsageError("--force without --verify has nothing to overwrite", "add --verify")
    if scratch is not None:
        raise UsageError(
            "--scratch without --against-kernel has no swap area to place", "add --against-kernel"
        )


def _against(context: click.Context, scratch: str | None, as_json: bool) -> int:
    from ghostswap.cli import against

    values = context.params
    against.check_options(context, values["swapfiles"])
    given = context.get_parameter_source("compressor") == ParameterSource.COMMANDLINE
    comparison = against.compare(
        values["spec"],
        "zram" if values["design"] == "zram" else "zswap",
        values["compressor"] if given else None,
        values["mem_limit"] or 0,
        scratch,
    )
    if as_json:
        comparison.emit_json()
    else:
        comparison.print()
    return 0 if comparison.equal else 1


def _pick(options: type[Options], values: Mapping[str, Any]) -> Options:
    """Those of *values* that *options* has fields for."""
    return options(**{field.name: values[field.name] for field in fields(options)})


def _names(options: type[Options]) -> str:
    names = [f"--{field.name.replace('_', '-')}" for field in fields(options)]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _areas(paths: tuple[str, ...], design: str | None) -> list[SwapInfo]:
    from ghostswap.area.explain import inspect
    from ghostswap.area.header import SWAPSPACE2
    from ghostswap.area.target import open_target
    from ghostswap.mm.swapfile import SwapInfo
    from ghostswap.pages.source import PAGE_SIZE

    wanted: SwapType = "full" if design == "classic" else "ghost"
    if not paths:
        return [SwapInfo("(imagined)", wanted)]
    areas = []
    for path in paths:
        with open_target(path) as target:
            found = inspect(target)
        kind, head = found.type, found.header
        sound = head.magic == SWAPSPACE2 and head.version == 1 and head.page_size == PAGE_SIZE
        if kind == "short" or not sound or head.usable_pages < 1:
            raise TargetError(
                path,
                f"a kernel with {PAGE_SIZE}-byte pages does not take this area",
                f"'ghostswap validate {shlex.quote(path)}' says why",
            )
        if design is not None and kind != wanted:
            raise UsageError(
                f"{path} is a {kind} area, and --design {design} asks for another",
                "leave --design out: an area keeps the type that its header and file give it",
            )
        areas.append(SwapInfo(path, kind, head.usable_pages))
    return areas
