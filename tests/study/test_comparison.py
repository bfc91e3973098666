# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects the comparison: who is best of a row, what LRU inversion is, what times are sums of."""

from __future__ import annotations

from array import array
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machine import PAGE

from ghostswap.pages.touches import Touches
from ghostswap.study.comparison import (
    ROWS,
    Contender,
    Inversion,
    Row,
    best,
    inversion,
    last_touches,
)
from ghostswap.study.host import Group, Host
from ghostswap.study.outcome import Outcome
from ghostswap.study.replay import Replay
from ghostswap.study.unit_costs import UNIT_COSTS, rows

BY_KEY = {row.key: row for row in ROWS}


def outcome(design: str = "classic", pages: int = 300, frames: int = 200) -> Outcome:
    """What *design* makes of pages that are touched one after the other, twice."""
    group = Group("work", memory_max=frames * PAGE)
    host = Host(1 << 30, groups=(replace(group, source="made up"),), design=design)
    run = Replay(host, [array("H", [1000, 0, 0xFFFF, 2000] * (pages // 4))], ())
    touches = array("I", [page for page in range(pages) for _ in "12"])
    assert sum(run.run([Touches(0, touches)], len(touches))) == len(touches)
    return run.outcome()


def contenders(*kept: int) -> list[Contender]:
    base = outcome()
    return [Contender(replace(base, kept_pages=pages), None) for pages in kept]


@pytest.mark.parametrize(
    ("better", "kept", "expected"),
    [
        (-1, (3, 1, 2), {1}),
        (1, (3, 1, 2), {0}),
        (-1, (1, 1, 2), {0, 1}),
        (0, (3, 1, 2), set()),
        (-1, (2, 2, 2), set()),
        (-1, (5,), set()),
    ],
)
def test_best_is_the_least_or_the_most_and_none_where_all_are_alike(
    better: int, kept: tuple[int, ...], expected: set[int]
) -> None:
    row = Row("kept", "kept", "count", better, lambda c: c.outcome.kept_pages)  # type: ignore[arg-type]
    assert best(row, contenders(*kept)) == expected


def test_who_has_no_value_is_never_best_and_beats_nobody() -> None:
    row = Row("kept", "kept", "count", -1, lambda c: c.outcome.kept_pages or None)
    assert best(row, contenders(0, 2, 3)) == {1}
    assert best(row, contenders(0, 2)) == set(), "one that is known is not a contest"
    assert best(row, contenders(0, 0)) == set()


@pytest.mark.parametrize(
    "design", ["disk", "classic", "ghost", "xswap", "zram", "vswap", "vswap-ste"]
)
def test_every_row_has_a_value_of_every_design(design: str) -> None:
    contender = Contender(outcome(design), None)
    assert contender.outcome.held.compressed + contender.outcome.held.disk > 0
    for row in (*ROWS, *rows(UNIT_COSTS)):
        value = row.value(contender)
        assert value is not None or row.key.startswith(("to_disk", "lru_inversion"))


def test_pages_are_touched_last_when_they_were_written_or_later() -> None:
    """Two groups of two and three pages; nothing touches page 1 of the second."""
    chunks = [
        Touches(0, array("I", [1, 0, 1])),
        Touches(1, array("I", [2, 0, 0])),
        Touches(0, array("I", [0])),
    ]
    assert list(last_touches(5, [0, 2], chunks)) == [6, 2, 5, -2, 3]


def test_no_inversion_where_the_coldest_are_on_disk() -> None:
    assert inversion(array("q", [1, 2, 3, 4]), [0, 1]) == Inversion(0.0, 0.0)


def test_all_is_inverted_where_the_hottest_are_on_disk() -> None:
    assert inversion(array("q", [1, 2, 3, 4]), [2, 3]) == Inversion(1.0, 1.0)


def test_one_of_two_on_disk_is_hotter_than_the_coldest_in_memory() -> None:
    """5 and 1 on disk, 9 and 3 in memory: of four pairs only 5 and 3 are the wrong way round."""
    assert inversion(array("q", [5, 1, 9, 3]), [0, 1]) == Inversion(0.5, 0.25)


def test_there_is_no_inversion_to_speak_of_without_both_sides() -> None:
    assert inversion(array("q", [1, 2]), []) is None
    assert inversion(array("q", [1, 2]), [1, 0]) is None
    assert inversion(array("q"), []) is None


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_inversion_is_the_share_of_pairs(on_disk: list[bool], rng: Random) -> None:
    last = array("q", rng.sample(range(-50, 50), len(on_disk)))
    disk = [last[page] for page, is_on in enumerate(on_disk) if is_on]
    memory = [last[page] for page, is_on in enumerate(on_disk) if not is_on]
    found = inversion(last, [page for page, is_on in enumerate(on_disk) if is_on])
    if not disk or not memory:
        assert found is None
        return
    assert found is not None
    wrong = sum(one > other for one in disk for other in memory)
    assert found.pairs == pytest.approx(wrong / len(disk) / len(memory))
    assert found.hotter == pytest.approx(sum(one > min(memory) for one in disk) / len(disk))


def test_a_killed_group_makes_no_design_the_best() -> None:
    """14 frames, 12 of them the kernel's, are too few; what is lost is not freed."""
    lost, alive = outcome(frames=14), outcome()
    assert lost.groups[0].killed
    assert not alive.groups[0].killed
    assert lost.freed_bytes <= 0 < alive.freed_bytes
    assert lost.held.mapped == lost.kept_pages == 0
    freed = BY_KEY["freed_bytes"]
    assert best(freed, [Contender(lost, None), Contender(alive, None)]) == {1}


def test_times_are_counts_by_constants() -> None:
    """With one constant alone at 1 a row is a count of the kernel's."""
    for design in ("classic", "zram", "disk"):
        contender = Contender(outcome(design), None)
        found = contender.outcome

        def only(unit: str, key: str, contender: Contender = contender) -> float | None:
            units = dict.fromkeys(UNIT_COSTS, 0.0) | {unit: 1.0}
            (row,) = (row for row in rows(units) if row.key == key)
            return row.value(contender)

        loads = contender.swap_ins("zswap") + contender.swap_ins("zram")
        assert only("decompress", "swapping_ns") == loads
        assert only("disk_read", "swapping_ns") == contender.swap_ins("disk")
        assert only("disk_write", "swapping_ns") == found.written_bytes // PAGE
        stores = found.vmstat["pswpout"] if design == "zram" else found.vmstat["zswpout"]
        assert only("compress", "swapping_ns") == stores
        assert only("pte_read", "swapoff_ns") == contender.swapoff.pte_reads
        assert only("minor_fault", "swapoff_ns") == 0
