# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap measure``: the running kernel asked, and the model beside it."""

from __future__ import annotations

import click

from ghostswap import codecs
from ghostswap.cli.options.keys import Value
from ghostswap.cli.terminal.args import Command, Option
from ghostswap.cli.terminal.options import json_option
from ghostswap.scenario import kinds


@click.command(
    "measure",
    cls=Command,
    examples=(
        "sudo ghostswap measure --pages /usr/bin/python3",
        "sudo ghostswap measure --design zram --compressor lzo-rle",
    ),
)
@click.option(
    "--pages",
    "spec",
    cls=Option,
    section="Source",
    type=Value(kinds.SOURCE),
    default="mine",
    metavar="SOURCE",
    help="The memory: a file or device, pid:N, mine (every process), synthetic:PAGES:KINDS, or -"
    " for standard input.",
)
@click.option(
    "--design",
    cls=Option,
    section="Design",
    type=Value(kinds.one_of("zswap", "zram")),
    default="zswap",
    metavar="DESIGN",
    help="What to measure: zswap or zram.",
)
@click.option(
    "--compressor",
    cls=Option,
    section="Design",
    type=Value(kinds.one_of(*codecs.names())),
    metavar="NAME",
    show_default="zswap's own; of zram lz4",
    help=f"Of zswap or zram, by the kernel's name. One of: {', '.join(codecs.names())}.",
)
@click.option(
    "--mem-limit",
    cls=Option,
    section="Design",
    type=Value(kinds.SIZE),
    metavar="SIZE",
    help="zram's mem_limit.",
)
@click.option(
    "--scratch",
    cls=Option,
    section="Machine",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    show_default="$TMPDIR, or /tmp",
    help="Where the swap area for zswap is made.",
)
@json_option
def command(
    spec: str,
    design: str,
    compressor: str | None,
    mem_limit: str | None,
    scratch: str | None,
    as_json: bool,
) -> int:
    """Measure the running kernel: this changes it, and undoes that. Needs root.

    The pages of SOURCE go through this machine's own zswap, over a swap area made for that, or
    through a zram device made for that, and come back. Its counters stand beside the predicted
    ones. Exit status 0: all are equal.
    """
    from ghostswap.cli.runs import measure

    return measure.run(spec, design, compressor, mem_limit, scratch, as_json=as_json)
