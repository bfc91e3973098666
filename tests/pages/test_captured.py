# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures as files: what is read of ours and of damo's, what is refused, what a replay gets."""

from __future__ import annotations

import json
import shutil
import subprocess
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import CASES
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.pages.captured import Captured, Interval, Way, read
from ghostswap.pages.trace import open_trace

#: Written by damo 3.4.3's own write_json_compressed(): five snapshots of 100 ms each, of regions of
#: 8, 16 and 104 MiB. The first is always accessed, the second in the second and fourth.
DAMO = CASES / "damon.data"
PAGES = Captured(
    "pid:7",
    "ghostswap",
    0.5,
    20,
    (
        Interval(0.5, 18, 9, 5, ((0, 3), (10, 2))),
        Interval(1.0, 20, 6, 0, ()),
        Interval(1.5, 20, 6, 4, ((16, 4),)),
    ),
    0.01,
    0.005,
    2e-6,
    (Way("soft-dirty", True, "which pages were written"), Way("idle pages", False, "not there")),
)
COUNTS = Captured("pid:7", "ghostswap", 0.5, None, (Interval(0.5, 18, 9),))


def write(path: Path, captured: Captured, **changes: object) -> str:
    path.write_text(json.dumps(captured.to_json() | changes))
    return str(path)


@pytest.mark.parametrize("captured", [PAGES, COUNTS], ids=["pages", "counts"])
def test_a_capture_comes_back_as_it_was_written(tmp_path: Path, captured: Captured) -> None:
    assert read(write(tmp_path / "a.trace", captured)) == captured


@pytest.mark.parametrize("packed", [True, False])
def test_damos_record_has_the_sizes_of_the_regions_that_were_accessed(
    tmp_path: Path, packed: bool
) -> None:
    path = DAMO
    if not packed:
        path = tmp_path / "damon.json"
        path.write_bytes(zlib.decompress(DAMO.read_bytes()))
    found = read(str(path))
    assert (found.by, found.pages, found.interval_seconds) == ("damo", None, pytest.approx(0.1))
    assert [one.resident_pages for one in found.intervals] == [128 << 8] * 5
    assert [one.touched_pages >> 8 for one in found.intervals] == [8, 24, 8, 24, 8]
    assert found.seconds == pytest.approx(0.5)


def test_damos_times_and_numbers_for_people_are_read_too(tmp_path: Path) -> None:
    region = {"start": "4,096", "end": "12,288", "nr_accesses": {"samples": None, "percent": "5 %"}}
    old = {"start": 12288, "end": 20480, "nr_accesses": 0}
    snapshot = {"start_time": "1 s", "end_time": "1 s 500 ms", "regions": [region, old]}
    (tmp_path / "r.json").write_text(json.dumps([{"snapshots": [snapshot]}]))
    assert read(str(tmp_path / "r.json")).intervals == (Interval(0.5, 4, 2),)


def test_a_replay_touches_the_pages_of_each_interval_and_all_of_them_write(tmp_path: Path) -> None:
    trace = open_trace(write(tmp_path / "a.trace", PAGES))
    assert trace.touches == 9
    (chunk,) = trace.chunks([25])
    assert sorted(chunk.pages[:5]) == [0, 1, 2, 10, 11]
    assert sorted(chunk.pages[5:]) == [16, 17, 18, 19]
    assert chunk.writes == b"\1" * 9
    (again,) = trace.chunks([25])
    assert again == chunk, "runs of one trace are the same"
    orders = {
        tuple(next(iter(open_trace(str(tmp_path / "a.trace"), seed=seed).chunks([25]))).pages)
        for seed in range(9)
    }
    assert len(orders) > 1, "nobody knows the order in an interval"
    few = open_trace(f"trace:{tmp_path}/a.trace", touches=6)
    assert [len(chunk.pages) for chunk in few.chunks([20])] == [few.touches] == [6]


def test_what_cannot_be_replayed_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="counts of pages that were touched, and not which"):
        open_trace(write(tmp_path / "counts.trace", COUNTS))
    with pytest.raises(TargetError, match="counts of regions of memory") as caught:
        open_trace(f"trace:{DAMO}")
    assert caught.value.hint.startswith(f"'ghostswap capture {DAMO}' shows it")
    path = write(tmp_path / "a.trace", PAGES)
    with pytest.raises(UsageError, match="says itself which touches write"):
        open_trace(path, write_ratio=0.5)
    with pytest.raises(TargetError, match="is of 20 pages, but the memory has 19"):
        next(iter(open_trace(path).chunks([19])))
    nothing = Captured("pid:7", "ghostswap", 0.5, 20, (Interval(0.5, 18, 9, 0, ()),))
    with pytest.raises(TargetError, match="has no touches"):
        open_trace(write(tmp_path / "b.trace", nothing))


BAD: list[dict[str, Any]] = [
    {"pages": 11},
    {"pages": -1},
    {"pages": True},
    {"intervals": []},
    {"intervals": None},
    {"intervals": [{"seconds": 1}]},
    {"target": 5},
    {"look_seconds": "long"},
    {"ways": [1]},
    {"look_seconds": float("nan")},
    {"schema": None},
]


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_a_file_that_does_not_hold_together_is_no_capture(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(TargetError, match="is no capture of touches"):
        read(write(tmp_path / "a.trace", PAGES, **changes))


def test_later_versions_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"is of a later ghostswap \(schema 2\)"):
        read(write(tmp_path / "a.trace", PAGES, schema=2))


def test_broken_and_endless_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "damon.data"
    packed = DAMO.read_bytes()
    for data, said in (
        (packed[:-9], "cut short"),
        (packed[:100] + b"\xff" + packed[101:], "broken|no capture|cut short"),
        (zlib.compress(bytes(300 << 20)), "more than 256 MiB"),
        (b"[" * 100_000, "no capture"),
        (b"", "no capture"),
        (b"9" * 5000, "no capture"),
    ):
        path.write_bytes(data)
        with pytest.raises(TargetError, match=said):
            read(str(path))
    for other in ("/dev/zero", str(tmp_path)):
        with pytest.raises(TargetError, match="is no file"):
            read(other)


def test_perfs_own_record_is_told_with_what_makes_json_of_it(tmp_path: Path) -> None:
    path = str(tmp_path / "perf.data")
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-o", path, "true"]
    if shutil.which("perf") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("needs perf, and leave to use it")
    for reader in (read, open_trace):
        with pytest.raises(TargetError, match=r"is a record of perf's \(perf.data\)") as caught:
            reader(path)
        assert f"damo convert_record_format --record_file {path} --format json" in caught.value.hint


def test_the_text_of_perf_script_is_told_too(tmp_path: Path) -> None:
    """As in damo's src/_damo_records.py, write_perf_script()."""
    path = tmp_path / "damon.data"
    path.write_text(
        "kdamond.0  4452 [000] 82877.315633: damon:damon_aggregated: target_id=18446623435582458880"
        " nr_regions=17 140731667070976-140731668037632: 0 3\n"
    )
    with pytest.raises(TargetError, match="is the text of 'perf script'"):
        read(str(path))


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ("snapshots", "start_time", "end_time", "regions", "schema", "pages")
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.trace"
    path.write_text(json.dumps(value))
    with suppress(GhostswapError):
        assert read(str(path)).intervals


def with_touched(written: bool) -> Captured:
    """A capture of which pages were touched; and, if *written*, which of them were written."""
    runs = (((3, 1),), ()) if written else (None, None)
    intervals = tuple(
        Interval(seconds, 18, 4, None if own is None else sum(n for _, n in own), own, touched)
        for seconds, own, touched in zip((0.5, 1.0), runs, (((2, 4),), ((9, 1),)), strict=True)
    )
    return Captured("pid:7", "ghostswap", 0.5, 20, intervals)


def test_pages_that_were_only_read_are_replayed_as_reads(tmp_path: Path) -> None:
    captured = with_touched(True)
    path = write(tmp_path / "a.trace", captured)
    assert read(path) == captured
    (chunk,) = open_trace(path).chunks([20])
    assert sorted(chunk.pages[:4]) == [2, 3, 4, 5]
    assert chunk.pages[4:].tolist() == [9]
    assert chunk.writes
    assert [page for page, writes in zip(chunk.pages, chunk.writes, strict=True) if writes] == [3]


def test_where_nobody_saw_writes_the_user_says_how_many_there_were(tmp_path: Path) -> None:
    path = write(tmp_path / "a.trace", with_touched(False))
    (chunk,) = open_trace(path).chunks([20])
    assert not any(chunk.writes or b"")
    (chunk,) = open_trace(path, write_ratio=1.0).chunks([20])
    assert chunk.writes == b"\1" * 5


def test_what_watching_costs_is_looks_and_first_touches() -> None:
    """By hand: 10 ms of looks and 21 touches of 2 us in 1.5 s."""
    assert PAGES.slowed == pytest.approx((0.01 + 21 * 2e-6) / 1.5)
