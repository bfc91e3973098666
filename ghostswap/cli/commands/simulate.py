# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate``: store real memory in an emulated zswap or zram and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from ghostswap import kernels
from ghostswap.cli.options.areas import open_areas, parse_area
from ghostswap.cli.options.hosts import (
    HostOptions,
    host_options,
    is_scenario,
    kernel_options,
    source_option,
)
from ghostswap.cli.options.idle import refuse_ghosts, refuse_idle
from ghostswap.cli.options.task import Task
from ghostswap.cli.options.zram import ZramOptions, zram_options
from ghostswap.cli.options.zram import simulate as simulate_zram
from ghostswap.cli.options.zswap import ZswapOptions, zswap_options
from ghostswap.cli.options.zswap import simulate as simulate_zswap
from ghostswap.cli.terminal.args import Command, check_pressure, refuse, refuse_others
from ghostswap.cli.terminal.options import Integer, bytes_option, json_option
from ghostswap.errors import UsageError
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.cli.reports.report import Report
    from ghostswap.cli.reports.workload_report import WorkloadReport
    from ghostswap.cli.reports.zram_report import ZramReport
    from ghostswap.mm.swap.in_order import SwapInfo, SwapType

Options = TypeVar("Options", ZswapOptions, ZramOptions, HostOptions)
#: Parameters that no workload has.
_NO_WORK = (
    "verify",
    "force",
    "classes",
    "folio_order",
    "writeback",
    "zeromap",
    "writeback_limit",
    "scratch",
)
#: Designs that there is no storing every page once in.
_WITH_WORK = ("disk", "ghost-dynamic", "vswap", "vswap-ste")


@click.command("simulate", cls=Command)
@click.argument("swapfiles", metavar="[SWAPFILE]...", nargs=-1)
@source_option
@click.option(
    "--design",
    type=click.Choice(["ghost", "classic", "zram", *_WITH_WORK]),
    help="What to imagine where no SWAPFILE is given: zswap over a ghost swapfile (so by default)"
    " or over a full one (classic); zram in its place; or, with a workload, disk alone, a ghost of"
    " clusters as they are needed, or virtual swap.",
)
@kernel_options
@zswap_options
@zram_options
@host_options
@click.option(
    "-j",
    "--jobs",
    type=Integer(min=1),
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
@click.option(
    "--band",
    is_flag=True,
    help="Also run the workload as it would go with other timing: counters that differ are given"
    " with the least and the most of them.",
)
@click.option(
    "--proc",
    is_flag=True,
    help="After a workload, also print what /proc/swaps and /proc/meminfo would show of swap.",
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
    band: bool,
    proc: bool,
    raw: bool,
    as_json: bool,
    **values: Any,
) -> int:
    """Store every page of SOURCE in an emulated zswap over the SWAPFILEs, and report.

    With --touches or --limit, run a workload: the memory is written once, then touched under the
    limit, and pages go and come back. 'ghostswap simulate HOST.toml' runs a whole host so.

    A SWAPFILE is a ghost or a full area by its own header; but for --verify, nothing is written
    to it. With none, one as large as the source is imagined. Memory of processes is read where it
    is present and anonymous, as swap would take it, and left as it was.
    """
    if against_kernel:
        return _against(context, scratch, as_json)
    zswap, zram = _pick(ZswapOptions, values), _pick(ZramOptions, values)
    options = _pick(HostOptions, values)
    report: Report | ZramReport | WorkloadReport
    if options != HostOptions() or design in _WITH_WORK or is_scenario(swapfiles):
        report = _work(context, options, zswap, band)
        if as_json:
            report.emit_json(proc=proc)
        else:
            report.print(format_size if not raw else str, proc=proc)
        return 0
    if band or proc:
        name, use = ("--band", "run") if band else ("--proc", "show")
        raise UsageError(
            f"{name} without a workload has nothing to {use}", "add --touches, --limit"
        )
    _refuse_idle(jobs, scratch, verify=verify, force=force)
    task = Task(spec, compressor, kernels.get(kernel), jobs, verify, force)
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
    from ghostswap.live import against

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
    """The areas at *paths*, all of the type that *design* wants; or one that is imagined."""
    from ghostswap.mm.swap.in_order import SwapInfo

    wanted: SwapType = "full" if design == "classic" else "ghost"
    if not paths:
        # A full one is a partition, which can have folios in one piece.
        return [SwapInfo("(imagined)", wanted, blkdev=wanted == "full")]
    given = [*map(parse_area, paths)]
    for one in given:
        if one.prio is not None:
            raise UsageError(
                f"{one.path} has a priority, which is for a workload",
                "name the areas in the order that they are used, or add --limit",
            )
    areas = list(open_areas(given))
    for area in areas:
        if design is not None and area.type != wanted:
            raise UsageError(
                f"{area.path} is a {area.type} area, and --design {design} asks for another",
                "leave --design out: an area keeps the type that its header and file give it",
            )
    return areas


def _work(
    context: click.Context, options: HostOptions, zswap: ZswapOptions, band: bool
) -> WorkloadReport:
    """Run a workload instead of storing every page once."""
    from ghostswap.cli.commands import workload

    values = context.params
    swapfiles, design = values["swapfiles"], values["design"]
    if is_scenario(swapfiles):
        why = "a scenario says that itself"
        refuse_others(context, why, "swapfiles", "jobs", "band", "proc", "raw", "as_json")
        from ghostswap.cli.options.scenario import load

        return workload.simulate(load(swapfiles[0]), values["jobs"], band)
    refuse(context, "no workload has it", *_NO_WORK)
    if options.touches is None and options.limit is None and design not in _WITH_WORK:
        names = [field.name for field in fields(HostOptions)]
        refuse(context, "it is for a workload, and neither --touches nor --limit is here", *names)
    check_pressure(context)
    kernel = kernels.get(values["kernel"])
    zswap.check(kernel)
    opened = list(open_areas(map(parse_area, swapfiles)))
    if design is None:
        design = "classic" if opened and all(area.type == "full" for area in opened) else "ghost"
    refuse_ghosts(opened, (design,))
    refuse_idle(context, (design,), opened)
    host = options.host(
        values["spec"],
        swapfiles,
        kernel.name,
        design,
        values["compressor"],
        zswap,
        values["mem_limit"],
    )
    return workload.simulate(host, values["jobs"], band)
