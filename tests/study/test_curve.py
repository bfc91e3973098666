# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects the curve: its stack distances are exact, its sample is as near as it says."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.pages.touches import Touches
from ghostswap.pages.trace import open_trace
from ghostswap.study.curve import distances
from ghostswap.study.curve.curve import ERRORS, FEWEST_PAGES, Curve, draw
from ghostswap.study.curve.distances import Count, Distances, count, count_in_python
from ghostswap.study.host import Group, Host, Policy
from ghostswap.study.replay import Replay

PAGES, TOUCHES = 2_000, 30_000
BOTH = pytest.mark.parametrize("count", [count, count_in_python])


def all_touches(spec: str, pages: int = PAGES, touches: int = TOUCHES) -> list[Touches]:
    return list(open_trace(spec, touches=touches).chunks([pages]))


def by_hand(pages: int, touched: list[int]) -> list[int]:
    """Touches by distance, from a list that is kept in the order of last touches."""
    order, counts = list(range(pages)), [0] * pages
    for page in touched:
        counts[pages - 1 - order.index(page)] += 1
        order.remove(page)
        order.append(page)
    return counts


@settings(deadline=None)
@given(
    st.integers(1, 80).flatmap(
        lambda pages: st.tuples(
            st.just(pages), st.lists(st.lists(st.integers(0, pages - 1), max_size=300), max_size=4)
        )
    )
)
def test_distances_are_those_of_a_list_kept_in_order(case: tuple[int, list[list[int]]]) -> None:
    """By both routines, and however the touches are cut into chunks."""
    pages, chunks = case
    expected = by_hand(pages, [page for chunk in chunks for page in chunk])
    for each in (count, count_in_python):
        places, counts = array("I", range(pages)), array("Q", bytes(8 * pages))
        for chunk in chunks:
            each(places, array("I", chunk), counts)
        assert counts.tolist() == expected
        assert sorted(places) == list(range(pages))


def test_what_is_compiled_and_what_is_python_are_equal_on_many_lines_of_bits() -> None:
    touched = array("I", [page for chunk in all_touches("zipf:0.7") for page in chunk.pages])
    found = []
    for each in (count, count_in_python):
        places, counts = array("I", range(PAGES)), array("Q", bytes(8 * PAGES))
        each(places, touched, counts)
        found.append((places, counts))
    assert found[0] == found[1]
    assert sum(found[0][1]) == TOUCHES


@BOTH
def test_a_page_that_is_none_and_places_that_are_no_order_are_refused(count: Count) -> None:
    counts = array("Q", bytes(24))
    with pytest.raises(ValueError, match="no page 3"):
        count(array("I", range(3)), array("I", [1, 3]), counts)
    for places in ([0, 0, 1], [0, 1, 3]):
        with pytest.raises(ValueError, match="no order"):
            count(array("I", places), array("I", [1]), counts)
    assert not any(counts)


def test_touches_that_come_in_one_by_one_count_as_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    touched = [7, 7, 3, 0, 9, 3, 7, 1] * 9
    monkeypatch.setattr(distances, "_FEWEST", 11)
    stack = Distances(10)
    for page in touched:
        stack.touch(array("I", [page]))
    faults = stack.faults()
    assert (faults[0], faults[10]) == (len(touched), 0)
    assert [more - less for more, less in pairwise(faults)] == by_hand(10, touched)


def replayed(spec: str, frames: int, policy: Policy) -> int:
    """Major faults of the touches with so many page frames, in the model of the kernel."""
    group = Group("work", source="made up", touches=spec, limit_frames=frames)
    host = Host(1 << 30, groups=(group,), design="disk", policy=policy, cgroup_version=1)
    run = Replay(host, [array("H", [1000]) * PAGES], ())
    assert sum(run.run(all_touches(spec), TOUCHES)) == TOUCHES
    return run.outcome().groups[0].events["pgmajfault"]


SPECS = ("zipf:0.8", "hot:10%:90%", "loop:40%@15k,uniform@15k")


@pytest.mark.parametrize("spec", SPECS)
def test_the_curve_has_the_faults_of_nine_replays_by_exact_lru(spec: str) -> None:
    curve = draw(all_touches(spec), PAGES, TOUCHES)
    assert curve.error == 0
    for tenth in range(1, 10):
        frames = PAGES * tenth // 10
        assert curve.major_faults(frames) == replayed(spec, frames, "lru")


@pytest.mark.parametrize("policy", ["two-lists", "mglru"])
@pytest.mark.parametrize("spec", SPECS)
def test_the_kernels_own_reclaim_is_as_near_to_the_curve_as_is_said(
    spec: str, policy: Policy
) -> None:
    """The guide that the report and the man page give."""
    curve = draw(all_touches(spec), PAGES, TOUCHES)
    for share, near in ((0.2, 0.25), (0.3, 0.1), (0.5, 0.1), (0.7, 0.1)):
        frames = round(PAGES * share)
        assert replayed(spec, frames, policy) == pytest.approx(curve.major_faults(frames), rel=near)


@pytest.mark.parametrize("spec", ["zipf:0.6", "zipf:1.2", "hot:10%:90%", "loop:30%", "scan"])
@pytest.mark.parametrize(("every", "error"), [(2, 0.01), (20, 0.03)])
def test_a_sample_is_as_near_as_it_says(spec: str, every: int, error: float) -> None:
    pages, touches = 20 * FEWEST_PAGES, 100_000
    chunks = all_touches(spec, pages, touches)
    exact = draw(chunks, pages, touches)
    for seed in range(3):
        found = draw(chunks, pages, touches, seed=seed, most=touches // every)
        assert (found.every, found.error) == (every, error)
        assert found.sampled == pytest.approx(pages / every, abs=1)
        assert found.sampled >= next(pages for pages, of in ERRORS.items() if of == error)
        sizes = range(1, pages + 1, 50)
        off = [abs(found.miss_ratio(size) - exact.miss_ratio(size)) for size in sizes]
        assert sum(off) / len(off) <= error


def test_few_pages_are_never_sampled() -> None:
    curve = draw(all_touches("uniform"), PAGES, TOUCHES, most=10)
    assert (curve.sampled, curve.every, curve.error) == (PAGES, 1, 0)


def test_a_trace_of_unknown_length_is_gone_through_to_its_end() -> None:
    curve = draw(all_touches("uniform"), PAGES, None, most=10)
    assert (curve.touches, curve.error) == (TOUCHES, 0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=41, max_size=41), st.sampled_from((4, 16, 100)))
def test_sizes_show_every_bend_of_the_curve(counts: list[int], steps: int) -> None:
    faults = array("Q", [sum(counts[at:]) for at in range(len(counts) + 1)])
    pages = len(counts)
    curve = Curve(pages, max(sum(counts), 1), pages, 1, faults)
    sizes = curve.sizes(steps)
    assert (sizes[0], sizes[-1]) == (1, pages)
    saved = max(curve.major_faults(1) - curve.major_faults(pages), 1)
    for size, after in pairwise(sizes):
        assert after > size
        if after - size > 1:
            assert after - size <= 2 / steps * pages + 1
            assert curve.major_faults(size) - curve.major_faults(after) <= 2 * 2 / steps * saved


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.floats(0, 1))
def test_the_pages_for_a_share_of_faults_are_the_fewest(counts: list[int], share: float) -> None:
    faults = array("Q", [sum(counts[at:]) for at in range(len(counts) + 1)])
    curve = Curve(len(counts), max(sum(counts), 1), len(counts), 1, faults)
    pages = curve.pages_for(share)
    assert curve.miss_ratio(pages) <= share
    assert pages == 0 or curve.miss_ratio(pages - 1) > share
