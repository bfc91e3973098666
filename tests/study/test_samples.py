# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples: intervals that hold what is true as often as they say, whatever the design."""

from __future__ import annotations

import lzma
import random
from array import array
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from support.corpora import text

from ghostswap.executor.processes import each
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.pages.sampled import SampledSource, Wanted, sample
from ghostswap.pages.source import Account
from ghostswap.study import fill
from ghostswap.study.host import Group, Host
from ghostswap.study.memory import Measured, measure_host
from ghostswap.study.samples.estimate import totals
from ghostswap.study.samples.estimators import Stratum

DRAWS = 400
#: Pages of a draw.
DRAWN = 1000
PAGES = 40_000
#: Of the totals with intervals, one or more of each kind: a pool, sums of bytes, counts.
TOTALS = (
    "zswap.pool_total_size",
    "compressed_bytes",
    "freed_bytes",
    "metadata_bytes",
    "held.zero",
    "vmstat.zswpout",
    "zram.mem_used_total",
    "zram.compr_data_size",
    "zram.huge_pages",
    "disk.written_bytes",
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40,000 pages as programs have them: text, wide text, tables of it, packed data, zeros.

    Some of each in a page, and the next page nearly as the one before.
    """
    words = text()
    lines = words.split(b"\n")
    ends = array("Q")
    for line in lines:
        ends.append((ends[-1] if ends else 0x7F3A_0000_1000) + len(line))
    parts = [words, words.decode("latin-1").encode("utf-16-le"), ends.tobytes()]
    parts += [lzma.compress(words, preset=0), bytes(len(words))]
    rng = random.Random(1)
    shares = [1.0] * len(parts)
    path = tmp_path_factory.mktemp("image") / "image"
    with path.open("wb") as file:
        for number in range(PAGES):
            if rng.random() < 0.02:
                shares = [rng.random() ** 3 for _ in parts]
            shares[number % len(parts)] *= rng.uniform(0.9, 1.1)
            page = b""
            if number % 40:
                for part, share in zip(parts, shares, strict=True):
                    start = rng.randrange(len(part) - 4096)
                    page += part[start : start + round(4096 * share / sum(shares))]
            file.write(page[:4096].ljust(4096, b"\0"))
    return path


def host_of(image: Path, **knobs: object) -> Host:
    group = Group("process", source=str(image))
    return Host(ram=16 << 30, groups=(group,), kernel="6.18", **knobs)  # type: ignore[arg-type]


class Numbers:
    """A source that notes which of its pages were asked for."""

    name = "numbers"

    def __init__(self, pages: int) -> None:
        self.pages: int | None = pages
        self.account = Account("nothing")
        self.asked: list[int] = []
        self._next = 0

    def skip(self, pages: int) -> int:
        passed = min(pages, (self.pages or 0) - self._next)
        self._next += passed
        return passed

    def read_one(self, page: memoryview) -> bool | None:  # noqa: ARG002
        if self._next == self.pages:
            return None
        self.asked.append(self._next)
        self._next += 1
        return True

    def readinto(self, buffer: memoryview) -> int:
        raise NotImplementedError

    def weigh(self, weight: Fraction) -> None: ...
    def __enter__(self) -> Numbers:
        return self

    def __exit__(self, *exc: object) -> None: ...


def draw(whole: Measured, pages: int, seed: int) -> Measured:
    """Of what is measured already, what the lot would have drawn."""
    ((spec, (stratum,)),) = whole.strata.items()
    numbers = Numbers(stratum.population)
    drawn = sample(numbers, Wanted(pages), seed)
    page = memoryview(bytearray(4096))
    while drawn.read_one(page) is not None:
        pass
    assert isinstance(drawn, SampledSource)
    assert (drawn.drawn, drawn.population) == (pages, stratum.population)
    own = array("H", map(whole.zswap[0].__getitem__, numbers.asked))
    strata = {spec: (Stratum(stratum.population, pages, pages),)}
    return replace(whole, zswap=[own], zram=[own], strata=strata)


def cover(host: Host, whole: Measured, truth: dict[str, int]) -> dict[str, float]:
    """In how much of the samples the interval of a total holds what it is in *truth*."""

    def held(seed: int) -> list[str]:
        found = fill.estimate(host, draw(whole, DRAWN, seed), (), jobs=1).intervals
        return [name for name in truth if found[name][0] <= truth[name] <= found[name][1]]

    hits = [name for names in each(held, range(DRAWS), 2) for name in names]
    return {name: hits.count(name) / DRAWS for name in truth}


@pytest.mark.parametrize(("design", "compressor"), [("ghost", "lz4"), ("zram", "zstd")])
def test_intervals_hold_the_whole_in_92_to_98_of_100_samples(
    image: Path, design: str, compressor: str
) -> None:
    host = host_of(image, design=design, compressor=compressor)
    whole = measure_host(host, (design,), None)
    truth = totals(fill.store(host, whole, ())[1])
    truth = {name: truth[name] for name in TOTALS if truth.get(name)}
    assert len(truth) >= 5
    found = cover(host, whole, truth)
    assert all(0.92 <= share <= 0.98 for share in found.values()), found


@pytest.mark.parametrize(
    ("knobs", "name"),
    [
        # The pool is full when about half is in it, and the rest stays, or goes to the disk.
        ({"design": "ghost", "ram": 200 << 20}, "kept_pages"),
        ({"design": "classic", "ram": 200 << 20}, "disk.written_bytes"),
        ({"design": "zram", "zram_mem_limit": 40 << 20}, "zram.failed_writes"),
        ({"design": "ghost", "kernel": "6.1", "zpool": "zbud"}, "zswap.pool_total_size"),
    ],
)
def test_where_a_limit_decides_the_whole_is_in_the_interval_too(
    image: Path, knobs: dict[str, object], name: str
) -> None:
    host = replace(host_of(image), **knobs)  # type: ignore[arg-type]  # as Host has them
    areas = (SwapArea("/dev/sdx", "full", 1 << 20),) if host.design == "classic" else ()
    whole = measure_host(host, (host.design,), None)
    outcome = fill.store(host, whole, areas)[1]
    truth = totals(outcome)
    assert truth[name]
    found = fill.estimate(host, draw(whole, 4000, 1), areas)
    low, high = found.intervals[name]
    width = high - low
    assert low - width / 2 <= truth[name] <= high + width / 2
    assert width < 0.25 * truth[name]
    assert found.zswap_own.get("max_pages") == outcome.zswap_own.get("max_pages")


def test_all_pages_drawn_are_the_whole_itself(image: Path) -> None:
    host = host_of(image, compressor="lz4")
    whole = measure_host(host, (host.design,), None)
    outcome = fill.store(host, whole, ())[1]
    assert not whole.is_sample
    found = fill.estimate(host, whole, ())
    exact = {name: value for name, value in totals(outcome).items() if "byte" not in name}
    exact.pop("zswap.pool_total_size")  # the room in zspages is known on average alone
    for name, interval in found.intervals.items():
        if name in exact:
            assert interval == (exact[name], exact[name])
    assert {name: totals(found)[name] for name in exact} == exact
    pool = found.zswap["pool_total_size"]
    assert abs(pool / outcome.zswap["pool_total_size"] - 1) < 0.005


def test_strata_that_were_drawn_more_and_less_densely_are_weighed(image: Path) -> None:
    host = host_of(image, compressor="lz4")
    whole = measure_host(host, (host.design,), None)
    half = PAGES // 2
    parts = [whole.zswap[0][:half], whole.zswap[0][half:]]
    rng = random.Random(2)
    dense, sparse = (
        array("H", (part[place] for place in sorted(rng.sample(range(half), number))))
        for part, number in zip(parts, (4000, 400), strict=True)
    )
    strata = (Stratum(half, len(dense), len(dense)), Stratum(half, len(sparse), len(sparse)))
    (spec,) = whole.strata
    sampled = replace(whole, zswap=[dense + sparse], strata={spec: strata})
    truth = totals(fill.store(host, whole, ())[1])
    found = fill.estimate(host, sampled, ())
    for name in ("zswap.pool_total_size", "compressed_bytes", "held.zero", "zswap.stored_pages"):
        low, high = found.intervals[name]
        assert low < truth[name] < high, name
