# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples made whole: every page that was drawn stands for its share, where it belongs."""

from __future__ import annotations

from array import array
from collections import Counter

import pytest

from ghostswap.errors import UsageError
from ghostswap.study.samples.estimators import Stratum
from ghostswap.study.samples.stand_ins import stand_in

LENGTHS = array("H", range(1000, 1010))


def test_every_page_that_was_drawn_stands_for_as_many_as_another() -> None:
    (found,) = stand_in([Stratum(1234, 10, 10)], [LENGTHS], seed=1)
    counts = Counter(found)
    assert len(found) == 1234
    assert counts.keys() == {*LENGTHS}
    assert max(counts.values()) - min(counts.values()) == 1
    # They are mixed: no stretch of the memory is like one page, or like the sample again.
    assert len(set(found[:100])) == 10
    assert found[:10] != found[10:20]


def test_what_was_drawn_and_had_to_be_left_stands_for_nothing() -> None:
    (found,) = stand_in([Stratum(1200, 12, 10)], [LENGTHS], seed=1)
    assert Counter(found) == dict.fromkeys(LENGTHS, 100)


def test_strata_stay_apart_and_what_is_whole_stays_as_it_is() -> None:
    strata = [Stratum(6, 3, 3), Stratum(5, 5, 5), Stratum(21, 2, 2)]
    (found,) = stand_in(strata, [LENGTHS], seed=1)
    assert sorted(found[:6]) == [1000, 1000, 1001, 1001, 1002, 1002]
    assert found[6:11] == LENGTHS[3:8]
    assert sorted(Counter(found[11:]).values()) == [10, 11]


def test_all_codecs_speak_of_the_same_page() -> None:
    others = array("H", (length + 500 for length in LENGTHS))
    strata = [Stratum(300, 10, 10)]
    first, second = stand_in(strata, [LENGTHS, others], seed=1)
    assert array("H", (length + 500 for length in first)) == second
    assert stand_in(strata, [LENGTHS], seed=1) == [first]
    assert stand_in(strata, [LENGTHS], seed=2) != [first]


def test_more_pages_than_there_are_numbers_for_are_refused() -> None:
    with pytest.raises(UsageError, match="one by one"):
        stand_in([Stratum(1 << 51, 10, 10)], [LENGTHS], seed=1)
