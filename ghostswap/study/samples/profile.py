# SPDX-License-Identifier: GPL-2.0-or-later
"""A profile made of sources: each measured by several compressors, or a profile itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ghostswap import codecs
from ghostswap.codecs import Codec
from ghostswap.errors import UsageError
from ghostswap.here import mem_total
from ghostswap.pages import open_source
from ghostswap.pages.profiles.format import Column, Group, Profile
from ghostswap.pages.profiles.source import ProfileSource
from ghostswap.study.memory import Progress, Sample, Several, check_pages, quiet, stratum_of

#: Compressors of a profile unless others are named.
COMPRESSORS = ("lz4", "lzo-rle", "zstd")


def codecs_of(compressors: Iterable[str], kernel: str) -> tuple[Codec, ...]:
    """All that zswap and zram of *kernel* have of *compressors*, each once.

    :raises GhostswapError: as :func:`ghostswap.codecs.get`.
    """
    found = {
        codec.key: codec
        for name in compressors
        for codec in (codecs.get(name, kernel), codecs.get(name, kernel, "zram"))
    }
    return tuple(found.values())


def take(
    specs: Sequence[str],
    by: Sequence[Codec],
    sample: Sample,
    seed: int,
    *,
    with_names: bool = False,
    jobs: int | None = None,
    progress: Progress = quiet,
) -> Profile:
    """Measure the sources that *specs* name, each a group of its own; profiles are merged in.

    :param sample: how much of each.
    :param with_names: groups have the names of their sources.
    :raises GhostswapError: where one cannot be read, or a profile lacks a compressor.
    """
    columns = tuple(Column(codec.key, codec.error) for codec in by)
    profile = Profile("", "", 0, str(seed), columns)
    origins = []
    here = (os.uname().release, os.uname().machine, mem_total())
    if specs.count("-") > 1:
        raise UsageError("standard input is a source twice", "name it once")
    for spec in specs:
        with open_source(spec) as opened:
            if isinstance(opened, ProfileSource):
                _merge(profile, opened, with_names=with_names)
                of = opened.profile
                origins.append((of.kernel, of.machine, of.mem_total))
                continue
            origins += [] if here in origins else [here]
            source = sample(opened)
            measures = Several(tuple(by)).measure_all(source, jobs, progress)
            check_pages(source, len(measures[0]))
            drawn = stratum_of(source, len(measures[0]))
            account = source.account
            counts = account.counts()
            left = {why: n for why, n in counts.items() if n and why not in ("read", "doubtful")}
            profile.groups.append(
                Group(
                    spec if with_names else "",
                    account.memory,
                    drawn.population,
                    drawn.drawn,
                    left,
                    measures,
                )
            )
    kernels, machines, sizes = zip(*origins, strict=True)
    profile.kernel = ", ".join(dict.fromkeys(kernels))
    profile.machine = ", ".join(dict.fromkeys(machines))
    profile.mem_total = sum(sizes)
    return profile


def _merge(profile: Profile, source: ProfileSource, *, with_names: bool) -> None:
    numbers = [source.column(column.key) for column in profile.columns]
    # A length is as near as the library was where it was measured.
    profile.columns = tuple(
        Column(column.key, source.error(column.key) or column.error) for column in profile.columns
    )
    for group in source.groups():
        measures = [group.measures[number] for number in numbers]
        name = group.name if with_names else ""
        profile.groups.append(
            Group(name, group.memory, group.population, group.drawn, group.left, measures)
        )
