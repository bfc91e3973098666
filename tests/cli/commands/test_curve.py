# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap replay --curve``: the answer first, its keys stated, replays beside it, refusals."""

from __future__ import annotations

import json
import re
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run
from support.json_keys import documented, keys_of

PAGES, TOUCHES = 2_000, 20_000
SOURCE = ("--pages", f"synthetic:{PAGES}:zero=10%,text=60%,random=30%")
WORK = (*SOURCE, "--touches", f"zipf:0.9@{TOUCHES}")
MAN = ROOT / "man"


def curve(run: Run, *args: str) -> dict[str, Any]:
    done = run("replay", "--json", *args)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_exact_lru_replayed_has_the_faults_of_the_curve(run: Run) -> None:
    """As many pages as the limit has frames are in memory, and each size is a run of its own."""
    found = curve(run, *WORK, "--reclaim", "lru", "--curve=300,1000,1999", "--limit", "50")
    assert [one["limit_frames"] for one in found["replayed"]] == [50, 300, 1000, 1999]
    for one in found["replayed"]:
        assert one["pages"] == one["limit_frames"]
        assert one["major_faults"] == one["lru_major_faults"] > 0
        assert one["miss_ratio"] == one["major_faults"] / TOUCHES
    alone = curve(run, *WORK, "--reclaim", "lru", "--limit", "300")
    assert alone["vmstat"]["pgmajfault"] == found["replayed"][1]["major_faults"]


def test_a_limit_in_bytes_is_placed_by_the_pages_that_the_process_had(run: Run) -> None:
    """The kernel's part, and that of zswap's pool, is not the process's."""
    found = curve(run, *WORK, "--curve", "--limit", "6M")
    (one,) = found["replayed"]
    alone = curve(run, *WORK, "--limit", "6M")
    assert one["major_faults"] == alone["vmstat"]["pgmajfault"]
    (least, *_, most) = sorted(sample["resident_pages"] for sample in alone["timeline"])
    assert least <= one["pages"] <= most < (6 << 20) // 4096
    assert one["lru_major_faults"] == pytest.approx(one["major_faults"], rel=0.15)


def test_json_has_the_documented_keys_and_no_others(run: Run) -> None:
    bare = curve(run, *WORK, "--curve")
    marked = curve(run, *WORK, "--curve=6M")
    own = documented(MAN / "ghostswap-json-studies.5", "JSON of a curve")
    assert keys_of(bare) | keys_of(marked) <= own | documented(MAN / "ghostswap-json.5")
    assert own - keys_of(marked) == set()
    assert "lengths" in marked.keys() - bare.keys(), "nothing is compressed for the curve alone"
    points = bare["curve"]
    assert points == marked["curve"]
    assert (bare["curve_error"], bare["sampled_pages"]) == (0, PAGES)
    assert (points[0]["pages"], points[-1]["pages"]) == (1, PAGES)
    assert points[-1]["major_faults"] == 0
    for one, after in pairwise(points):
        assert one["pages"] < after["pages"] <= one["pages"] + PAGES * 0.02 + 1
        assert one["major_faults"] >= after["major_faults"]
        assert one["bytes"] == one["pages"] * 4096
        assert one["miss_ratio"] == one["major_faults"] / TOUCHES


def test_the_answer_stands_first_and_is_what_the_points_say(run: Run) -> None:
    done = run("replay", *SOURCE, "--touches", "loop:500@20k", "--curve=8M")
    assert (done.returncode, done.stderr) == (0, "")
    answer, mark, *_ = done.stdout.splitlines()
    # The 500 pages are out once, for all 2000 were written after them.
    assert "one in 10 with 2 MiB, one in 100 with 7.8 MiB" not in answer
    assert answer.startswith("Of 20,000 touches of 7.8 MiB ")
    assert "one in 10 with 2 MiB, none with 7.8 MiB of memory" in answer
    assert re.match(r"With --limit 8 MiB, of which 7\.8 MiB are .* 0 times on Linux", mark)
    row = next(line for line in done.stdout.splitlines() if line.split()[2:3] == ["500"])
    assert row.split()[3:5] == ["500", "2.5"]


def test_where_nothing_was_replayed_the_next_step_is_named(run: Run) -> None:
    done = run("replay", *WORK, "--curve")
    assert (done.returncode, done.stderr.count("--curve=40M")) == (0, 1)
    assert "replayed" not in done.stdout.splitlines()[3]
    more = run("replay", *WORK, "--curve", "-v")
    assert len(more.stdout.splitlines()) > len(done.stdout.splitlines()) + 50


def test_a_trace_from_a_pipe_serves_the_curve(run: Run) -> None:
    lines = "page\n" + "".join(f"{page % 100}\n" for page in range(1000))
    done = run(
        "replay", *SOURCE, "--touches", "csv:-", "--curve", "--json", stdin=None, input=lines
    )
    found = json.loads(done.stdout)
    assert found["touches"] == 1000
    assert found["curve"][-2]["major_faults"] <= 100


def test_the_process_of_a_scenario_may_have_the_curve(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trace.u32").write_bytes(array("I", [*range(300)] * 9).tobytes())
    one = f'[group.one]\nsource = "{SOURCE[1]}"\nmemory_max = "6M"\ntouches = "trace.u32"\n'
    (tmp_path / "host.toml").write_text(f'ram = "1G"\n{one}')
    found = curve(run, "host.toml", "--curve=5M")
    assert [mark["memory_max"] >> 20 for mark in found["replayed"]] == [6, 5]
    (tmp_path / "two.toml").write_text(f'ram = "1G"\n{one}{one.replace(".one", ".two")}')
    done = run("replay", "two.toml", "--curve")
    assert (done.returncode, done.stdout) == (2, "")
    assert "of one process, and here are 2 groups" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((*SOURCE, "--curve"), "there is no workload"),
        ((*WORK, "--curve=x"), 'invalid size: "x"'),
        ((*WORK, "--curve=0"), "a process needs some memory"),
        ((*WORK, "--curve=4M,100"), "--curve has sizes and page frames"),
        ((*WORK, "--curve", "--band"), "--band does not go here: --curve is of all sizes"),
        ((*WORK, "--curve", "--proc"), "--proc does not go here"),
    ],
)
def test_what_no_curve_can_be_of_is_refused(run: Run, args: tuple[str, ...], said: str) -> None:
    done = run("replay", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_process_that_is_killed_at_a_size_says_so(run: Run) -> None:
    done = run("replay", *WORK, "--curve=100K")
    assert done.returncode == 0
    assert "the process is killed on Linux" in done.stdout
