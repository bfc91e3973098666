# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory of a host's groups, measured: each source read once, by all compressors asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass

from ghostswap import codecs, kernels
from ghostswap.codecs import Codec
from ghostswap.codecs.measure import Measure, measure
from ghostswap.designs import table
from ghostswap.designs.table import Design
from ghostswap.errors import TargetError, UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.sampled import SampledSource
from ghostswap.pages.source import MISSING, Source
from ghostswap.study.host import Group, Host
from ghostswap.study.samples.estimators import Stratum
from ghostswap.units import printable

#: Shows how far something has come: what it is, steps in all if that is known -> what to call with
#: the number of steps just done.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
#: A group and a key of it -> a context in which errors say where the user wrote that.
At = Callable[[Group, str], AbstractContextManager[object]]
#: A source -> what is to be measured of it, see :func:`ghostswap.pages.sampled.sample`.
Sample = Callable[[Source], Source]


def quiet(what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:  # noqa: ARG001
    """The :data:`Progress` that shows nothing."""
    return nullcontext(lambda steps: None)  # noqa: ARG005


def whole(source: Source) -> Source:
    """The :data:`Sample` that is all of it."""
    return source


def nowhere(group: Group, key: str) -> AbstractContextManager[object]:  # noqa: ARG001
    """The :data:`At` that adds nothing."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Codecs:
    """What measures all that some designs want to know, in one go over the pages.

    :ivar of: one, or two where the kernel sets the compressor up otherwise for zram.
    :ivar zswap: which of them is zswap's; so *zram*.
    """

    of: tuple[Codec, ...]
    zswap: int = 0
    zram: int = 0

    @classmethod
    def wanted(cls, compressor: str, kernel: str, designs: Iterable[str]) -> Codecs:
        """Those of *designs* on *kernel*.

        :raises GhostswapError: as :func:`ghostswap.codecs.get`.
        :raises UsageError: as there.
        """
        kinds = {table.get(name).is_zram for name in designs}
        zstd = kernels.get(kernel).zstd
        if kinds == {True, False} and compressor == "zstd" and zstd.zswap_hint != zstd.zram_hint:
            both = (codecs.get(compressor, kernel), codecs.get(compressor, kernel, "zram"))
            return cls(both, zswap=0, zram=1)
        return cls((codecs.get(compressor, kernel, "zram" if kinds == {True} else "zswap"),))

    @property
    def error(self) -> str:
        """How far measures may be from the kernel's; ``""`` where they are the kernel's."""
        return self.of[0].error


@dataclass(frozen=True, slots=True)
class Measured:
    """The memory of a host's groups.

    :ivar sources: closed again, by their specs.
    :ivar zswap: of each group that has a source, as zswap's compressor has it; so *zram*.
    :ivar error: how far measures may be from the kernel's; ``""`` where they are the kernel's.
    :ivar strata: of each source, by its spec, what was drawn, one after the other.
    """

    sources: Mapping[str, Source]
    zswap: list[array[int]]
    zram: list[array[int]]
    error: str
    strata: Mapping[str, tuple[Stratum, ...]]

    @property
    def is_sample(self) -> bool:
        """Whether there is memory that was not measured."""
        return any(not one.is_whole for strata in self.strata.values() for one in strata)

    def of(self, design: Design) -> list[array[int]]:
        """What *design* goes by."""
        return self.zram if design.is_zram else self.zswap

    def pages_of(self, spec: str) -> int:
        """The pages of a source; of a sample, as many as it stands for."""
        return round(sum(one.weight * one.kept for one in self.strata[spec]))


def measure_host(
    host: Host,
    designs: Collection[str],
    jobs: int | None,
    progress: Progress = quiet,
    at: At = nowhere,
    sample: Sample = whole,
) -> Measured:
    """Compress the memory of all groups, each source once, as *designs* need it.

    :param sample: how much of each.
    :raises UsageError: for a design that could not be on the host's kernel, or an empty source.
    """
    compressors = (host.compressor,)
    found = measure_by_all(host, compressors, designs, jobs, progress, at, sample)
    return found[host.compressor]


def measure_by_all(
    host: Host,
    compressors: Iterable[str],
    designs: Collection[str],
    jobs: int | None,
    progress: Progress = quiet,
    at: At = nowhere,
    sample: Sample = whole,
) -> dict[str, Measured]:
    """The same by each of *compressors*, in one go: memory in use does not stay as it is."""
    for name in designs:
        table.get(name).check(kernels.get(host.kernel))
    by = {name: Codecs.wanted(name, host.kernel, designs) for name in compressors}
    all_of_them = _Several(tuple(codec for wanted in by.values() for codec in wanted.of))
    sources, strata, found = _read(host, all_of_them, jobs, progress, at, sample)
    specs = [group.source or "" for group in host.working]
    measured: dict[str, Measured] = {}
    first = 0
    for name, wanted in by.items():
        zswap, zram = (
            [found[spec][first + number] for spec in specs]
            for number in (wanted.zswap, wanted.zram)
        )
        measured[name] = Measured(sources, zswap, zram, wanted.error, strata)
        first += len(wanted.of)
    return measured


def count_host(host: Host, progress: Progress = quiet, at: At = nowhere) -> Measured:
    """The same, but only counted: what every page measures as is left at 0."""
    counted = _Several((_Uncompressed(),), "reading")
    sources, strata, found = _read(host, counted, 1, progress, at, whole)
    pages = [found[group.source or ""][0] for group in host.working]
    return Measured(sources, pages, pages, "", strata)


def _read(
    host: Host, codecs: _Several, jobs: int | None, progress: Progress, at: At, sample: Sample
) -> tuple[dict[str, Source], dict[str, tuple[Stratum, ...]], dict[str, list[array[int]]]]:
    """The sources of all groups, closed again, and what their pages measure as by each codec."""
    sources: dict[str, Source] = {}
    strata: dict[str, tuple[Stratum, ...]] = {}
    found: dict[str, list[array[int]]] = {}
    for group in host.working:
        spec = group.source or ""
        if spec in sources:
            continue
        with at(group, "source"), open_source(spec) as opened:
            source = sample(opened)
            found[spec] = codecs.measure_all(source, jobs, progress)
            sources[spec] = source
            check_pages(source, len(found[spec][0]))
            strata[spec] = (_stratum(source, len(found[spec][0])),)
    return sources, strata, found


def _stratum(source: Source, kept: int) -> Stratum:
    if isinstance(source, SampledSource):
        return Stratum(source.population, source.drawn, kept)
    return Stratum(kept, kept, kept)


def check_pages(source: Source, pages: int) -> None:
    """Refuse a *source* that gave no pages.

    :raises UsageError: where it is empty.
    :raises TargetError: where none of it could be read, with what cures most of that.
    """
    if pages:
        return
    left = [one for one in source.account.left if one.why in MISSING]
    if not left:
        raise UsageError(
            f"{printable(source.name)}: no memory to work with", "give a source that has pages"
        )
    most = max(left, key=lambda one: (bool(one.cure), one.pages))
    raise TargetError(
        source.name,
        f"nothing of it could be read: {most.words.removesuffix(f' ({most.cure})')}",
        most.cure or "give another source, such as a file, or synthetic:16384:text",
    )


class _Uncompressed:
    """Stands for a codec where pages need but be counted."""

    def measure(self, buffer: memoryview) -> array[int]:
        return array("H", bytes(len(buffer) // PAGE_SIZE * 2))


@dataclass(frozen=True, slots=True)
class _Several:
    """Several codecs, side by side over the same pages.

    :ivar doing: what a progress bar says.
    """

    of: tuple[Measure, ...]
    doing: str = "compressing"

    def measure(self, buffer: memoryview) -> array[int]:
        """All pages by the first, then all by the second."""
        found = array("H")
        for codec in self.of:
            found += codec.measure(buffer)
        return found

    def measure_all(self, source: Source, jobs: int | None, progress: Progress) -> list[array[int]]:
        """All pages of *source*, by each codec."""
        parts = [array("H") for _ in self.of]
        with (
            closing(measure(source, self, jobs)) as chunks,
            progress(self.doing, source.pages) as advance,
        ):
            for chunk in chunks:
                pages = len(chunk) // len(parts)
                for number, part in enumerate(parts):
                    part += chunk[number * pages : (number + 1) * pages]
                advance(pages)
        return parts
