# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what the matrix of real kernels says: what counts as equal, as near, and as worst."""

from __future__ import annotations

import pytest

from vm.table import Answer, counters, rows, text


def answer(predicted: int | str | None, found: int | str | None, **claim: object) -> Answer:
    return Answer("7.3", "fills", "name", predicted, found, **claim)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "near"),
    [
        (answer(100, 100), True),
        (answer(100, 101), False),
        (answer(100, 101, exact=False), True),
        (answer(96, 100, exact=False), False),
        (answer(96, 100, exact=False, band=(90, 100)), True),
        (answer(96, 100, exact=False, band=(90, 99)), False),
        (answer("EINVAL", "0", exact=False), False),
        (answer(0, 0, exact=False), True),
        (answer(5, 0, exact=False), False),
    ],
)
def test_only_what_claims_no_exact_number_may_be_near(given: Answer, near: bool) -> None:
    assert given.near == near


def test_a_row_counts_its_questions_and_names_the_worst() -> None:
    found = [
        *counters("7.3", "fill", "text-lz4", {"a": 10, "b": 97, "c": 1}, {"a": 10, "b": 100}),
        *counters("7.3", "fill", "text-zstd", {"a": 99}, {"a": 100}, exact=False),
        Answer("6.1", "swapon", "loop-bad", "EINVAL", "15 pages"),
        Answer("6.1", "swapon", "loop-good", "15 pages", "15 pages"),
    ]
    assert rows(found) == [
        ("7.3", "fill", "3", "1", "2", "text-lz4 b -3.0%"),
        ("6.1", "swapon", "2", "1", "1", "loop-bad"),
    ]
    head, first, second = text(found).splitlines()
    assert head.split() == ["kernel", "asked", "questions", "equal", "near", "worst"]
    assert head.index("worst") == first.index("text-lz4") == second.index("loop-bad")
