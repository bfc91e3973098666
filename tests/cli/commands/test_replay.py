# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap replay``: its numbers add up, its keys and refusals are stated."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from array import array
from itertools import pairwise
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
from conftest import ROOT, Run, needs_root
from support.json_keys import documented, keys_of
from support.processes import await_cpu_time, start

from ghostswap import kernels
from ghostswap.area.header.header import Header
from ghostswap.mounts import unescape

PAGES = 2048
SOURCE = f"synthetic:{PAGES}:zero=10%,text=60%,random=30%"
DESIGNS = (
    *("disk", "classic", "ghost", "ghost-dynamic", "xswap", "zram", "zswap-zram"),
    *("vswap", "vswap-ste"),
)
MAN = ROOT / "man" / "ghostswap-json.5"


def replay(run: Run, *args: str, source: str = SOURCE) -> dict[str, Any]:
    done = run("replay", "--json", "--pages", source, *args)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("design", DESIGNS)
def test_every_page_is_somewhere_and_every_fault_came_from_somewhere(run: Run, design: str) -> None:
    work = ("--touches", "zipf:0.9@10k", "--write-ratio", "0.3", "--changed-ratio", "0.1")
    found = replay(run, "--design", design, *work, "--limit", "6M")
    held, (group,) = found["held"], found["groups"]
    out = held["compressed"] + held["disk"] + held["zero"]
    assert out
    assert found["resident_pages"] + out == found["pages"] == PAGES
    assert sum(found["swap_ins"].values()) == found["vmstat"]["pgmajfault"] > 0
    assert group["events"]["pgmajfault"] == found["vmstat"]["pgmajfault"]
    assert found["touches"] == group["touches"] == 10_000
    assert found["freed_bytes"] == out * 4096 - found["pool_bytes"] - found["metadata_bytes"]
    assert sum(found["metadata"].values()) == found["metadata_bytes"]
    assert found["compressed_bytes"] <= found["pool_bytes"]
    assert found["vmstat"]["pswpin"] == found["swap_ins"]["disk"] + found["swap_ins"]["zram"]
    assert found["source"] == {key: found["sources"][0][key] for key in found["source"]}
    assert found["zpool"] == (None if design == "disk" else "zsmalloc")


def test_exact_lru_in_frames_has_the_misses_of_libcachesim(
    run: Run, tmp_path: Path, libcachesim: ModuleType
) -> None:
    """The cache has seen all pages in order before, as the process has written them."""
    rng, frames = Random(5), 500
    touches = [min(int(rng.expovariate(1 / 300)), PAGES - 1) for _ in range(8_000)]
    (tmp_path / "trace.u32").write_bytes(array("I", touches).tobytes())
    found = replay(
        run, "--reclaim", "lru", "--limit", str(frames), "--touches", "trace.u32", "-j", "1"
    )
    oracle = libcachesim.LRU(cache_size=frames)
    request = libcachesim.Request()
    request.obj_size = 1
    misses = []
    for request.obj_id in [*range(PAGES), *touches]:
        misses.append(not oracle.get(request))
    assert found["vmstat"]["pgmajfault"] == sum(misses[PAGES:])
    assert (found["exact"], found["why"], found["cgroup"]) == (True, [], 1)
    assert found["resident_pages"] == frames


def test_version_1_of_cgroups_charges_compressed_bytes_to_nobody(run: Run) -> None:
    work = ("--touches", "uniform@5k", "--limit", "6M")
    one, two = (replay(run, *work, "--cgroup", version) for version in "12")
    assert one["resident_pages"] > two["resident_pages"]
    assert one["vmstat"]["pgmajfault"] < two["vmstat"]["pgmajfault"]


def test_the_same_seed_gives_the_same_result(run: Run) -> None:
    work = ("--touches", "hot:10%:90%@4k,scan@1k", "--limit", "6M", "--write-ratio", "0.5")
    assert replay(run, *work) == replay(run, *work)
    assert replay(run, *work) != replay(run, *work, "--seed", "1")


def test_a_band_is_what_other_timing_makes_of_the_counters(run: Run) -> None:
    work = ("--limit", "5M", "--touches", "zipf:0.9@8k", "--reclaim", "two-lists")
    alone, found = replay(run, *work), replay(run, *work, "--band", "-j", "2")
    band = found.pop("band")
    assert alone.pop("band") == {}
    assert found == alone
    fresh = replay(run, *work, "--flush-every", "0")
    assert fresh["fresh_statistics"] > found["fresh_statistics"]
    assert fresh["vmstat"]["pgdeactivate"] > found["vmstat"]["pgdeactivate"]
    for counters in (found, fresh):
        counted = {**counters["vmstat"], **counters["zswap"]}
        assert all(
            band[name][0] <= counted[name] <= band[name][1] for name in band.keys() & counted
        )
    least, most = band["pgmajfault"]
    assert least == found["vmstat"]["pgmajfault"] < most, "no touch is unseen on several CPUs"
    text = run("replay", "-v", "--pages", SOURCE, *work, "--band").stdout
    assert re.search(rf"  pgmajfault +{least} \({least} to {most}\)\n", text)


def test_the_band_of_mglru_has_other_agings_writes_and_translations(run: Run) -> None:
    work = ("--limit", "4M", "--touches", "zipf:0.9@20k", "--reclaim", "mglru", "--kernel", "7.3")
    found = replay(run, *work, "--design", "disk", "--band")
    assert (found["reclaim"], found["reclaim_from"]) == ("mglru", "given")
    least, most = found["band"]["pgmajfault"]
    assert least <= found["vmstat"]["pgmajfault"] <= most > least


@needs_root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
@pytest.mark.parametrize(("enabled", "policy"), [("7", "mglru"), ("0", "two-lists")])
def test_where_the_running_kernel_is_meant_sysfs_says_how_it_reclaims(
    tmp_path: Path, enabled: str, policy: str
) -> None:
    """In a mount namespace of its own, where the file is one of ours."""
    words = ("replay", "--json", "--pages", SOURCE, "--limit", "6M", "--touches", "scan@1k")
    script = (
        "set -e; mount -t tmpfs none /sys/kernel/mm; mkdir /sys/kernel/mm/lru_gen;"
        f" echo 0x000{enabled} > /sys/kernel/mm/lru_gen/enabled;"
        ' "$@"; "$@" --kernel 6.12 --reclaim kernel'
    )
    ours = (sys.executable, "-m", "ghostswap", *words)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *ours],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    decoder = json.JSONDecoder()
    here, end = decoder.raw_decode(done.stdout)
    other, _ = decoder.raw_decode(done.stdout[end:].lstrip())
    assert (here["reclaim"], here["reclaim_from"]) == (policy, "here")
    if here["kernel"] != "6.12":
        assert (other["reclaim"], other["reclaim_from"]) == ("mglru", "release")


def test_the_output_says_who_reclaims_and_who_says_so(run: Run) -> None:
    old = "6.6" if kernels.running(os.uname().release)[0].name == "6.1" else "6.1"
    work = ("replay", "--pages", SOURCE, "--limit", "6M", "--touches", "scan@1k", "--kernel", old)
    assert re.search(f"^reclaim +the two lists, which Linux {old} goes", run(*work).stdout, re.M)
    assert re.search("^reclaim +MGLRU$", run(*work, "--reclaim", "mglru").stdout, re.M)


def test_each_cpu_begins_clusters_which_have_tables(run: Run) -> None:
    work = ("--limit", "6M", "--size", "64M")
    one, four = (replay(run, *work, "--cpus", cpus) for cpus in ("1", "4"))
    clusters = [found["areas"][0]["slots"]["used"] for found in (one, four)]
    assert clusters[0] < clusters[1]
    assert one["metadata"] == four["metadata"]
    tables = 4096 * (clusters[1] - clusters[0])
    assert four["allocated_bytes"] - one["allocated_bytes"] == tables
    assert one["allocated_bytes"] >= one["metadata_bytes"]


def test_what_the_kernel_takes_is_taken_of_a_size_but_not_of_frames(run: Run) -> None:
    limits = ("5M", "1000")
    work = ("--touches", "uniform@4k")
    some, more = (
        [replay(run, *work, "--limit", limit, "--kernel-pages", n) for limit in limits]
        for n in ("11", "200")
    )
    usual = [replay(run, *work, "--limit", limit) for limit in limits]
    assert usual == some
    assert more[0]["resident_pages"] < some[0]["resident_pages"]
    assert more[1] == some[1]


def test_real_areas_are_filled_by_priority_and_shown_as_proc_shows_them(run: Run) -> None:
    run("mkswap", "-q", "--size", "4M", "g")
    run("mkswap", "-q", "--file", "--size", "2M", "f")
    before = replay(run, "g:prio=5", "f:prio=10", "--limit", "6M", "--proc")
    assert [(area["path"], area["prio"]) for area in before["areas"]] == [("g", 5), ("f", 10)]
    ghost, full = (area["used_pages"] for area in before["areas"])
    assert full == 511
    assert ghost > 0
    assert f"\t{full * 4}\t" in before["proc_swaps"].splitlines()[2]
    assert f"{'SwapTotal:':<16}{(1023 + 511) * 4:8} kB" in before["proc_meminfo"]
    after = replay(run, "g:prio=10", "f:prio=5", "--limit", "6M")
    assert after["areas"][1]["used_pages"] < full
    assert replay(run, "f", "--limit", "7M")["design"] == "classic"


def test_the_path_in_proc_swaps_is_escaped_as_the_kernel_does(run: Run, tmp_path: Path) -> None:
    """Blanks, tabs, newlines and backslashes in octal; others raw, but not on the terminal."""
    name = "a b\tc\nd\\e\x1bé"
    (tmp_path / name).write_bytes(Header(4096, "little", 255).build())
    found = replay(run, name, "--limit", "6M", "--proc")
    line = found["proc_swaps"].split("\n")[1]
    field = line.split(" ")[0]
    assert field == "a\\040b\\011c\\012d\\134e\x1bé"
    assert unescape(field) == name
    assert line.encode().index(b"ghost") == 40
    shown = run("replay", "--pages", SOURCE, name, "--limit", "6M", "--proc").stdout
    assert line.replace("\x1b", "\\x1b") in shown.splitlines()


def steps(found: dict[str, Any]) -> list[int]:
    return [sample["touches"] for sample in found["timeline"]]


@pytest.mark.parametrize("touches", [1, 59, 60, 61, 100, 119, 121, 10_000])
def test_a_timeline_has_at_most_61_steps_however_long_the_work(
    run: Run, tmp_path: Path, touches: int
) -> None:
    """Also where only reading it to its end tells how long that is."""
    work = ("--limit", "6M", "--touches")
    known = steps(replay(run, *work, f"loop:100@{touches}"))
    (tmp_path / "t.csv").write_text("".join(f"{at % 100}\n" for at in range(touches)))
    unknown = steps(replay(run, *work, "t.csv"))
    for found in (known, unknown):
        assert (found[0], found[-1]) == (0, touches)
        lengths = [b - a for a, b in pairwise(found)]
        assert min(30, touches) <= len(lengths) <= 61
        assert len({*lengths[:-1]}) <= 1
        assert lengths[-1] <= lengths[0]


def test_the_bars_of_a_timeline_stand_below_each_other(run: Run) -> None:
    work = ("--pages", SOURCE, "--limit", "6M", "--touches", "scan@5k", "--design", "classic")
    shown = run("replay", "-v", *work, "--kernel", "6.12").stdout.partition("over time")[2]
    rows = shown.splitlines()[1:4]
    assert [row.split()[0] for row in rows] == ["major", "pool", "disk"]
    assert len({row.index(" at most ") for row in rows}) == 1


@pytest.mark.parametrize("design", ["disk", "ghost"])
def test_the_histogram_is_of_all_pages_but_zeros(run: Run, design: str) -> None:
    """Wherever they are; those that do not compress are in the last step."""
    bars = replay(run, "--limit", "6M", "--design", design)["histogram"]
    assert sum(bar["pages"] for bar in bars) == PAGES - round(PAGES * 0.1)
    assert bars[-1]["pages"] == pytest.approx(PAGES * 0.3, abs=1)


def test_json_has_the_documented_keys_and_no_others(run: Run, tmp_path: Path) -> None:
    host = f'ram = "1G"\ntiers = "+all:-1"\n[group.one]\nsource = "{SOURCE}"\nmemory_max = "6M"'
    (tmp_path / "host.toml").write_text(host)
    work = ("--limit", "6M", "--touches", "scan@3k")
    counters = {"zswap", "zram", "vmstat", "events"}
    real: set[str] = set()
    counted: set[str] = set()
    for command, args in (
        ("replay", (*work, "--proc")),
        ("replay", (*work, "--design", "zram")),
        ("simulate", ()),
        ("simulate", ("--classes",)),
        ("verify", ()),
        ("simulate", ("--folio-order", "4")),
        ("simulate", ("--design", "zram", "--recompress", "deflate")),
        ("replay", None),
    ):
        if args is None:
            found = json.loads(run("replay", "--json", "host.toml").stdout)
            found["tiers"] = [*found["tiers"].values()]
        else:
            found = json.loads(run(command, "--json", "--pages", SOURCE, *args).stdout)
        if "classes" in found:
            found["classes"] = []  # with the kernel's columns
        for part in (found, *found.get("groups", [])):
            for name in counters & part.keys():
                counted |= part[name].keys()
                part[name] = {}
        real |= keys_of(found)
    assert real <= documented(MAN), real - documented(MAN)
    assert documented(MAN) - real - counted == set()


def test_what_is_on_disk_was_written_in_both_ways_of_asking(run: Run) -> None:
    """Linux 6.12 refuses random pages: with a full area they go to disk."""
    options = ("--kernel", "6.12", "--design", "classic")
    plain = json.loads(run("simulate", "--json", "--pages", SOURCE, *options).stdout)
    work = replay(run, *options, "--limit", "4M")
    for found in (plain, work):
        disk = found["disk"]
        assert disk["written_bytes"] == found["vmstat"]["pswpout"] * 4096 > 0
        assert disk["written_bytes"] + disk["never_written_bytes"] == disk["reserved_bytes"]


def test_a_process_without_room_is_killed_and_that_is_a_result(run: Run) -> None:
    done = run("replay", "--pages", SOURCE, "--limit", "100K", "--touches", "scan@5k")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"out of memory +process: killed", done.stdout)
    assert re.search(rf"given up by who was killed +{PAGES}", done.stdout)
    found = replay(run, "--limit", "100K")
    assert (found["killed"], found["resident_pages"]) == (["process"], 0)
    assert found["groups"][0]["killed"] is True


def test_the_person_sees_limits_and_no_columns_of_zeros(run: Run) -> None:
    work = ("--pages", SOURCE, "--limit", "6M", "--touches", "scan@5k")
    shown = run("replay", *work, "--design", "disk").stdout
    assert "memory.max 6 MiB" in shown
    assert "memory.max 6291456" in run("replay", *work, "--bytes").stdout
    header = next(line for line in shown.splitlines() if line.startswith("group  "))
    assert "from disk" in header
    assert "from zswap" not in header
    assert "no zswap before it" in shown
    note = run("replay", "--pages", SOURCE, "--touches", "scan@5k").stderr
    assert "no page had to leave" in note


REFUSED = [
    (("--limit", "0"), "needs some memory"),
    (("--limit", "0K"), "needs some memory"),
    (("--limit", "٣"), "invalid size"),
    (("--limit", "much"), "much"),
    (("--limit", "-5"), "-5"),
    (("--limit", "6M", "--size", "4K"), "40K or more"),
    (("--limit", "6M", "--size", "99999E"), "below 16T"),
    (("--limit", "6M", "--mem-limit", "1M", "--design", "classic"), "zram's"),
    (("--limit", "6M", "--zswap-max", "1M", "--design", "zram"), "zswap's"),
    (("--limit", "6M", "--max-pool-percent", "1", "--design", "disk"), "zswap's"),
    (
        ("--limit", "6M", "--swap-max", "1M", "--cgroup", "1"),
        "--swap-max: cgroup version 1 has no such limit",
    ),
    (("--limit", "900", "--zswap-max", "1M"), "page frames"),
    (("--limit", "900", "--no-writeback"), "--no-writeback: cgroup version 1 has no such limit"),
    (("--limit", "6M", "--verify"), "--verify"),
    (("--limit", "6M", "--classes"), "--classes"),
    (("--limit", "6M", "--writeback", "idle"), "--writeback"),
    (("--limit", "6M", "--force"), "--force"),
    (("--limit", "6M", "--no-writeback", "--kernel", "6.6"), "6.8"),
    (("--limit", "6M", "--write-ratio", "even"), 'or "odd"'),
    (("--touches", "scan", "--write-ratio", "nan"), "nan"),
    (("--limit", "6M", "--write-ratio", "0.5"), "there is no touches"),
    (("--limit", "6M", "--changed-ratio", "0.5"), "there is no touches"),
    (("--limit", "6M", "--changed-ratio", "1.5"), "1.5"),
    (("--limit", "6M", "--size", "4M", "f", "--design", "classic"), "no area to imagine"),
    (("--limit", "6M", "--size", "4M", "g"), "no area to imagine"),
    (("--limit", "6M", "--size", "4M", "--design", "vswap"), "no area to imagine"),
    (("--limit", "6M", "--design", "ghost-dynamic", "g"), "ghost area"),
    (("--limit", "6M", "--design", "vswap", "--kernel", "6.1"), "Linux 6.12 is the nearest"),
    (("--limit", "6M", "g", "link"), "link is the same area as g"),
    (("--limit", "6M", "g:prio=99999"), "32767"),
    (("--limit", "6M", "g:prio=-3"), "32767"),
    (("--limit", "6M", "--design", "vswap", "g"), "ghost area"),
    (("--limit", "6M", "--flush-every", "9", "--kernel", "6.1"), "6.8"),
    (("--limit", "6M", "--flush-every", "0", "--reclaim", "lru"), "exact LRU"),
    (("--limit", "6M", "--flush-every", "0", "--kernel", "7.2"), "set reclaim to two-lists"),
    (("--limit", "6M", "--reclaim", "mru"), "mean mglru"),
    (("--limit", "6M", "--touches", "u32:-", "--band"), "is a pipe"),
    (("--band",), "--touches"),
    (("--seed", "3"), "--touches"),
    ((), "there is no workload"),
    (("--proc",), "--touches"),
    (("--touches", "zpif:1"), "zpif"),
    (("--touches", ""), "unknown trace"),
    (("--touches", "zipf:1@0"), "touches"),
    (("--touches", "u32:-", "--pages", "-"), "is read by --pages already"),
    (("--limit", "6M", "--pages", "empty"), "no memory"),
    (("host.toml", "--limit", "6M"), "scenario"),
]


@pytest.mark.parametrize(("args", "said"), REFUSED, ids=[" ".join(args) for args, _ in REFUSED])
def test_wrong_usage_is_two_lines(
    run: Run, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    run("mkswap", "-q", "--size", "4M", "g")
    run("mkswap", "-q", "--file", "--size", "4M", "f")
    os.link(tmp_path / "g", tmp_path / "link")
    (tmp_path / "empty").touch()
    done = run("replay", "--pages", SOURCE, *args)
    assert (done.returncode, done.stdout) == (2, "")
    first, hint = done.stderr.splitlines()
    assert said in first + hint
    assert first.startswith("ghostswap: ")
    assert hint.startswith("  ")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.u32", None, "No such file"),
        ("beyond.u32", array("I", [1, PAGES]).tobytes(), f"touches page {PAGES}"),
        ("cut.u32", b"12345", "middle of record"),
        ("bad.csv", b"page,write\n1,x\n", "line 2"),
        ("group.csv", b"0,r,0\n0,r,5\n", "line 2 names group 5, but there is only group 0"),
        ("cut.oracleGeneral", bytes(25), "middle of record"),
    ],
)
def test_a_trace_that_cannot_be_used_is_named(
    run: Run, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = run("replay", "--pages", SOURCE, "--touches", name, "--limit", "6M")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert name in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("format", ["csv", "u32"])
@pytest.mark.parametrize(("limit", "again"), [("6M", False), ("1M", True)])
def test_a_trace_from_a_pipe_is_as_one_from_a_file(
    run: Run, tmp_path: Path, format: str, limit: str, again: bool
) -> None:
    """Also where it is read once more, for the process was killed for want of statistics."""
    pages = range(0, PAGES, 3)
    (tmp_path / "t.csv").write_text("".join(f"{page}\n" for page in pages))
    (tmp_path / "t.u32").write_bytes(array("I", pages).tobytes())
    call = [sys.executable, "-m", "ghostswap", "replay", "--pages", SOURCE, "--limit", limit]
    piped = subprocess.run(
        [*call, "--touches", f"{format}:-", "--json"],
        input=(tmp_path / f"t.{format}").read_bytes(),
        capture_output=True,
        check=True,
    )
    found = json.loads(piped.stdout)
    expected = replay(run, "--limit", limit, "--touches", f"t.{format}")
    assert found["fresh_statistics"] == again
    assert {**found, "timeline": []} == {**expected, "timeline": []}
    assert found["timeline"] == expected["timeline"] or format == "u32", "its length is known"


def test_a_trace_may_touch_for_every_group_that_has_memory(run: Run, tmp_path: Path) -> None:
    """Each by its own pages: those of a group with more of them, and with no trace of its own."""
    (tmp_path / "t.csv").write_text("page,group\n99,1\n1,0\n98,1\n")
    host = """ram = "1G"
    [group.all]
    [group.small]
    source = "synthetic:50:text"
    parent = "all"
    touches = "t.csv"
    [group.large]
    source = "synthetic:100:text"
    parent = "all"
    """
    (tmp_path / "host.toml").write_text(host)
    found = json.loads(run("replay", "--json", "host.toml").stdout)
    assert [group["touches"] for group in found["groups"]] == [1, 2]
    (tmp_path / "t.csv").write_text("page,group\n99,0\n")
    done = run("compare", "host.toml")
    assert done.returncode == 1
    assert "line 2 touches page 99, but the memory of group 0 has pages 0 to 49" in done.stderr


def test_interrupt_in_a_replay_says_so(tmp_path: Path) -> None:
    call = ("replay", "--pages", SOURCE, "--limit", "4M")
    with start(tmp_path, *call, "--touches", "uniform@1000M", "-j", "1") as process:
        await_cpu_time(process, 1.5)
        os.killpg(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said.strip()) == (130, "", "ghostswap: interrupted")
    assert not [*tmp_path.iterdir()]
