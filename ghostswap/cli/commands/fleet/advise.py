# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet advise``: what sizes of swap come to on all hosts."""

from __future__ import annotations

import click

from ghostswap import codecs, kernels
from ghostswap.cli.options.fleet import store_option
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import (
    Integer,
    Size,
    jobs_option,
    json_option,
    scheduler_option,
)
from ghostswap.designs import table
from ghostswap.scenario.keys import KEYS


@click.command(
    "advise",
    cls=Command,
    examples=("ghostswap fleet advise", "ghostswap fleet advise --design zram --size 8G"),
)
@store_option
@click.option(
    "--design",
    cls=Option,
    section="Design",
    type=click.Choice(table.SIZED),
    default="ghost",
    metavar="DESIGN",
    help=f"What is to have a size. One of: {', '.join(table.SIZED)}.",
)
@click.option(
    "--dynamic",
    cls=Option,
    section="Design",
    type=click.Choice(table.UNSIZED),
    metavar="DESIGN",
    show_default="vswap",
    help=f"What has no size, beside it. One of: {', '.join(table.UNSIZED)}.",
)
@click.option(
    "--size",
    cls=Option,
    section="Design",
    type=Size(least=8192),
    metavar="SIZE",
    show_default="enough for --cover of the hosts",
    help="The one size for all hosts.",
)
@click.option(
    "--cover",
    cls=Option,
    section="Design",
    type=Integer(min=1, max=100),
    default=95,
    metavar="PERCENT",
    help="Of the hosts, how many a size is to be enough for.",
)
@click.option(
    "--compressor",
    cls=Option,
    section="Design",
    type=click.Choice(codecs.names()),
    default="lz4",
    metavar="NAME",
    help=f"Of the profiles. One of: {', '.join(codecs.names())}.",
)
@click.option(
    "--max-pool-percent",
    cls=Option,
    section="Machine",
    type=Integer(min=1, max=100),
    default=int(KEYS["zswap.max_pool_percent"].default),
    metavar="PERCENT",
    help="Of each host's memory, what zswap's pool may take.",
)
@click.option(
    "--kernel",
    cls=Option,
    section="Machine",
    type=click.Choice(kernels.RELEASES),
    metavar="KERNEL",
    show_default="the running one",
    help="Linux whose rules are taken.",
)
@scheduler_option
@jobs_option
@json_option
def command(
    store: str,
    design: str,
    dynamic: str | None,
    size: int | None,
    cover: int,
    compressor: str,
    max_pool_percent: int,
    kernel: str | None,
    scheduler: str | None,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Say what sizes of swap come to on all hosts of a store.

    All memory of each host leaves, as 'ghostswap simulate' would have it: with one size for all
    hosts, with one for each kind of hosts, with a size of its own, and with swap that has no
    size. What was run is kept in the store, and is not run again.
    """
    from ghostswap.cli.runs.fleet import advise
    from ghostswap.fleet.advice import Question

    name = advise.kernel_name(kernel)
    dynamic = advise.dynamic_on(name) if dynamic is None else dynamic
    question = Question(design, dynamic, compressor, name, max_pool_percent, cover, size)
    return advise.run(store, question, jobs, scheduler, as_json=as_json)
