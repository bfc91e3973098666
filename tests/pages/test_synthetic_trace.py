# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that synthetic traces touch what they promise to, as often, and the same each time."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import UsageError
from ghostswap.pages.synthetic_trace import make_alias_table
from ghostswap.pages.touches import CHUNK_TOUCHES, DEFAULT_TOUCHES
from ghostswap.pages.trace import open_trace


def pages_of(spec: str, pages: int, seed: int = 0, group: int = 0) -> list[int]:
    chunks = open_trace(spec, seed=seed, group=group).chunks([pages] * (group + 1))
    return [page for touches in chunks for page in touches.pages]


def chi_square(observed: Iterable[int], expected: Iterable[float]) -> float:
    return sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))


def bound(classes: int) -> float:
    """Five standard deviations above the mean of chi-square."""
    return classes - 1 + 5 * (2 * (classes - 1)) ** 0.5


def zipf(exponent: float, pages: int) -> list[float]:
    weights = [rank**-exponent for rank in range(1, pages + 1)]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize("exponent", ["0.5", "0.8", "1", "1.25", "2"])
def test_zipf_is_that_zipf_and_no_other(exponent: str) -> None:
    touches, pages = 1_000_000, 64
    counts = Counter(pages_of(f"zipf:{exponent}@1M", pages))
    observed = sorted((counts[page] for page in range(pages)), reverse=True)
    expected = [touches * share for share in zipf(float(exponent), pages)]
    assert chi_square(observed, expected) < bound(pages)
    other = [touches * share for share in zipf(float(exponent) + 0.02, pages)]
    assert chi_square(observed, other) > bound(pages), "the test would see a wrong exponent"


@pytest.mark.parametrize("spec", ["uniform@1M", "zipf:0@1M", "hot:100%:30%@1M", "hot:25%:25%@1M"])
def test_uniform_touches_all_pages_alike(spec: str) -> None:
    counts = Counter(pages_of(spec, 1000))
    assert sorted(counts) == list(range(1000))
    assert chi_square(counts.values(), [1000] * 1000) < bound(1000)


@pytest.mark.parametrize(("part", "share"), [(10, 90), (50, 99.5), (90, 20)])
def test_hot_pages_get_their_share_and_both_parts_are_uniform(part: int, share: float) -> None:
    pages, touches = 200, 1_000_000
    counts = Counter(pages_of(f"hot:{part}%:{share}%@1M", pages))
    hot = pages * part // 100
    expected = [touches * share / 100 / hot] * hot
    expected += [touches * (1 - share / 100) / (pages - hot)] * (pages - hot)
    observed = sorted((counts[page] for page in range(pages)), reverse=True)
    assert chi_square(observed, sorted(expected, reverse=True)) < bound(pages)


def assert_table_is_exact(weights: list[float]) -> None:
    places = array("d", weights)
    alias = make_alias_table(places)
    probabilities = [0.0] * len(weights)
    for column, (place, other) in enumerate(zip(places, alias, strict=True)):
        assert column <= place <= column + 1
        probabilities[column] += (place - column) / len(weights)
        probabilities[other] += (column + 1 - place) / len(weights)
    total = sum(weights)
    for probability, weight in zip(probabilities, weights, strict=True):
        assert abs(probability - weight / total) < (len(weights) + 16) * 2**-52


@given(st.lists(st.floats(0, 1), max_size=50), st.integers(0, 50))
def test_the_table_keeps_every_probability(weights: list[float], place: int) -> None:
    weights.insert(place, 1.0)
    assert_table_is_exact(weights)


@pytest.mark.parametrize("exponent", [0, 0.5, 0.8, 1, 1.5, 3, 1000])
def test_the_table_of_a_large_memory_keeps_every_probability(exponent: float) -> None:
    assert_table_is_exact([rank**-exponent for rank in range(1, 200_001)])


def test_an_exponent_beyond_all_floats_leaves_one_page() -> None:
    assert len(set(pages_of("zipf:999999999@1k", 100))) == 1


def test_scan_takes_one_page_after_the_other_over_chunks_and_round() -> None:
    touched = pages_of("scan@200k", 70_001)
    assert touched == [number % 70_001 for number in range(200_000)]


@pytest.mark.parametrize(
    ("spec", "length"),
    [("loop:20%@1k", 20), ("loop:7@1k", 7), ("loop:100@1k", 100), ("loop:0.1%@1k", 1)],
)
def test_loop_goes_round_a_part(spec: str, length: int) -> None:
    assert pages_of(spec, 100) == [number % length for number in range(1000)]


def test_phases_follow_each_other_and_the_hot_pages_stay_the_same() -> None:
    touched = pages_of("zipf:3@10k,scan@500,hot:1%:99%@10k,zipf:3@10k", 100)
    assert len(touched) == 30_500
    parts = (touched[:10_000], touched[10_500:20_500], touched[20_500:])
    hottest = [Counter(part).most_common(1)[0][0] for part in parts]
    assert len(set(hottest)) == 1
    assert touched[10_000:10_500] == [number % 100 for number in range(500)]
    assert parts[0] != parts[2], "a phase goes on with its chance, it does not start over"


def test_hot_pages_are_scattered_over_memory() -> None:
    counts = Counter(pages_of("hot:10%:100%@100k", 1000))
    hot = sorted(counts)
    assert len(hot) == 100
    assert hot[0] < 100
    assert hot[-1] >= 900
    assert sum(after == page + 1 for page, after in pairwise(hot)) < 30


@pytest.mark.parametrize("spec", ["zipf:0.8@100k", "uniform@100k", "hot:10%:90%@100k"])
def test_a_run_is_the_same_each_time_and_another_with_another_seed_or_group(spec: str) -> None:
    trace = open_trace(spec, write_ratio=0.3)
    first, second = list(trace.chunks([3000])), list(trace.chunks([3000]))
    assert first == second
    run = [page for touches in first for page in touches.pages]
    assert run == pages_of(spec, 3000)
    assert run != pages_of(spec, 3000, seed=1)
    assert run != pages_of(spec, 3000, group=1)
    assert list(trace.chunks([50])) != first, "another memory, another run"
    assert list(trace.chunks([3000])) == first


@pytest.mark.parametrize(
    ("spec", "touches"),
    [
        ("scan@1", 1),
        ("scan@20000", 20_000),
        ("scan@100k", 100_000),
        ("scan@2.3M", 2_300_000),
        ("scan@1K,uniform@3m", 3_001_000),
        ("scan", DEFAULT_TOUCHES),
    ],
)
def test_a_trace_knows_how_many_touches_it_has(spec: str, touches: int) -> None:
    trace = open_trace(spec)
    assert trace.touches == touches
    chunks = [len(chunk.pages) for chunk in trace.chunks([1 << 20])]
    assert sum(chunks) == touches
    assert max(chunks) <= CHUNK_TOUCHES


def test_touches_are_for_phases_that_do_not_say() -> None:
    assert open_trace("zipf:0.8,scan@5", touches=70).touches == 75


@pytest.mark.parametrize(
    "spec",
    [
        "zipf",
        "zipf:",
        "zipf:-1",
        "zipf:nan",
        "zipf:1e3",
        "zipf:0.8:1",
        "uniform:",
        "uniform:1",
        "scan:5",
        "loop",
        "loop:0",
        "loop:0%",
        "loop:101%",
        "loop:2.5",
        "loop:-5",
        "hot:10%",
        "hot:10%:90",
        "hot:10%:0%",
        "hot:0:50%",
        "scan@",
        "scan@0",
        "scan@-5",
        "scan@1.5",
        "scan@1.0001k",
        "scan@5G",
        "scan@@5",
        "scan@1_000",
        "scan,",
        "scan,,scan",
        "scan, scan",
        "scan;uniform",
        "zipf:٣",
    ],
)
def test_what_is_no_phase_is_refused_with_what_is(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_trace(spec)
    assert caught.value.hint
    assert "\n" not in caught.value.message


@given(st.from_regex(r"(zipf|uniform|scan|loop|hot)[:@%,.0-9kM]{0,20}", fullmatch=True))
def test_any_spec_is_a_trace_or_refused(spec: str) -> None:
    with suppress(UsageError):
        chunk = next(open_trace(spec).chunks([100]))
        assert max(chunk.pages) < 100


def test_a_part_larger_than_memory_or_no_memory_is_refused() -> None:
    with pytest.raises(UsageError, match="wants 5000 pages, but the memory has 4096"):
        pages_of("loop:5000", 4096)
    with pytest.raises(UsageError, match="no page to touch"):
        pages_of("scan", 0)
