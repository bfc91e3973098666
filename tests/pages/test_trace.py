# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects how traces are named, which touches write, and how several run side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ghostswap.errors import UsageError
from ghostswap.pages.synthetic_trace import SyntheticTrace
from ghostswap.pages.trace import Touches, Trace, interleave, open_trace
from ghostswap.pages.trace_files import CsvTrace, RecordTrace


def writes_of(trace: Trace, pages: int = 1000) -> bytes:
    return b"".join(
        touches.writes or bytes(len(touches.pages)) for touches in trace.chunks([pages])
    )


@pytest.mark.parametrize("ratio", [1e-5, 0.003, 0.25, 0.3, 1 / 3, 0.999])
def test_a_share_of_the_touches_writes(ratio: float) -> None:
    touches = 2_000_000
    writes = writes_of(open_trace(f"scan@{touches}", write_ratio=ratio))
    assert len(writes) == touches
    assert set(writes) <= {0, 1}
    deviation = math.sqrt(touches * ratio * (1 - ratio))
    assert abs(sum(writes) - touches * ratio) < 4 * deviation


def test_none_and_all_may_write() -> None:
    assert all(touches.writes is None for touches in open_trace("scan@9").chunks([9]))
    assert all(
        touches.writes is None for touches in open_trace("scan@9", write_ratio=0).chunks([9])
    )
    assert writes_of(open_trace("scan@100k", write_ratio=1)) == b"\1" * 100_000


def test_who_writes_is_left_to_the_seed_and_not_to_the_page() -> None:
    first, again, other = (
        writes_of(open_trace("loop:2@10k", write_ratio=0.5, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again != other
    for page in (0, 1):
        assert 2300 < sum(first[page::2]) < 2700
    pages = [list(open_trace("zipf:1", write_ratio=ratio).chunks([99])) for ratio in (None, 0.5)]
    assert [touches.pages for touches in pages[0]] == [touches.pages for touches in pages[1]]


def test_odd_pages_write() -> None:
    for touches in open_trace("zipf:0.5@100k", writes="odd").chunks([777]):
        assert touches.writes == bytes(page % 2 * 2 for page in touches.pages)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, math.nan, math.inf])
def test_a_share_that_is_none_is_refused(ratio: float) -> None:
    with pytest.raises(UsageError, match="share of writes"):
        open_trace("scan", write_ratio=ratio)


def test_other_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="number of touches"):
        open_trace("scan", touches=0)
    with pytest.raises(UsageError, match="both a share of writes and odd pages"):
        open_trace("scan", write_ratio=0.5, writes="odd")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.u32", RecordTrace),
        ("u32:zipf", RecordTrace),
        ("zipf:0.8.oracleGeneral", RecordTrace),
        ("a.oracleGeneral.bin", RecordTrace),
        ("oracle:a.csv", RecordTrace),
        ("scan.csv", CsvTrace),
        ("csv:u32:x", CsvTrace),
        ("zipf:0.8", SyntheticTrace),
        ("scan", SyntheticTrace),
    ],
)
def test_prefix_then_suffix_then_phases(
    name: str, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("a.u32", "zipf", "zipf:0.8.oracleGeneral", "a.oracleGeneral.bin", "a.csv"):
        Path(file).write_bytes(bytes(24))  # a record of either kind at least
    for file in ("scan.csv", "u32:x", "scan", "zipf:0.8"):
        Path(file).write_bytes(bytes(24))  # a record of either kind at least
    assert isinstance(open_trace(name), kind)


@pytest.mark.parametrize(
    "spec", ["", "-", "trace", "a.oracleGeneral.zst", "u32:", "lru:x", "\x1b["]
)
def test_what_is_no_trace_is_refused_with_all_that_is(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_trace(spec)
    assert "u32:, csv: or oracle:" in caught.value.hint
    assert caught.value.message.isprintable()


@dataclass
class Uncounted:
    """A scan of *count* touches that does not say how many."""

    count: int
    group: int
    touches: int | None = None
    name: str = "uncounted"

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        return open_trace(f"scan@{self.count}", group=self.group).chunks(pages)


def test_traces_run_side_by_side_in_proportion_and_none_is_changed() -> None:
    sizes = {0: 100_000, 1: 300_000, 2: 7}
    traces = [open_trace(f"scan@{n}", writes="odd", group=group) for group, n in sizes.items()]
    done = dict.fromkeys(sizes, 0)
    for touches in interleave(traces, [700, 900, 1000]):
        assert 0 < len(touches.pages) <= 1024
        group = touches.group
        first = done[group]
        done[group] += len(touches.pages)
        size = (700, 900, 1000)[group]
        assert touches.pages.tolist() == [page % size for page in range(first, done[group])]
        assert touches.writes == bytes((page & 1) << 1 for page in touches.pages)
        assert abs(done[0] - done[1] / 3) <= 2048
    assert done == sizes


def test_traces_side_by_side_are_the_same_each_time() -> None:
    traces = [open_trace("zipf:1@50k", group=0), open_trace("uniform@20k", group=1)]
    runs = [list(interleave(traces, [100, 200], turn=100)) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_trace_of_unknown_length_keeps_up_with_the_longest() -> None:
    traces: list[Trace] = [
        open_trace("scan@100k", group=0),
        Uncounted(100_000, 1),
        Uncounted(10, 2),
    ]
    done = [0, 0, 0]
    for touches in interleave(traces, [50, 60, 70]):
        done[touches.group] += len(touches.pages)
        assert abs(done[0] - done[1]) <= 1024
    assert done == [100_000, 100_000, 10]
    alone = interleave([Uncounted(10, 0), Uncounted(20, 1)], [5, 5])
    assert sorted(len(touches.pages) for touches in alone) == [10, 20]
    assert list(interleave([], [])) == []
