# SPDX-License-Identifier: GPL-2.0-or-later
"""A host to simulate: from options or a scenario file; its areas opened, its memory measured."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from ghostswap import codecs, kernels
from ghostswap.area.header.bounds import MAX_PAGES, MIN_PAGES
from ghostswap.cli.terminal.options import F, Integer, Number, Size, Words, mem_total
from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.units import printable

if TYPE_CHECKING:
    from ghostswap.cli.options.zswap import ZswapOptions
    from ghostswap.pages.source import Source
    from ghostswap.pages.touches import WriteRule
    from ghostswap.study.host import Host

#: Sizes that an area can have, in words.
AREA_SIZES = f"{MIN_PAGES * PAGE_SIZE >> 10}K or more, below {(MAX_PAGES + 1) * PAGE_SIZE >> 40}T"
_RATIO = Number(0, 1)


class Limit(Size):
    """A size with its unit, or a plain number of page frames, which is given back below 0."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
            limit = -int(value)
        else:
            limit = super().convert(value, param, ctx)
        if not limit:
            self.fail("a process needs some memory; write 512M, or page frames as 1000", param, ctx)
        return limit


class AreaSize(Size):
    """A size that a swap area can have, its header included; or 0 for no area."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        size = super().convert(value, param, ctx)
        if size and not MIN_PAGES <= size // PAGE_SIZE <= MAX_PAGES:
            self.fail(f"{value!r} is no size of an area; write {AREA_SIZES}", param, ctx)
        return size


class _WriteRatio(Words):
    """A share from 0 to 1, or the word ``odd``."""

    name = "ratio"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | Literal["odd"]:
        if value == "odd":
            return "odd"
        try:
            return float(_RATIO.convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{value!r} is neither a number from 0 to 1 nor odd", param, ctx)


def source_option(function: F) -> F:
    """``--pages SOURCE``: the memory in question."""
    return click.option(
        "--pages",
        "spec",
        type=Words("mine", "pid:", "synthetic:", "-", paths=True),
        default="mine",
        metavar="SOURCE",
        help="Memory to store: a file or device, pid:N, mine (every process you may read; the"
        " default), synthetic:PAGES:KINDS, or - for standard input.",
    )(function)


def kernel_options(function: F) -> F:
    """``--compressor`` and ``--kernel``."""
    compressors, releases = click.Choice(codecs.names()), click.Choice(kernels.RELEASES)
    function = click.option("--kernel", type=releases, default="6.18", help="6.18 by default.")(
        function
    )
    return click.option("--compressor", type=compressors, default="lz4", help="lz4 by default.")(
        function
    )


def host_options(function: F) -> F:
    """The options that a workload has."""
    options: tuple[Callable[[F], F], ...] = (
        click.option(
            "--touches",
            metavar="TRACE",
            help="The work: zipf:S, uniform, scan, loop:PART or hot:PART:SHARE, each with @COUNT"
            " and joined by commas; or a file of page numbers (.u32, .csv, .oracleGeneral).",
        ),
        click.option(
            "--limit",
            type=Limit(),
            metavar="SIZE|FRAMES",
            help="memory.max of the process: a size with its unit (512M), of which the kernel takes"
            " its part; or a plain number of page frames.",
        ),
        click.option(
            "--write-ratio",
            type=_WriteRatio("odd"),
            metavar="RATIO",
            help="Share of touches that write, 0 by default; or odd: those of odd pages.",
        ),
        click.option(
            "--changed-ratio",
            type=_RATIO,
            default=0.0,
            metavar="RATIO",
            help="Share of written pages that compress otherwise than before; 0.",
        ),
        click.option(
            "--reclaim",
            type=click.Choice(["kernel", "lru"]),
            default="kernel",
            help="Which page leaves: by the kernel's two lists (so by default), or exactly the one"
            " not touched for longest.",
        ),
        click.option(
            "--cgroup",
            type=click.Choice(["1", "2"]),
            help="cgroup version: 2 charges compressed bytes to the process, 1 does not. By default"
            " 2, but 1 where the limit is a number of frames.",
        ),
        click.option(
            "--cpus",
            type=Integer(1, 8192),
            default=1,
            metavar="CPUS",
            help="CPUs that take slots in turn, each from clusters of its own; 1.",
        ),
        click.option("--swap-max", type=Size(), metavar="SIZE", help="memory.swap.max; none."),
        click.option(
            "--size",
            type=AreaSize(),
            metavar="SIZE",
            help="Size of the area that a design imagines; by default as large as need be.",
        ),
        click.option(
            "--flush-every",
            type=Integer(min=0),
            metavar="FAULTS",
            help="Faults between two flushes of the statistics of cgroups that reclaim goes by (2 s"
            " of them), 0 where they are always fresh; by default as the kernel was seen to do.",
        ),
        click.option(
            "--kernel-pages",
            type=Integer(min=0, max=1 << 20),
            metavar="PAGES",
            help="Pages that the kernel takes for a process beside page tables; 11, and 26 on 6.1.",
        ),
        click.option("--seed", type=int, default=0, help="Of all that is drawn by lot; 0."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Their values."""

    touches: str | None = None
    limit: int | None = None
    write_ratio: WriteRule = None
    changed_ratio: float = 0.0
    reclaim: str = "kernel"
    cgroup: str | None = None
    cpus: int = 1
    swap_max: int | None = None
    size: int | None = None
    flush_every: int | None = None
    kernel_pages: int | None = None
    seed: int = 0

    def host(
        self,
        spec: str,
        swapfiles: Iterable[str],
        kernel: str,
        design: str,
        compressor: str,
        zswap: ZswapOptions,
        mem_limit: int | None,
    ) -> Host:
        """One process that *spec* is the memory of, in a cgroup of its own."""
        from ghostswap.cli.options.areas import parse_area
        from ghostswap.pages.trace import split_spec
        from ghostswap.study.host import Group, Host

        limit = self.limit
        version = int(self.cgroup or ("2" if limit is None or limit >= 0 else "1"))
        for name in ("write_ratio", "changed_ratio"):
            if getattr(self, name) and self.touches is None:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} without --touches has no touches", "add --touches")
        if version == 1:
            self._check_v1(zswap)
        if self.flush_every is not None:
            check_flush_every(kernel, self.reclaim)
        if spec == "-" and self.touches is not None and split_spec(self.touches)[1] == "-":
            raise UsageError(
                "standard input cannot be both the memory and its touches",
                "write one of them to a file and name that",
            )
        group = Group(
            "process",
            source=spec,
            touches=self.touches,
            write_ratio=self.write_ratio,
            changed_ratio=self.changed_ratio,
            memory_max=None if limit is None or limit < 0 else limit,
            limit_frames=None if limit is None or limit >= 0 else -limit,
            swap_max=self.swap_max,
            zswap_max=zswap.zswap_max,
            zswap_writeback=not zswap.no_writeback,
        )
        percent, accept = zswap.max_pool_percent, zswap.accept_threshold_percent
        return Host(
            ram=mem_total() if zswap.ram is None else zswap.ram,
            groups=(group,),
            areas=tuple(map(parse_area, swapfiles)),
            kernel=kernel,
            design=design,
            compressor=compressor,
            policy="lru" if self.reclaim == "lru" else "kernel",
            cgroup_version=version,
            size=self.size,
            zpool=zswap.zpool,
            max_pool_percent=20 if percent is None else percent,
            accept_threshold_percent=90 if accept is None else accept,
            zram_mem_limit=mem_limit or 0,
            cpus=self.cpus,
            flush_every=self.flush_every,
            kernel_pages=self.kernel_pages,
            seed=self.seed,
        )

    def _check_v1(self, zswap: ZswapOptions) -> None:
        """Refuse what cgroup version 1 does not have.

        :raises UsageError: naming one.
        """
        given = {
            "--swap-max": self.swap_max is not None,
            "--zswap-max": zswap.zswap_max is not None,
            "--no-writeback": zswap.no_writeback,
        }
        for name, is_given in given.items():
            if is_given:
                why = "" if self.cgroup else ", which a limit in page frames means"
                raise UsageError(
                    f"{name} is not in cgroup version 1{why}", "add --cgroup 2, or leave it out"
                )


def check_flush_every(kernel: str, reclaim: str) -> None:
    """Refuse late flushes where nothing goes by what they flush.

    :raises UsageError: saying who does not.
    """
    from ghostswap.kernels.reclaim import RULES

    if reclaim == "lru":
        raise UsageError("exact LRU goes by no statistics that could be flushed", "leave it out")
    if not RULES[kernel].flushes_late:
        raise UsageError(
            f"Linux {kernel} has its statistics flushed when it reclaims", "leave it out: 6.8 began"
        )


def is_scenario(swapfiles: tuple[str, ...]) -> bool:
    """Whether a scenario file is given in place of areas.

    :raises UsageError: where it is given beside some.
    """
    scenarios = [path for path in swapfiles if path.endswith(".toml")]
    if scenarios and len(swapfiles) > 1:
        raise UsageError(f"{scenarios[0]} stands alone: it names its areas", "leave the others out")
    return bool(scenarios)


@dataclass(frozen=True, slots=True)
class Measured:
    """The memory of a host's groups.

    :ivar sources: closed again, by their specs.
    :ivar lengths: of each group that has a source, by ``zswap`` and ``zram``, who compress it.
    :ivar error: how far lengths may be from the kernel's; ``""`` where they are the kernel's.
    """

    sources: Mapping[str, Source]
    lengths: Mapping[str, list[array[int]]]
    error: str

    def of(self, design: str) -> list[array[int]]:
        """What *design* goes by."""
        return self.lengths["zram" if design == "zram" else "zswap"]

    def of_source(self, host: Host, spec: str) -> array[int]:
        """The lengths of one source of *host*."""
        specs = [group.source for group in host.groups if group.source is not None]
        return self.lengths["zswap"][specs.index(spec)]


def measure_host(host: Host, designs: Collection[str], jobs: int | None) -> Measured:
    """Compress the memory of all groups, each source once, as *designs* need it.

    :raises UsageError: for a design that could not be on the host's kernel, or an empty source.
    """
    return measure_by_all(host, (host.compressor,), designs, jobs)[host.compressor]


def measure_by_all(
    host: Host, compressors: Iterable[str], designs: Collection[str], jobs: int | None
) -> dict[str, Measured]:
    """The same by each of *compressors*, in one go: memory in use does not stay as it is."""
    from ghostswap.cli.commands.measuring import measure_all
    from ghostswap.codecs import lengths
    from ghostswap.designs.table import check
    from ghostswap.pages import open_source

    kernel = kernels.get(host.kernel)
    for design in designs:
        check(design, kernel)
    by = {name: lengths.codecs_for(name, kernel, designs) for name in compressors}
    codec = lengths.Several(tuple(one for several in by.values() for one in several.of), {}, "")
    sources: dict[str, Source] = {}
    found: dict[str, list[array[int]]] = {}
    for group in host.groups:
        spec = group.source
        if spec is None or spec in sources:
            continue
        parts = [array("H") for _ in codec.of]

        def add(chunk: array[int], parts: list[array[int]] = parts) -> None:
            pages = len(chunk) // len(parts)
            for number, part in enumerate(parts):
                part += chunk[number * pages : (number + 1) * pages]

        with group.at("source"):
            with open_source(spec) as source:
                measure_all(source, codec, jobs, add)
                sources[spec] = source
            if not parts[0]:
                raise UsageError(
                    f"{printable(spec)}: no memory to work with", "give a source that has pages"
                )
        found[spec] = parts
    specs = [group.source for group in host.groups if group.source is not None]
    measured: dict[str, Measured] = {}
    first = 0
    for name, several in by.items():
        by_who = {
            who: [found[spec][first + number] for spec in specs]
            for who, number in several.place_of.items()
        }
        measured[name] = Measured(sources, by_who, several.error)
        first += len(several.of)
    return measured
