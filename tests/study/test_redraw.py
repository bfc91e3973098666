# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that pages change as often as said, and what they compress to stays as it was."""

from __future__ import annotations

import math
from array import array
from collections import Counter

import pytest

from ghostswap.errors import UsageError
from ghostswap.page import INCOMPRESSIBLE
from ghostswap.study.redraw import Redraw

LENGTHS = array("H", [0] * 10 + [500] * 40 + [2000] * 30 + [3999] * 15 + [INCOMPRESSIBLE] * 5)


def test_nothing_changes_without_a_chance_to() -> None:
    redraw = Redraw(LENGTHS, 0)
    assert [redraw.draw(page) for page in range(100) for _ in range(100)] == [
        length for length in LENGTHS for _ in range(100)
    ]
    assert redraw.lengths == LENGTHS


@pytest.mark.parametrize("changed", [0.05, 0.5, 1])
def test_pages_change_that_often(changed: float) -> None:
    pages = array("H", range(50_000))  # so that a change shows
    redraw = Redraw(pages, changed)
    different = sum(redraw.draw(page) != page for page in range(len(pages)))
    expected = len(pages) * changed
    assert abs(different - expected) <= 4 * math.sqrt(expected * (1 - changed)) + 5


@pytest.mark.parametrize("changed", [0.1, 1])
def test_what_pages_compress_to_keeps_its_distribution(changed: float) -> None:
    lengths = LENGTHS * 500
    redraw = Redraw(lengths, changed)
    for _ in range(20):
        for page in range(0, len(lengths), 3):
            redraw.draw(page)
    now, first = Counter(redraw.lengths[::3]), Counter(lengths)
    assert now.keys() == first.keys()
    pages = len(lengths[::3])
    for length, count in first.items():
        share = count / len(lengths)
        deviation = math.sqrt(pages * share * (1 - share))
        assert abs(now[length] - pages * share) < 4 * deviation


def test_a_page_keeps_what_it_got_and_the_others_keep_theirs() -> None:
    before = LENGTHS[:]
    redraw = Redraw(LENGTHS, 0.5, seed=3)
    for _ in range(1000):
        assert redraw.draw(7) == redraw.lengths[7]
    assert redraw.lengths[:7] + redraw.lengths[8:] == before[:7] + before[8:]
    assert before == LENGTHS, "the lengths given are left as they were"


def test_the_seed_decides() -> None:
    runs = [
        [redraw.draw(page % 100) for page in range(10_000)]
        for redraw in (Redraw(LENGTHS, 0.5, 1), Redraw(LENGTHS, 0.5, 1), Redraw(LENGTHS, 0.5, 2))
    ]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("changed", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(changed: float) -> None:
    with pytest.raises(UsageError, match="not a share of changes"):
        Redraw(LENGTHS, changed)
