# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiers: the file's syntax and every refusal, ranges without holes, and masks that only narrow.

The examples are those of Documentation/mm/swap-tier.rst in the series of July 2026.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.mm.swap.swap_info import ALL_TIERS, DEFAULT_TIER, SwapInfo
from ghostswap.mm.swap.tiers import SHRT_MAX, TierError, Tiers, effective_mask, forget

NAMES = st.sampled_from(["ssd", "hdd", "net", "a", "b_2", "C", "_", ""])
WORDS = st.one_of(
    st.builds("+{}:{}".format, NAMES, st.sampled_from([-2, -1, 0, 50, 60, 61, 100, SHRT_MAX])),
    st.builds("-{}".format, NAMES),
)


def area(prio: int | None) -> SwapInfo:
    """An area that is on; swapon gave -2 where *prio* is ``None``."""
    return SwapInfo(f"/dev/p{prio}", "full", 10, -2 if prio is None else prio)


def ranges(tiers: Tiers) -> list[tuple[str, int, int]]:
    """Names, starts and ends as the file says."""
    rows = [line.split() for line in tiers.read().splitlines()[1:]]
    return [(name, int(start), int(end)) for name, _, start, end in rows]


def refused(tiers: Tiers, text: str) -> str:
    """The errno that writing *text* ends with; nothing has changed."""
    before = tiers.read()
    with pytest.raises(TierError) as caught:
        tiers.write(text)
    assert tiers.read() == before
    assert caught.value.message
    assert caught.value.hint
    return caught.value.errno


def test_the_file_reads_as_the_series_prints_it() -> None:
    """Columns of 16, 5, 11 and 11; indices from the highest, whatever the priority."""
    tiers = Tiers()
    assert tiers.read() == "Name             Idx   PrioStart   PrioEnd    \n"
    tiers.write("+HDD:50, +NET:-1\n")
    assert tiers.read().splitlines()[1:] == [
        "HDD              3     50          32767      ",
        "NET              2     -1          49         ",
    ]


def test_adding_splits_and_removing_merges() -> None:
    """The tier below takes a range over; the one above where there is none below."""
    tiers = Tiers()
    tiers.write("+HDD:50 +NET:-1")
    tiers.write("+SSD:100")
    assert ranges(tiers) == [("SSD", 100, SHRT_MAX), ("HDD", 50, 99), ("NET", -1, 49)]
    tiers.write("-SSD")
    assert ranges(tiers) == [("HDD", 50, SHRT_MAX), ("NET", -1, 49)]
    tiers.write("-NET")
    assert ranges(tiers) == [("HDD", -1, SHRT_MAX)]
    tiers.write("-HDD")
    assert ranges(tiers) == []


def test_an_area_that_is_on_keeps_its_tier() -> None:
    """Its tier stays, and is only split above its priority."""
    tiers = Tiers([area(60)])
    tiers.write("+HDD:50 +NET:-1")
    assert refused(tiers, "-HDD") == "EBUSY"
    assert refused(tiers, "+SSD:60") == "EBUSY"
    assert refused(tiers, "+SSD:55") == "EBUSY"
    tiers.write("+SSD:61 -NET")
    assert ranges(tiers) == [("SSD", 61, SHRT_MAX), ("HDD", -1, 60)]


@pytest.mark.parametrize(
    ("text", "errno"),
    [
        ("ssd:100", "EINVAL"),
        ("+ssd", "EINVAL"),
        ("+ssd:", "EINVAL"),
        ("+ssd:x", "EINVAL"),
        ("+ssd:1:2", "EINVAL"),
        ("+ssd:1_0", "EINVAL"),
        ("+ssd:32768", "EINVAL"),
        ("+ssd:-2", "EINVAL"),
        ("+:5", "EINVAL"),
        ("+s-d:5", "EINVAL"),
        (f"+{'a' * 16}:5", "EINVAL"),
        ("-ssd", "EINVAL"),
        ("+net:5", "EEXIST"),
        ("+ssd:50", "EBUSY"),
        ("+ssd:-1", "EBUSY"),
        ("+a:1 +b:2 +c:3", "ENOSPC"),
        ("+a:1 -gone", "EINVAL"),
        ("-net -hdd +a:7", "EINVAL"),
    ],
)
def test_refusals_change_nothing(text: str, errno: str) -> None:
    """All of a write or nothing of it."""
    tiers = Tiers()
    tiers.write("+hdd:50 +net:-1")
    assert refused(tiers, text) == errno


def test_the_first_tiers_must_reach_down() -> None:
    assert refused(Tiers(), "+ssd:0") == "EINVAL"


def test_the_first_definition_takes_active_areas_in() -> None:
    """Until then all are in no tier; without a priority they count as the lowest."""
    areas = [area(100), area(50), area(None), area(-3)]
    tiers = Tiers(areas)
    assert {found.tier_mask for found in areas} == {DEFAULT_TIER}
    assert tiers.tier_of(5) is None
    tiers.write("+ssd:100 +hdd:50 +net:-1")
    names = [tiers.tier_of(prio) for prio in (100, 50, -1, -3)]
    assert [tier.name for tier in names if tier] == ["ssd", "hdd", "net", "net"]
    assert [found.tier_mask for found in areas] == [tier.mask for tier in names if tier]


@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), max_size=12), st.sampled_from([1, 4, 31]))
def test_every_priority_is_in_exactly_one_tier(writes: list[list[str]], count: int) -> None:
    """Whatever is written: ranges without hole or overlap, and each index once."""
    areas = [area(60), area(None)]
    tiers = Tiers(areas, count)
    masks: set[int] | None = None
    for words in writes:
        before = [found.tier_mask for found in areas]
        try:
            tiers.write(" ".join(words))
        except TierError:
            assert [found.tier_mask for found in areas] == before
        rows = ranges(tiers)
        expected = SHRT_MAX
        for name, start, end in rows:
            assert start <= end == expected
            for prio in {start, end}:
                tier = tiers.tier_of(prio)
                assert tier is not None
                assert tier.name == name
            expected = start - 1
        assert not rows or expected == -2
        indices = [tier.index for tier in tiers.active]
        assert len(set(indices)) == len(indices)
        assert all(0 <= index < count for index in indices)
        if masks is not None:
            assert {found.tier_mask for found in areas} == masks
        elif rows:
            masks = {found.tier_mask for found in areas}
            assert DEFAULT_TIER not in masks


def test_memory_swap_tiers_max() -> None:
    """One line a tier, one tier a write, and a parent's 0 wins."""
    tiers = Tiers()
    tiers.write("+ssd:100 +net:-1")
    parent = tiers.write_max(ALL_TIERS, "net 0\n")
    assert tiers.read_max(parent) == "ssd max\nnet 0\n"
    child = tiers.write_max(ALL_TIERS, "  ssd   max ")
    assert tiers.read_max(child) == "ssd max\nnet max\n"
    ssd, net = (tier.mask for tier in tiers.active)
    assert effective_mask([child, parent]) & (ssd | net) == ssd
    assert effective_mask([]) == ALL_TIERS
    assert tiers.write_max(parent, "net max") == ALL_TIERS
    for text in ("", "ssd", "ssd 1", "ssd max net 0", "gone 0"):
        with pytest.raises(TierError) as caught:
            tiers.write_max(ALL_TIERS, text)
        assert caught.value.errno == "EINVAL"


def test_a_removed_tier_is_forgotten() -> None:
    """What takes its index is not forbidden by who never heard of it."""
    tiers = Tiers()
    tiers.write("+ssd:100 +net:-1")
    mask = tiers.write_max(ALL_TIERS, "ssd 0")
    (mask,) = forget([mask], tiers.write("-ssd"))
    tiers.write("+new:7")
    assert tiers.read_max(mask) == "new max\nnet max\n"
