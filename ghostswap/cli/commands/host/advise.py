# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap advise``: what to set here, and why."""

from __future__ import annotations

from typing import Any

import click

from ghostswap import kernels
from ghostswap.advise.goal import GOALS, Goal
from ghostswap.cli.options.pictures import html_option, plot_option
from ghostswap.cli.terminal.args import Command, Option, refuse_others
from ghostswap.cli.terminal.options import Integer, jobs_option, json_option, ram_option


@click.command(
    "advise",
    cls=Command,
    examples=(
        "sudo ghostswap advise",
        "ghostswap advise --goal memory --pages pid:1234",
        "sudo ghostswap advise --emit swap",
        "sudo ghostswap advise --check swap",
    ),
)
@click.option(
    "--pages",
    "source",
    cls=Option,
    section="Source",
    metavar="SOURCE",
    show_default="host for root, else mine",
    help="The memory in question, as 'ghostswap simulate --pages' takes it.",
)
@click.option(
    "--exact",
    cls=Option,
    section="Source",
    is_flag=True,
    help="Measure all of it, not only 20000 pages.",
)
@click.option(
    "--seed",
    cls=Option,
    section="Source",
    type=Integer(min=0),
    default=0,
    metavar="N",
    help="Draw other pages.",
)
@ram_option
@click.option(
    "--kernel",
    cls=Option,
    section="Machine",
    type=click.Choice(tuple(kernels.KERNELS)),
    metavar="KERNEL",
    show_default="the running one",
    help="Advise for another kernel, whatever this one has.",
)
@click.option(
    "--goal",
    cls=Option,
    section="Design",
    type=click.Choice([name for name in GOALS if name != "balanced"]),
    metavar="GOAL",
    help="What counts most: memory, latency or disk.",
)
@click.option(
    "--emit",
    cls=Option,
    type=click.Path(),
    metavar="DIR",
    help="Make this directory, with the files that do it, apply.sh and undo.sh.",
)
@click.option(
    "--check",
    cls=Option,
    type=click.Path(),
    metavar="DIR",
    help="Compare what --emit predicted in this directory with what there is now.",
)
@jobs_option
@plot_option
@html_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    source: str | None,
    exact: bool,
    seed: int,
    ram: int | None,
    kernel: str | None,
    goal: Goal | None,
    check: str | None,
    jobs: int | None,
    as_json: bool,
    **_: Any,
) -> int:
    """Say what to set on this host, with figures from the memory that is in use.

    zswap over a disk, zram and, where the kernel has one, a ghost swapfile are set side by side,
    each with several compressors. Then come the sizes, each with the figure that decides it, and
    what distributions would set. Nothing is changed. Some weeks after --emit, --check says how
    it went.
    """
    if check is not None:
        from ghostswap.cli.runs.host import check as checking

        refuse_others(context, "--check measures no memory", "check", "as_json")
        return checking.run(check, as_json=as_json)
    from ghostswap.cli.runs.host import advise

    asked = advise.Asked(source, ram, kernel, goal or "balanced", exact, seed, jobs)
    return advise.run(context, asked)
