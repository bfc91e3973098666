# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate`` with zswap: its options, and the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from ghostswap import codecs, kernels
from ghostswap.cli.terminal.options import F, Integer, Size, mem_total, ram_option
from ghostswap.errors import UsageError
from ghostswap.mm.swap.slot_map import PMD_ORDER
from ghostswap.page import PAGE_SIZE

if TYPE_CHECKING:
    from ghostswap.cli.options.task import Task
    from ghostswap.cli.reports.report import Report
    from ghostswap.mm.swap.in_order import SwapInfo, SwapSpace
    from ghostswap.mm.zswap.zswap import Zswap
    from ghostswap.pages.source import Source
    from ghostswap.study.fill import Fills
    from ghostswap.study.round_trip import Verified

_PERCENT = Integer(0, 100)


_PARAMETERS: tuple[Callable[[F], F], ...] = (
    click.option(
        "--zpool",
        type=click.Choice(kernels.ZPOOLS),
        help="zswap's allocator, where the kernel has several; by default its own default.",
    ),
    ram_option,
    click.option("--max-pool-percent", type=_PERCENT, help="zswap's parameter; 20."),
    click.option("--accept-threshold-percent", type=_PERCENT, help="zswap's parameter; 90."),
    click.option(
        "--zswap-max",
        type=Size(),
        metavar="SIZE",
        help="memory.zswap.max of the cgroup that all the memory is in; none by default.",
    ),
    click.option(
        "--no-writeback",
        is_flag=True,
        help="Turn that cgroup's memory.zswap.writeback off: nothing goes to disk.",
    ),
)


def parameter_options(function: F) -> F:
    """The parameters that zswap has."""
    for option in reversed(_PARAMETERS):
        function = option(function)
    return function


def zswap_options(function: F) -> F:
    """The options that only zswap has."""
    classes = click.option(
        "--classes",
        is_flag=True,
        help="Print zsmalloc's size classes too, as /sys/kernel/debug/zsmalloc has them.",
    )
    order = click.option(
        "--folio-order",
        type=Integer(0, PMD_ORDER),
        default=0,
        metavar="ORDER",
        help="Swap out folios of 2 to this power pages, where an area is a device; 0.",
    )
    return parameter_options(order(classes(function)))


#: Parameters of zswap, which not all workloads have.
ZSWAPS = (
    "zpool",
    "max_pool_percent",
    "accept_threshold_percent",
    "zswap_max",
    "no_writeback",
)


@dataclass(frozen=True, slots=True)
class ZswapOptions:
    """Their values, ``None`` where not given."""

    zpool: str | None = None
    ram: int | None = None
    max_pool_percent: int | None = None
    accept_threshold_percent: int | None = None
    zswap_max: int | None = None
    no_writeback: bool = False
    classes: bool = False
    folio_order: int = 0

    def check(self, kernel: kernels.Kernel) -> None:
        """Refuse what *kernel* does not have.

        :raises UsageError: saying what, and what to do.
        """
        if self.zpool is not None and self.zpool not in kernel.zpools:
            known = f"it has: {', '.join(kernel.zpools)}"
            raise UsageError(f"Linux {kernel.name} has no allocator {self.zpool} for zswap", known)
        if self.no_writeback and not kernel.has_writeback_knob:
            raise UsageError(
                f"Linux {kernel.name} has no memory.zswap.writeback", "it came with 6.8"
            )
        zpool = self.zpool or kernel.zpools[0]
        if self.classes and zpool != "zsmalloc":
            raise UsageError(f"{zpool} has no size classes", "add --zpool zsmalloc")

    def make(
        self, kernel: kernels.Kernel, areas: list[SwapInfo], seed: int
    ) -> tuple[Zswap, SwapSpace]:
        """A new zswap over *areas*."""
        from ghostswap.mm.memcontrol import Cgroup
        from ghostswap.mm.swap.in_order import SwapSpace
        from ghostswap.mm.zswap.zswap import Zswap

        swap = SwapSpace(replace(area, freed=[]) for area in areas)
        percent, accept = self.max_pool_percent, self.accept_threshold_percent
        zswap = Zswap(
            kernel,
            mem_total() if self.ram is None else self.ram,
            swap,
            20 if percent is None else percent,
            90 if accept is None else accept,
            zpool=self.zpool,
            cgroups=(Cgroup(self.zswap_max, zswap_writeback=not self.no_writeback),),
            seed=seed,
        )
        return zswap, swap


def simulate(task: Task, areas: list[SwapInfo], options: ZswapOptions) -> Report:
    """Store every page of the source in an emulated zswap over *areas*."""
    from ghostswap.cli.commands.measuring import measure_all
    from ghostswap.cli.reports.classes import Classes
    from ghostswap.cli.reports.report import Report
    from ghostswap.mm.zpool.size_class import RULES
    from ghostswap.pages import open_source
    from ghostswap.study.fill import Fills

    kernel = task.kernel
    options.check(kernel)
    if task.verify and options.folio_order:
        raise UsageError("--verify goes page by page", "leave --folio-order out")
    codec = codecs.get(task.compressor, kernel.name)
    (zero_length,) = codec.raw_lengths(bytes(PAGE_SIZE)) if options.folio_order else (0,)
    folio_pages = 1 << options.folio_order
    fills = Fills(lambda seed: options.make(kernel, areas, seed), folio_pages, zero_length)
    verified = None
    with open_source(task.spec) as source:
        if task.verify:
            verified = _verify(task, areas, options, source, codec, fills)
        else:
            measure_all(source, codec, task.jobs, fills.swap_out)
        return Report(
            kernel.name,
            codec.name,
            codec.error,
            source,
            fills.result(),
            options.zpool or kernel.zpools[0],
            Classes(fills.classes(), RULES[kernel.zsmalloc]) if options.classes else None,
            verified,
            with_folios=options.folio_order > 0,
        )


def _verify(
    task: Task,
    areas: list[SwapInfo],
    options: ZswapOptions,
    source: Source,
    codec: codecs.Codec,
    fills: Fills,
) -> Verified:
    from ghostswap.cli.commands.verify import open_disks, verify_all
    from ghostswap.study.round_trip import Store, ZswapVerifier

    raw_from = PAGE_SIZE if task.kernel.stores_incompressible else PAGE_SIZE + 1
    with open_disks(areas, force=task.force) as disks:
        zswap, swap = options.make(task.kernel, areas, 0)
        verifier = ZswapVerifier(zswap, swap, Store(codec, raw_from), disks)
        verify_all(source, codec, verifier, fills.swap_out)
        return verifier.finish()
