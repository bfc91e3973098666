# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate --design zram``: its options, and the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ghostswap import codecs, kernels
from ghostswap.cli.terminal.options import F, Integer, Size
from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE

if TYPE_CHECKING:
    from ghostswap.cli.options.task import Task
    from ghostswap.cli.reports.zram_report import ZramReport
    from ghostswap.codecs.measure import Lengths
    from ghostswap.mm.zram import WritebackMode
    from ghostswap.study.zram_fill import ZramFill


def zram_options(function: F) -> F:
    """The options that only zram has."""
    options: tuple[Callable[[F], F], ...] = (
        click.option(
            "--zeromap/--no-zeromap",
            default=None,
            help="zram as a swap area, where pages of zeros go to the zeromap, or as a plain block"
            " device (so by default), where it counts them in same_pages.",
        ),
        click.option(
            "--mem-limit", type=Size(), metavar="SIZE", help="zram's mem_limit; none by default."
        ),
        click.option(
            "--writeback",
            type=click.Choice(["huge", "idle", "huge_idle"]),
            help="In the end write these pages of zram to a backing device; all are idle then.",
        ),
        click.option(
            "--writeback-limit",
            type=Integer(min=0),
            metavar="PAGES",
            help="zram's writeback_limit; none by default.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class ZramOptions:
    """Their values, ``None`` where not given."""

    zeromap: bool | None = None
    mem_limit: int | None = None
    writeback: WritebackMode | None = None
    writeback_limit: int | None = None

    def check(self, kernel: kernels.Kernel, swapfiles: tuple[str, ...]) -> None:
        """Refuse what does not go together.

        :raises UsageError: saying what, and what to do.
        """
        from ghostswap.study.zram_fill import has_zeromap

        if swapfiles:
            raise UsageError(
                f"zram is its own swap area, and {swapfiles[0]} another",
                "leave the swap areas out, or --design zram",
            )
        if self.zeromap and not has_zeromap(kernel):
            raise UsageError(f"Linux {kernel.name} has no zeromap", "it came with 6.12")
        if self.writeback_limit is not None and self.writeback is None:
            raise UsageError("--writeback-limit without --writeback has nothing to limit")

    def behind_zeromap(self, codec: codecs.Codec) -> Lengths:
        """What gives the lengths: *codec* itself, or after the zeromap."""
        from ghostswap.study.zram_fill import Zeromap

        return Zeromap(codec) if self.zeromap else codec

    def make(self, kernel: kernels.Kernel, *, tracked: bool) -> ZramFill:
        """A new device, to be filled."""
        from ghostswap.study.zram_fill import ZramFill

        return ZramFill(kernel, self.mem_limit or 0, self.writeback_limit, tracked=tracked)


def simulate(task: Task, options: ZramOptions) -> ZramReport:
    """Write every page of the source to an emulated zram."""
    from ghostswap.cli.commands.measuring import measure_all
    from ghostswap.cli.commands.verify import verify_all
    from ghostswap.cli.reports.zram_report import ZramReport
    from ghostswap.pages import open_source
    from ghostswap.study.round_trip import Store, ZramVerifier

    codec = codecs.get(task.compressor, task.kernel.name, "zram")
    lengths = options.behind_zeromap(codec)
    fill = options.make(task.kernel, tracked=task.verify or options.writeback is not None)
    verified = None
    with open_source(task.spec) as source:
        if task.verify:
            verifier = ZramVerifier(fill, Store(codec, PAGE_SIZE))
            verify_all(source, lengths, verifier, lambda _: None)
            if options.writeback is not None:
                verifier.writeback(options.writeback)
            verified = verifier.finish()
        else:
            measure_all(source, lengths, task.jobs, fill.swap_out)
            if options.writeback is not None:
                fill.writeback(options.writeback)
        kernel = task.kernel.name
        return ZramReport(kernel, codec.name, codec.error, source, fill.result(), verified)
