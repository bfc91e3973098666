# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap compare``: one workload through several designs, side by side."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click

from ghostswap import codecs, kernels
from ghostswap.cli.options.hosts import (
    AreaSize,
    HostOptions,
    Limit,
    host_options,
    is_scenario,
    kernel_options,
    source_option,
)
from ghostswap.cli.options.idle import refuse_ghosts, refuse_idle
from ghostswap.cli.options.zswap import ZswapOptions, parameter_options
from ghostswap.cli.terminal.args import Command, check_pressure, refuse_others
from ghostswap.cli.terminal.options import Integer, Size, bytes_option, json_option
from ghostswap.cli.terminal.talk import note
from ghostswap.errors import UsageError
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.cli.options.hosts import Measured
    from ghostswap.cli.reports.compare_report import Comparison
    from ghostswap.mm.swap.in_order import SwapInfo
    from ghostswap.study.comparison import Contender
    from ghostswap.study.host import Host

DESIGNS = ("disk", "classic", "ghost", "ghost-dynamic", "zram", "vswap", "vswap-ste")
_DEFAULT = ("classic", "ghost", "zram", "vswap-ste")


class _Sweep(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """``NAME=VALUE,VALUE…``."""

    name = "sweep"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[str, ...]]:
        if isinstance(value, tuple):
            return value
        name, _, values = value.partition("=")
        words = tuple(values.split(","))
        if name not in _SWEEPS or not all(words):
            known = ", ".join(f"{name}=…" for name in _SWEEPS)
            self.fail(f"{value!r} is none; write {known}, values joined by commas", param, ctx)
        if len(set(words)) < len(words):
            self.fail(f"{value!r} has a value twice", param, ctx)
        return name, words


def _only(
    context: click.Context,
    param: click.Parameter,
    sweeps: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[str, tuple[str, ...]] | None:
    """The one sweep that there may be."""
    if len(sweeps) > 1:
        raise click.BadParameter("one thing can be swept at a time", context, param)
    return sweeps[0] if sweeps else None


@click.command("compare", cls=Command)
@click.argument("swapfiles", metavar="[SWAPFILE|HOST.toml]...", nargs=-1)
@source_option
@click.option(
    "--design",
    "chosen",
    type=click.Choice(DESIGNS),
    multiple=True,
    help=f"One of those to compare; again for another. By default {', '.join(_DEFAULT)}.",
)
@kernel_options
@parameter_options
@host_options
@click.option(
    "--sweep",
    type=_Sweep(),
    multiple=True,
    callback=_only,
    metavar="NAME=VALUES",
    help="Compare once for each of the values of size, limit or compressor: size=64M,128M,256M.",
)
@click.option(
    "--cost",
    is_flag=True,
    help="Add times. They are counts by constants, which are printed: round numbers, not measured.",
)
@click.option(
    "--published",
    is_flag=True,
    help="Print what others measured of these designs, with its sources, and simulate nothing.",
)
@click.option(
    "-j",
    "--jobs",
    type=Integer(min=1),
    help="Processes that work side by side; by default one for each core.",
)
@bytes_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    swapfiles: tuple[str, ...],
    spec: str,
    chosen: tuple[str, ...],
    compressor: str,
    kernel: str,
    sweep: tuple[str, tuple[str, ...]] | None,
    cost: bool,
    published: bool,
    jobs: int | None,
    raw: bool,
    as_json: bool,
    **values: Any,
) -> int:
    """Run one workload through several designs, and set what they came to side by side.

    The memory of SOURCE is compressed once. It is written once, then touched under --limit, and
    pages go and come back as each design has it. SWAPFILEs that have a disk are there for all
    designs; a design that needs an area of another kind imagines it, above them.
    """
    from ghostswap.cli.commands.workload import refuse_pipes
    from ghostswap.cli.options.areas import open_areas

    if published:
        from ghostswap.cli.options.published import emit

        refuse_others(context, "--published stands alone", "published", "as_json")
        emit(as_json)
        return 0
    if is_scenario(swapfiles):
        from ghostswap.cli.options.scenario import load

        why = "a scenario says that itself"
        refuse_others(
            context, why, "swapfiles", "chosen", "sweep", "cost", "jobs", "raw", "as_json"
        )
        host = load(swapfiles[0], any_design=True)
    else:
        zswap = ZswapOptions(
            **{f.name: values[f.name] for f in fields(ZswapOptions) if f.name in values}
        )
        options = HostOptions(**{f.name: values[f.name] for f in fields(HostOptions)})
        zswap.check(kernels.get(kernel))
        if sweep is not None and sweep[0] == "limit":  # whether in frames decides on the cgroup
            limits = [_value(Limit(), "limit", word) for word in sweep[1]]
            if options.cgroup is None and min(limits) < 0 < max(limits):
                raise UsageError(
                    "--sweep limit= has sizes and page frames, for different versions of cgroups",
                    "give all as one or the other, or add --cgroup",
                )
            options = replace(options, limit=limits[0])
        host = options.host(spec, swapfiles, kernel, _DEFAULT[0], compressor, zswap, 0)
    refuse_pipes(host, "of the designs")
    designs = tuple(dict.fromkeys(chosen)) or _default(kernels.get(host.kernel))
    areas = list(open_areas(host.areas))
    swept = sweep[0] if sweep else ""
    if not is_scenario(swapfiles):
        if swept != "limit":
            check_pressure(context)
        refuse_ghosts(areas, designs)
    refuse_idle(context, designs, areas, swept)
    workers = jobs or len(os.sched_getaffinity(0))
    if sweep is None:
        hosts = [("", host)]
    else:
        name, words = sweep
        hosts = [(word, _SWEEPS[name](host, word)) for word in words]
    comparison = _compare(hosts, designs, areas, workers, swept, cost)
    if as_json:
        comparison.emit_json()
    else:
        comparison.print(str if raw else format_size)
    return 0


def _default(kernel: kernels.Kernel) -> tuple[str, ...]:
    """What is compared where nothing is chosen; what could not be on *kernel* is left out."""
    from ghostswap.designs.table import is_on

    found = tuple(design for design in _DEFAULT if is_on(design, kernel))
    for design in _DEFAULT:
        if design not in found:
            note(f"{design} is left out: it is for newer kernels than Linux {kernel.name}")
    return found


def _compare(
    hosts: Sequence[tuple[str, Host]],
    designs: Sequence[str],
    areas: Sequence[SwapInfo],
    jobs: int,
    swept: str,
    cost: bool,
) -> Comparison:
    """Every design on every one of *hosts*, which differ in one value, side by side."""
    from ghostswap.cli.commands.workload import last_touches
    from ghostswap.cli.options.hosts import measure_by_all
    from ghostswap.cli.reports.compare_report import Comparison
    from ghostswap.cli.terminal.progress import progress_bar
    from ghostswap.workers import each

    first = hosts[0][1]
    compressors = dict.fromkeys(host.compressor for _, host in hosts)
    measured = measure_by_all(first, compressors, designs, jobs)
    some = measured[first.compressor]
    last = last_touches(first, some)
    runs = [
        (host, design, measured[host.compressor], areas, last)
        for _, host in hosts
        for design in designs
    ]
    found: list[Contender] = []
    with progress_bar("designs", len(runs)) as advance:
        for contender in each(_run, runs, jobs):
            found.append(contender)
            advance(1)
    step = len(designs)
    rows = [
        (value, tuple(found[number * step : (number + 1) * step]))
        for number, (value, _) in enumerate(hosts)
    ]
    touches = max(last) + 1  # counted from 0; none at all is before that
    return Comparison(first, some, touches, swept, tuple(rows), cost)


def _run(run: tuple[Host, str, Measured, Sequence[SwapInfo], array[int]]) -> Contender:
    from ghostswap.cli.commands.workload import replay
    from ghostswap.study.comparison import Contender, inversion

    host, design, measured, areas, last = run
    done = replay(host, design, measured, areas, quiet=True)
    return Contender(done.outcome(), inversion(last, done.disk_pages()))


def _value(kind: Size, name: str, word: str) -> int:
    try:
        return kind.convert(word, None, None)
    except click.BadParameter as error:
        raise UsageError(f"--sweep {name}: {error.message}") from None


def _with_limit(host: Host, word: str) -> Host:
    limit = _value(Limit(), "limit", word)
    *others, last = host.groups
    if limit < 0:
        changed = replace(last, memory_max=None, limit_frames=-limit)
    else:
        changed = replace(last, memory_max=limit, limit_frames=None)
    return replace(host, groups=(*others, changed))


def _with_compressor(host: Host, word: str) -> Host:
    if word not in codecs.names():
        raise UsageError(f'unknown compressor: "{word}"', f"known: {', '.join(codecs.names())}")
    return replace(host, compressor=word)


#: What may be swept: the host with another value of it.
_SWEEPS = {
    "size": lambda host, word: replace(host, size=_value(AreaSize(), "size", word)),
    "limit": _with_limit,
    "compressor": _with_compressor,
}
