# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap profile``: what memory compresses to, in a file to take along."""

from __future__ import annotations

from typing import Any

import click

from ghostswap import codecs, kernels
from ghostswap.cli.options.keys import Value
from ghostswap.cli.options.sampling import sample_option
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import jobs_option, json_option
from ghostswap.scenario.keys import KEYS


@click.command(
    "profile",
    cls=Command,
    examples=(
        "ghostswap profile -o host.gsp",
        "ghostswap simulate --pages host.gsp --compressor zstd",
    ),
)
@click.option(
    "-o",
    "--output",
    cls=Option,
    section="Target",
    required=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The profile to write, whole or not at all. One that is there is replaced.",
)
@click.option(
    "--pages",
    cls=Option,
    section="Source",
    type=Value(KEYS["group.NAME.source"].kind),
    multiple=True,
    metavar="SOURCE",
    show_default="mine",
    help="The memory, as 'ghostswap simulate' takes it, or a profile; again for another.",
)
@sample_option
@click.option(
    "--compressor",
    "compressors",
    cls=Option,
    section="Design",
    type=click.Choice(codecs.names()),
    multiple=True,
    metavar="NAME",
    show_default="lz4, lzo-rle, zstd",
    help=f"A compressor to measure by; again for another. One of: {', '.join(codecs.names())}.",
)
@click.option(
    "--kernel",
    cls=Option,
    section="Design",
    type=click.Choice(kernels.RELEASES),
    metavar="KERNEL",
    show_default="the running one",
    help="Linux whose zstd is followed.",
)
@click.option(
    "--seed",
    cls=Option,
    section="Source",
    type=int,
    default=0,
    metavar="N",
    help="Of the lot that draws pages.",
)
@click.option(
    "--names",
    cls=Option,
    is_flag=True,
    help="Keep the names of the sources, which a profile does not have otherwise.",
)
@jobs_option
@json_option
def command(**values: Any) -> int:
    """Measure memory by several compressors, and write what that came to into a file.

    The file has two bytes a page for each compressor: how long the page would be. It has no
    content, no addresses and, without --names, no names, so that it can be taken off a host.
    All that takes --pages takes it in place of the memory.
    """
    from ghostswap.cli.runs import profile

    return profile.run(**values)
