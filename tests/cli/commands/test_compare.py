# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap compare``: each column is what replay says, and what is unequal is explained."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from array import array
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run
from support.json_keys import documented, keys_of
from support.processes import start
from support.screen import on_screen

from ghostswap.designs.table import RUN as DESIGNS
from ghostswap.study.comparison import ROWS

PAGES = 2048
SOURCE = f"synthetic:{PAGES}:zero=10%,text=60%,random=30%"
WORK = ("--pages", SOURCE, "--touches", "zipf:0.9@10k", "--write-ratio", "0.2", "--limit", "6M")
EVERY = tuple(word for design in DESIGNS for word in ("--design", design))
MAN = ROOT / "man"


def compare(run: Run, *args: str) -> dict[str, Any]:
    done = run("compare", "--json", *args)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_design_is_as_simulate_has_it(run: Run) -> None:
    found = compare(run, *WORK, *EVERY)
    assert [column["design"] for column in found["designs"]] == list(DESIGNS)
    for column in found["designs"]:
        alone = json.loads(run("replay", "--json", *WORK, "--design", column["design"]).stdout)
        same = column.keys() & alone.keys()
        assert column.keys() - same == {"rows", "best"}
        assert {key: column[key] for key in same} == {key: alone[key] for key in same}
        assert column["rows"]["pgmajfault"] == alone["vmstat"]["pgmajfault"]
    assert found["source"] == alone["source"]


def test_best_is_the_least_or_the_most_of_its_row(run: Run) -> None:
    columns = compare(run, *WORK, *EVERY, "--cost")["designs"]
    better = {row.key: row.better for row in ROWS}
    assert any(column["best"] for column in columns)
    for number, column in enumerate(columns):
        for key in column["best"]:
            values = [other["rows"][key] for other in columns if other["rows"][key] is not None]
            top = max(values) if better.get(key, -1) > 0 else min(values)
            assert columns[number]["rows"][key] == top


def test_json_has_the_documented_keys(run: Run) -> None:
    one = compare(run, *WORK, "--design", "ghost", "--design", "zram", "--cost")
    several = compare(run, *WORK, "--design", "ghost", "--sweep", "size=8M")
    published = json.loads(run("overhead", "--published", "--json").stdout)
    for column in one["designs"] + several["sweep"][0]["designs"]:
        for part in (column, *column["groups"]):
            for name in {"zswap", "zram", "vmstat", "events"} & part.keys():
                part[name] = {}
    own = documented(MAN / "ghostswap-json-studies.5", "JSON of compare")
    for found in (one, several, published):
        found.pop("unit_costs_ns", None)
        known = documented(MAN / "ghostswap-overhead.1")
        if found is not published:
            known = documented(MAN / "ghostswap-json.5") | own
        assert keys_of(found) <= known, keys_of(found) - known
    assert set(one["designs"][0]["rows"]) <= own


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("size", ("8M", "16M")),
        ("limit", ("5M", "7M")),
        ("limit", ("900", "1800")),
        ("limit", ("900", "7M", "--cgroup", "2")),
    ],
)
def test_a_sweep_is_one_comparison_a_value(run: Run, name: str, values: tuple[str, ...]) -> None:
    values, cgroup = values[:2], values[2:]
    work = (*WORK, "--design", "classic", "--design", "vswap", *cgroup)
    swept = compare(run, *work, "--sweep", f"{name}={','.join(values)}")
    assert [row["value"] for row in swept["sweep"]] == list(values)
    for row in swept["sweep"]:
        alone = compare(run, *work, f"--{name}", row["value"])
        assert row["designs"] == alone["designs"]
        assert swept["cgroup"] == alone["cgroup"]


def test_sweeping_the_compressor_compresses_anew(run: Run) -> None:
    found = compare(run, *WORK, "--design", "ghost", "--sweep", "compressor=lz4,deflate")
    lz4, deflate = (row["designs"][0]["compressed_bytes"] for row in found["sweep"])
    assert deflate > 0
    assert deflate != lz4


def test_who_pays_for_compressed_bytes_is_said_where_it_matters(run: Run) -> None:
    both = ("--design", "ghost", "--design", "zram")
    columns = compare(run, *WORK, *both)["designs"]
    ghost, zram = (column["rows"]["pgmajfault"] for column in columns)
    assert zram < ghost
    assert "who pays" in run("compare", *WORK, *both).stdout
    assert "who pays" not in run("compare", *WORK, *both, "--cgroup", "1").stdout
    assert "who pays" not in run("compare", *WORK, "--design", "ghost").stdout


def test_who_was_killed_is_said_and_best_at_nothing(run: Run) -> None:
    """Without a disk and without room in memory, zswap has nowhere to go; a disk has."""
    work = ("--pages", f"synthetic:{PAGES}:random", "--limit", "3M")
    designs = ("--design", "vswap", "--design", "disk")
    vswap, disk = compare(run, *work, *designs)["designs"]
    assert (vswap["killed"], vswap["best"], disk["killed"]) == (["process"], [], [])
    table = run("compare", *work, *designs).stdout
    assert re.search(r"^out of memory +killed *$", table, re.MULTILINE)
    swept = run("compare", *work, *designs, "--sweep", "limit=3M,4M").stdout
    assert re.search(r"^3M +killed ", swept, re.MULTILINE)


def test_the_heading_has_the_touches_that_were_asked_for(run: Run) -> None:
    """Not those that the first design came to before it was killed."""
    work = ("--pages", f"synthetic:{PAGES}:random", "--limit", "3M", "--touches", "scan@5k")
    found = compare(run, *work, "--design", "vswap")["designs"]
    assert found[0]["touches"] < 5000
    shown = run("compare", *work, "--design", "vswap", "--design", "disk").stdout
    assert ", 5000 touches, " in shown.splitlines()[0]


def test_the_star_is_explained_where_there_is_one(run: Run) -> None:
    both = ("--design", "ghost", "--design", "disk")
    assert "the best of its row" in run("compare", *WORK, *both).stdout
    alone = run("compare", *WORK, *both[:2]).stdout
    assert "*" not in alone
    assert "the best of its row" not in alone


def test_a_full_area_is_there_for_all_and_a_ghost_for_ghosts(run: Run) -> None:
    run("mkswap", "-q", "--size", "16M", "g")
    run("mkswap", "-q", "--file", "--size", "16M", "f")
    found = compare(run, "g", "f", *WORK, *EVERY)
    for column in found["designs"]:
        paths = {area["path"] for area in column["areas"]}
        assert "f" in paths
        assert ("g" in paths) == (column["design"] == "ghost"), "the dynamic one is a device"


def test_each_kernel_is_as_replay_has_it(run: Run) -> None:
    kernels = ("6.1", "6.12", "7.3")
    found = compare(run, *WORK, "--kernel", ",".join(kernels), "--design", "ghost")
    assert [of["kernel"] for of in found["kernels"]] == list(kernels)
    released = {
        of["kernel"]: of["reclaim"] for of in found["kernels"] if of["reclaim_from"] == "release"
    }
    assert released.items() <= {("6.1", "two-lists"), ("6.12", "mglru"), ("7.3", "mglru")}
    for name, of, column in zip(kernels, found["kernels"], found["designs"], strict=True):
        options = ("--design", "ghost", "--kernel", name)
        alone = json.loads(run("replay", "--json", *WORK, *options).stdout)
        same = column.keys() & alone.keys()
        assert {key: column[key] for key in same} == {key: alone[key] for key in same}
        assert {key: of[key] for key in of} == {key: alone[key] for key in of}


def test_kernels_are_compared_in_classic_unless_said_and_swept_like_designs(run: Run) -> None:
    memory = ("--pages", SOURCE, "--kernel", "6.12,7.3")
    shown = run("compare", *memory)
    assert shown.stderr == ""
    assert "through classic on Linux 6.12, 7.3" in shown.stdout
    assert re.search(r"^ +6\.12 +7\.3 *$", shown.stdout, re.MULTILINE)
    found = compare(run, *memory, "--sweep", "compressor=lz4,zstd", "--design", "zram")
    for row in found["sweep"]:
        for name, column in zip(("6.12", "7.3"), row["designs"], strict=True):
            options = ("--kernel", name, "--design", "zram", "--compressor", row["value"])
            (alone,) = compare(run, *memory[:2], *options)["designs"]
            assert alone == {**column, "best": []}


def test_nine_designs_fit_a_screen_and_no_number_is_folded() -> None:
    shown = on_screen(80, "compare", *WORK, *EVERY)
    assert max(map(len, shown)) <= 80
    rows = [line.split() for line in shown if line.startswith("major faults")]
    assert [len(row) - 2 for row in rows] == [4, 4, 1]
    narrow = on_screen(40, "compare", *WORK, *EVERY)
    assert max(map(len, narrow)) <= 40
    assert sum(line.startswith("  vswap-ste ") for line in narrow) > 10
    assert "from zswap" in [line.rstrip() for line in narrow], "no row looks like a design"


REFUSED = [
    (("--sweep", "size=1"), "40K or more"),
    (("--sweep", "limit=0"), "needs some memory"),
    (("--sweep", "limit=5M,much"), "much"),
    (("--sweep", "limit="), "values joined by commas"),
    (("--sweep", "limit=5M,,6M"), "values joined by commas"),
    (("--sweep", "limit=5M,5M"), "twice"),
    (("--sweep", "limit=900K,200"), "different versions of cgroups"),
    (("--sweep", "limit=5M", "--sweep", "size=5M"), "one thing can be swept"),
    (("--sweep", "limit=5M", "--sweep", "limit=6M"), "one thing can be swept"),
    (("--sweep", "colour=red"), "values joined by commas"),
    (("--sweep", "compressor=842"), "known: lz4"),
    (("--design", "swapfile"), "swapfile"),
    (("--touches", "u32:-"), "is a pipe"),
    (("--touches", "fifo.u32"), "is a pipe"),
    (("--published",), "stands alone"),
    (("--cgroup", "1", "--swap-max", "1M"), "--swap-max: cgroup version 1 has no such limit"),
    (("--jobs", "0"), "0"),
    (("--pages", "empty"), "no memory"),
    (("host.toml",), "scenario"),
    (("--design", "zram", "--zpool", "zsmalloc"), "zswap's"),
    (("--design", "vswap", "--size", "16M"), "no area"),
    (("g", "--design", "classic", "--design", "zram"), "g is a ghost area"),
    (("g", "--design", "ghost-dynamic"), "g is a ghost area"),
    (("--sweep", "size=16M", "--design", "vswap"), "--sweep: there is no area to imagine"),
    (("--size", "16M", "f", "--design", "classic"), "no area"),
    (("f", "--sweep", "size=16M", "--design", "classic"), "no area"),
    (("f", "./f"), "same area"),
    (("f", "hard"), "hard is the same area as f"),
    (("host.toml", "f"), "stands alone"),
    (("--ram", "0"), "less than a page"),
    (("--limit", "9" * 5000), "invalid size"),
    (("--kernel", "6.1", "--design", "vswap"), "vswap is for newer kernels than Linux 6.1"),
    (("--kernel", "6.1,7.3", "--design", "vswap"), "vswap is for newer kernels than Linux 6.1"),
    (("--kernel", "6.1,6.1"), "twice"),
    (("--kernel", "6.1,6.0"), "unknown"),
    (("--kernel", "6.1,7.3", "--design", "zram", "--design", "disk"), "in one design"),
]


@pytest.mark.parametrize(
    ("args", "said"), REFUSED, ids=[" ".join(args)[:60] for args, _ in REFUSED]
)
def test_wrong_usage(run: Run, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").touch()
    run("mkswap", "-q", "--size", "1M", "g")
    run("mkswap", "-q", "--file", "--size", "1M", "f")
    os.link(tmp_path / "f", tmp_path / "hard")
    os.mkfifo(tmp_path / "fifo.u32")
    done = run("compare", *WORK, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_default_design_that_no_such_kernel_has_is_said_to_be_left_out(run: Run) -> None:
    old = run("compare", "--json", *WORK, "--kernel", "6.6")
    assert [column["design"] for column in json.loads(old.stdout)["designs"]] == [
        *("classic", "ghost", "zram")
    ]
    assert "vswap-ste is left out" in old.stderr
    assert run("compare", *WORK, "--kernel", "6.12").stderr == ""


def test_a_host_is_compared_whatever_its_design_has_no_use_for(run: Run, tmp_path: Path) -> None:
    """Its file describes the host, and not one of the columns."""
    host = f"""ram = "1G"
    zram.mem_limit = "1M"
    zswap.max_pool_percent = 10
    [[area]]
    type = "ghost"
    size = "16M"
    [group.one]
    source = "{SOURCE}"
    memory_max = "6M"
    """
    (tmp_path / "host.toml").write_text(host)
    found = compare(run, "host.toml", "--design", "zram", "--design", "disk")
    assert found["designs"][0]["zram"]["mem_limit"] == 1 << 20
    done = run("compare", "host.toml", "--design", "vswap", "--sweep", "size=16M")
    assert done.returncode == 2
    assert "no area to imagine for vswap" in done.stderr


def test_a_trace_beyond_the_memory_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.u32").write_bytes(array("I", [PAGES]).tobytes())
    done = run("compare", "--pages", SOURCE, "--touches", "t.u32", "--limit", "6M")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"touches page {PAGES}" in done.stderr
    assert "Traceback" not in done.stderr


def test_interrupt_leaves_no_processes_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.u32").write_bytes(array("I", range(PAGES)).tobytes() * 3000)
    call = ("compare", "--pages", SOURCE, "--limit", "4M")
    with start(tmp_path, *call, "--touches", "t.u32", "-j", "2") as process:
        deadline = time.monotonic() + 30
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        workers = children.read_text().split()
        assert len(workers) == 2
        os.killpg(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said.strip()) == (130, "", "ghostswap: interrupted")
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert [path.name for path in tmp_path.iterdir()] == ["t.u32"]


def test_standard_input_is_read_once_for_all_compressors(run: Run, tmp_path: Path) -> None:
    (tmp_path / "memory").write_bytes(os.urandom(100 * 4096) + b"swap " * (300 * 4096 // 5))
    with (tmp_path / "memory").open("rb") as memory:
        done = run(
            *("compare", "--pages", "-", "--touches", "scan@1k", "--limit", "1M", "--json"),
            *("--design", "ghost", "--design", "zram", "--sweep", "compressor=lz4,zstd"),
            stdin=memory,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["value"] for row in found["sweep"]] == ["lz4", "zstd"]
    pages = {design["pages"] for row in found["sweep"] for design in row["designs"]}
    assert pages == {400}
