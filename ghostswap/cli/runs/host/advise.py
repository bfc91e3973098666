# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap advise``: the host looked at, its memory measured, and what to set there."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple

import click

from ghostswap import codecs, kernels
from ghostswap.advise import advice, files, options
from ghostswap.advise.advice import Advice
from ghostswap.advise.check import prediction
from ghostswap.advise.goal import Goal
from ghostswap.advise.needs.work import Work
from ghostswap.advise.options import Option, Place
from ghostswap.cli.options.running import running_kernel
from ghostswap.cli.reports.host import advise_json, advise_report
from ghostswap.cli.runs import pictures
from ghostswap.cli.runs.host.check import predicted
from ghostswap.cli.runs.host.emit import write_all
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.codecs.timing import PageTime, time_codec
from ghostswap.designs import table
from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.here import mem_total
from ghostswap.kernels.rules import Kernel
from ghostswap.live.seen import offered
from ghostswap.live.seen.status import Status, read
from ghostswap.live.seen.tree import Tree
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source, split_spec
from ghostswap.pages.kept import KeepingSource
from ghostswap.pages.profiles.source import ProfileSource
from ghostswap.pages.sampled import ALL, Wanted, sample
from ghostswap.pages.source import IN_SWAP, Source
from ghostswap.pages.touches import Trace
from ghostswap.pages.trace import open_trace
from ghostswap.study.curve import curve
from ghostswap.study.fill import estimate, store
from ghostswap.study.host import Group, Host
from ghostswap.study.memory import Measured, measure_hosts
from ghostswap.study.outcome import Outcome
from ghostswap.study.samples.estimate import estimate as estimate_pages
from ghostswap.study.samples.estimators import Stratum
from ghostswap.units import printable

#: Pages that are drawn, and of these those that every codec is timed with.
_DRAWN = 20_000
_TIMED = 256
#: What is tried beside what the host has set.
_COMPRESSORS = ("lzo-rle", "lz4", "zstd")


class Asked(NamedTuple):
    """What the command line says; ``None`` for what it leaves out."""

    source: str | None
    ram: int | None
    kernel: str | None
    goal: Goal
    exact: bool
    seed: int
    jobs: int | None
    touches: str | None = None


def run(context: click.Context, asked: Asked) -> int:
    """Advise, print it, and write what *context* asks for: files that do it, pictures.

    :raises GhostswapError: where there is nothing that could be had here.
    """
    values = context.params
    emit = values["emit"]
    pictures.check(context)
    found, source = advise(asked, Tree())
    if emit is not None:
        if found.choice.lacks:
            raise GhostswapError(
                f"there is nothing to write to {printable(emit)}: {found.choice.lacks}",
                "leave out --emit",
            )
        tree = Tree()
        kept = prediction.text(predicted(found, source.name, tree))
        made = files.files(found, files.installed(tree))
        write_all(emit, {**made, prediction.NAME: kept})
        note(f"{printable(emit)}: apply.sh sets it, undo.sh takes it back; nothing is set yet")

    def print_report() -> None:
        advise_report.print_all(found, source)

    if values["as_json"]:
        emit_json(advise_json.as_json(found, source))
    else:
        print_report()
    pictures.write(context, found, "What should be set for swap, with this memory?", print_report)
    return 0


def advise(asked: Asked, tree: Tree) -> tuple[Advice, Source]:
    """What to set on the host of *tree*, and the source that it was made from."""
    seen = read(tree)
    kernel = running_kernel() if asked.kernel is None else kernels.get(asked.kernel)
    here = None
    if asked.kernel is None:
        here = offered.read(tree, seen.kernel, seen.compressors)
    place = Place(seen, here, kernel, asked.ram or seen.ram or mem_total())
    # What cannot be opened is said before the work.
    trace = None if asked.touches is None else open_trace(asked.touches, seed=asked.seed)
    measured, kept = _measure(asked, place)
    ((spec, source),) = next(iter(measured.values())).sources.items()
    swapped = source.account.pages(IN_SWAP) * PAGE_SIZE
    place = place._replace(swapped=swapped)
    found = [
        _option(place, design, compressor, of, kept, asked.jobs)
        for compressor, of in measured.items()
        for design in options.designs(place)
    ]

    def groups(choice: Option) -> list[tuple[str, Outcome]]:
        return _groups(place, choice, source, asked.jobs)

    pages = next(iter(measured.values())).pages_of(spec)
    work = None if trace is None else _work(trace, pages, asked.seed)
    return advice.make(place, source.name, found, asked.goal, groups, work), source


def _groups(
    place: Place, choice: Option, source: Source, jobs: int | None
) -> list[tuple[str, Outcome]]:
    """The cgroups whose memory *source* is, each with what it comes to as *choice* has it."""
    name = source.name
    if isinstance(source, ProfileSource):
        if len(source.groups()) > 1:
            return _groups_of(place, choice, source, jobs)
        name = source.groups()[0].name
    return [(name, choice.outcome)] if name.startswith("cgroup:") else []


def _groups_of(
    place: Place, choice: Option, source: ProfileSource, jobs: int | None
) -> list[tuple[str, Outcome]]:
    """The groups of a profile, whatever they are."""
    kind = table.get(choice.design).compresses_for
    column = source.column(codecs.get(choice.compressor, place.kernel.name, kind).key)
    host = _roomy(place, source.name, choice.design, choice.compressor, choice.memory)
    found = []
    for group in source.groups():
        stratum = Stratum(group.population, group.drawn, group.kept)
        own = estimate_pages(host, [], [stratum], group.measures[column], jobs)
        found.append((group.name, own))
    return found


def _work(trace: Trace, pages: int, seed: int) -> Work:
    """What *trace* does to a memory of *pages*."""
    with progress_bar("touches", trace.touches) as advance:
        drawn = curve.draw(trace.chunks([pages]), pages, trace.touches, seed=seed, advance=advance)
    return Work(trace.name, drawn)


def _roomy(place: Place, spec: str, design: str, compressor: str, memory: int) -> Host:
    """A host with room for all of it; what the limit is to be is another question."""
    return replace(
        _host(place, spec, 0),
        design=design,
        compressor=compressor,
        ram=4 * max(place.ram, memory),
        max_pool_percent=100,
    )


def _compressors(seen: Status, kernel: Kernel) -> list[str]:
    """Those to try: what is set, what there often is; what cannot be measured here is left out."""
    wanted = [*_COMPRESSORS, *(device.compressor for device in seen.zram)]
    if seen.zswap is not None:
        wanted.append(seen.zswap.compressor)
    found = []
    for name in dict.fromkeys(wanted):
        try:
            codecs.get(name, kernel.name)
        except GhostswapError:
            continue
        found.append(name)
    return found


def _measure(asked: Asked, place: Place) -> tuple[dict[str, Measured], list[bytes]]:
    """The memory by each compressor, and some of its pages."""
    spec = asked.source
    if spec is None:
        spec = "mine" if os.geteuid() else "host"
    try:
        return _measure_one(asked, place, spec)
    except TargetError as error:
        if asked.source is not None or spec == "mine":
            raise
        note(f"{error.message}; so the memory of those processes is taken that may be read")
        return _measure_one(asked, place, "mine")


def _measure_one(asked: Asked, place: Place, spec: str) -> tuple[dict[str, Measured], list[bytes]]:
    kept: list[KeepingSource] = []
    wanted = ALL if asked.exact else Wanted(_DRAWN)

    def keeping(source: Source) -> Source:
        if isinstance(source, ProfileSource):
            return source  # it has no pages
        kept.append(KeepingSource(source, _TIMED, asked.seed))
        if source.pages is None and not asked.exact:
            return kept[-1]  # nobody knows which part of it to draw
        return sample(kept[-1], wanted, asked.seed)

    designs = options.designs(place)
    compressors = _compressors(place.seen, place.kernel)
    if split_spec(spec)[1]:
        with open_source(spec) as opened:
            if isinstance(opened, ProfileSource):
                compressors = _profiled(opened, place.kernel)
    host = _host(place, spec, asked.seed)
    hosts = [replace(host, compressor=name) for name in compressors]
    found = measure_hosts(hosts, designs, asked.jobs, progress_bar, sample=keeping)
    pages = kept[0].kept if kept else _text()
    return dict(zip(compressors, found, strict=True)), pages


def _profiled(source: ProfileSource, kernel: Kernel) -> list[str]:
    """Compressors that a profile has, as zswap and as zram of *kernel* set them up.

    :raises UsageError: where it has none.
    """
    keys = {column.key for column in source.profile.columns}

    def known(kernel: str) -> list[str]:
        return [
            name
            for name in codecs.names()
            if {codecs.get(name, kernel, kind).key for kind in ("zswap", "zram")} <= keys
        ]

    if found := known(kernel.name):
        return found
    others = [name for name in reversed(kernels.RELEASES) if known(name)]
    raise UsageError(
        f"{printable(source.name)}: a profile of {', '.join(map(printable, sorted(keys)))},"
        f" and of no compressor as Linux {kernel.name} has it",
        f"choose --kernel {others[0]}" if others else "make a profile: ghostswap profile -o FILE",
    )


def _text() -> list[bytes]:
    """Pages to time codecs with where there are none: a profile has none."""
    buffer = bytearray(_TIMED * PAGE_SIZE)
    with open_source(f"synthetic:{_TIMED}:text") as source:
        source.readinto(memoryview(buffer))
    return [bytes(buffer[at : at + PAGE_SIZE]) for at in range(0, len(buffer), PAGE_SIZE)]


def _host(place: Place, spec: str, seed: int) -> Host:
    group = Group("process", source=spec)
    return Host(ram=place.ram, kernel=place.kernel.name, seed=seed, groups=(group,))


def _option(
    place: Place,
    design: str,
    compressor: str,
    measured: Measured,
    kept: list[bytes],
    jobs: int | None,
) -> Option:
    """*design* with *compressor*: all memory in it, and nothing in its way."""
    (spec,) = measured.sources
    memory = measured.pages_of(spec) * PAGE_SIZE
    host = _roomy(place, spec, design, compressor, memory)
    if measured.is_sample:
        outcome = estimate(host, measured, [], jobs)
    else:
        _, outcome = store(host, measured, [])
    kind = table.get(design).compresses_for
    codec = codecs.get(compressor, place.kernel.name, kind)
    time: PageTime | None = time_codec(codec, kept)
    size, disk = options.limited(place, design, memory, outcome.pool_bytes)
    option = Option(
        outcome,
        compressor,
        size,
        disk,
        time,
        measured.error,
        options.lacks(place, design, compressor, disk),
        options.is_set(place, design, compressor),
    )
    return options.resized(option, size, disk)
