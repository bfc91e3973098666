# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory of a host's groups, measured: each source read once, by all compressors asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from ghostswap import codecs, kernels
from ghostswap.codecs import Codec
from ghostswap.codecs.measure import measure
from ghostswap.designs import table
from ghostswap.designs.table import Design
from ghostswap.errors import TargetError, UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.profiles.source import ProfileSource
from ghostswap.pages.sampled import SampledSource
from ghostswap.pages.source import MISSING, Source, Why
from ghostswap.study.host import Group, Host
from ghostswap.study.samples.estimators import Stratum
from ghostswap.study.samples.stand_ins import stand_in
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


class Codecs(NamedTuple):
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
    :ivar seconds: by algorithm that zram recompresses with, all groups' pages.
    :ivar error: how far measures may be from the kernel's; ``""`` where they are the kernel's.
    :ivar strata: of each source, by its spec, what was drawn, one after the other.
    :ivar stands_in: pages that were not drawn are here too, see :mod:`.samples.stand_ins`.
    """

    sources: Mapping[str, Source]
    zswap: list[array[int]]
    zram: list[array[int]]
    error: str
    strata: Mapping[str, tuple[Stratum, ...]]
    seconds: list[array[int]] = field(default_factory=list)
    stands_in: bool = False

    @property
    def is_sample(self) -> bool:
        """Whether there is memory that was not measured."""
        return any(not one.is_whole for strata in self.strata.values() for one in strata)

    @property
    def pages(self) -> int:
        """The pages of all sources; of a sample, as many as it stands for."""
        return sum(map(self.pages_of, self.strata))

    @property
    def drawn(self) -> int | None:
        """How many pages of all sources were drawn; ``None`` where no page was left out."""
        if not self.is_sample:
            return None
        return sum(one.drawn for strata in self.strata.values() for one in strata)

    def of(self, design: Design) -> list[array[int]]:
        """What *design* goes by."""
        return self.zram if design.is_zram else self.zswap

    def pages_of(self, spec: str) -> int:
        """The pages of a source; of a sample, as many as it stands for."""
        return sum(one.pages for one in self.strata[spec])


def measure_host(
    host: Host,
    designs: Collection[str],
    jobs: int | None,
    progress: Progress = quiet,
    at: At = nowhere,
    sample: Sample = whole,
    *,
    stands_in: bool = False,
) -> Measured:
    """Compress the memory of all groups, each source once, as *designs* need it.

    :param sample: how much of each.
    :param stands_in: what was drawn is to stand in for all of it.
    :raises UsageError: for a design that could not be on the host's kernel, or an empty source.
    """
    return measure_hosts((host,), designs, jobs, progress, at, sample, stands_in=stands_in)[0]


def measure_hosts(
    hosts: Sequence[Host],
    designs: Collection[str],
    jobs: int | None,
    progress: Progress = quiet,
    at: At = nowhere,
    sample: Sample = whole,
    *,
    stands_in: bool = False,
) -> list[Measured]:
    """The same for each of *hosts*, whose compressors and kernels differ, and not their memory.

    All in one go: memory in use does not stay as it is.
    """
    host = hosts[0]
    wanted = []
    for one in hosts:
        for name in designs:
            table.get(name).check(kernels.get(one.kernel))
        wanted.append(Codecs.wanted(one.compressor, one.kernel, designs))
    seconds = [
        [codecs.get(name, one.kernel, "zram") for name in one.zram_recompress] for one in hosts
    ]
    by = (*(of.of for of in wanted), *seconds)
    number = {codec: at for at, codec in enumerate(dict.fromkeys(chain.from_iterable(by)))}
    several = Several(tuple(number))
    is_whole = sample is whole and not stands_in
    sources, found, strata = _read(host, several, jobs, progress, at, sample, is_whole=is_whole)
    if stands_in:
        found = {spec: stand_in(strata[spec], found[spec], host.seed) for spec in found}

    def by_group(codec: Codec) -> list[array[int]]:
        return _by_group(host, found, number[codec])

    measured = []
    for of, others in zip(wanted, seconds, strict=True):
        zswap, zram = by_group(of.of[of.zswap]), by_group(of.of[of.zram])
        used = (of.of[0], *others)
        errors = [error for source in sources.values() for error in _errors(source, used)]
        again = [array("H", chain.from_iterable(by_group(codec))) for codec in others]
        error = next(filter(None, errors), "")
        measured.append(Measured(sources, zswap, zram, error, strata, again, stands_in))
    return measured


def profiled(host: Host, source: ProfileSource) -> Measured:
    """The memory of *host*'s one group, which is the profile *source*, as its design needs it.

    :raises UsageError: for a design that could not be on the host's kernel, a profile without its
        compressor, or without pages.
    """
    design = table.get(host.design)
    design.check(kernels.get(host.kernel))
    wanted = Codecs.wanted(host.compressor, host.kernel, (host.design,))
    (own,), strata = Several(wanted.of).look_up(source, whole=False)
    check_pages(source, len(own))
    (spec,) = host.working[0].sources
    error = next(filter(None, _errors(source, wanted.of)), "")
    return Measured({spec: source}, [own], [own], error, {spec: strata})


def count_host(host: Host, progress: Progress, at: At, sample: Sample) -> Measured:
    """The same, but only counted: what every page measures as is left at 0."""
    nothing = Several((_Uncompressed(),), "reading")
    sources, _, strata = _read(host, nothing, 1, progress, at, sample, is_whole=False)
    counts = (sum(s.pages for spec in g.sources for s in strata[spec]) for g in host.working)
    pages = [array("H", bytes(2 * count)) for count in counts]
    return Measured(sources, pages, pages, "", strata, stands_in=True)


def _by_group(
    host: Host, found: Mapping[str, Sequence[array[int]]], number: int
) -> list[array[int]]:
    """What the pages of each group measure as by codec *number*: of all its sources, in order."""
    groups = []
    for group in host.working:
        first, *more = (found[spec][number] for spec in group.sources)
        groups.append(array("H", chain(first, *more)) if more else first)
    return groups


def _read(
    host: Host,
    codecs: Several,
    jobs: int | None,
    progress: Progress,
    at: At,
    sample: Sample,
    *,
    is_whole: bool,
) -> tuple[dict[str, Source], dict[str, list[array[int]]], dict[str, tuple[Stratum, ...]]]:
    """The sources of all groups, closed again, what their pages measure as by each codec.

    :param is_whole: a profile that is a sample will not do.
    """
    sources: dict[str, Source] = {}
    found: dict[str, list[array[int]]] = {}
    strata: dict[str, tuple[Stratum, ...]] = {}
    wanted = ((group, spec) for group in host.working for spec in group.sources)
    for group, spec in wanted:
        if spec in sources:
            continue
        with at(group, "source"), open_source(spec) as opened:
            sources[spec] = source = sample(opened)
            if isinstance(source, ProfileSource):
                found[spec], strata[spec] = codecs.look_up(source, whole=is_whole)
            else:
                found[spec] = codecs.measure_what_comes(source, jobs, progress)
                strata[spec] = (stratum_of(source, len(found[spec][0])),)
            check_pages(source, len(found[spec][0]))
    return sources, found, strata


def _errors(source: Source, codecs: Iterable[Codec]) -> list[str]:
    """How far what *source* measures as may be from the kernel's, by each of *codecs*."""
    if isinstance(source, ProfileSource):
        return [source.error(codec.key) for codec in codecs]
    return [codec.error for codec in codecs]


def stratum_of(source: Source, kept: int) -> Stratum:
    """What was drawn of *source*, of which *kept* pages were measured."""
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

    key = ""

    def measure(self, buffer: memoryview) -> array[int]:
        return array("H", bytes(len(buffer) // PAGE_SIZE * 2))


class Several(NamedTuple):
    """Several codecs, side by side over the same pages.

    :ivar doing: what a progress bar says.
    """

    of: tuple[Codec | _Uncompressed, ...]
    doing: str = "compressing"

    def look_up(
        self, source: ProfileSource, *, whole: bool
    ) -> tuple[list[array[int]], tuple[Stratum, ...]]:
        """What a profile has of each codec.

        :param whole: a sample will not do.
        :raises UsageError: where it is one then, or does not have a codec.
        """
        groups = source.groups()
        strata = tuple(Stratum(group.population, group.drawn, group.kept) for group in groups)
        if whole and not all(one.is_whole for one in strata):
            raise UsageError(
                f"{printable(source.name)}: a sample, and all pages are wanted here",
                "make a profile with --sample 100%",
            )
        parts = [array("H") for _ in self.of]
        for part, codec in zip(parts, self.of, strict=True):
            column = source.column(codec.key) if codec.key else 0
            for group in groups:
                part.extend(group.measures[column])
        return parts, strata

    def measure(self, buffer: memoryview) -> array[int]:
        """All pages by the first, then all by the second."""
        found = array("H")
        for codec in self.of:
            found += codec.measure(buffer)
        return found

    def measure_all(self, source: Source, jobs: int | None, progress: Progress) -> list[array[int]]:
        """All pages of *source*, by each codec."""
        parts = [array("H") for _ in self.of]
        self._measure_into(parts, source, jobs, progress)
        return parts

    def measure_what_comes(
        self, source: Source, jobs: int | None, progress: Progress
    ) -> list[array[int]]:
        """The same; of what may never end, the pages that came until Ctrl-C."""
        parts = [array("H") for _ in self.of]
        try:
            self._measure_into(parts, source, jobs, progress)
        except KeyboardInterrupt:
            if source.pages is not None or not parts[-1]:
                raise
            source.account.leave(Why.INTERRUPTED, 0, "interrupted before the end came")
        for part in parts:
            del part[len(parts[-1]) :]  # which comes last
        return parts

    def _measure_into(
        self, parts: list[array[int]], source: Source, jobs: int | None, progress: Progress
    ) -> None:
        with (
            closing(measure(source, self, jobs)) as chunks,
            progress(self.doing, source.pages) as advance,
        ):
            for chunk in chunks:
                pages = len(chunk) // len(parts)
                for number, part in enumerate(parts):
                    part += chunk[number * pages : (number + 1) * pages]
                advance(pages)
