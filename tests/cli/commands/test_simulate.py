# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate``: the counters of a recorded kernel, from the pages it was given."""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, load_case
from support.corpora import CORPORA
from support.processes import await_cpu_time, start

from ghostswap import codecs, kernels

RECORDED = {
    (row["corpus"], row["comp"]): row
    for row in load_case("kernel-fills.json.xz")
    if (row["kernel"], row["design"], row.get("zpool")) == ("6.12", "zswap", "zsmalloc")
}
OWN = kernels.get("6.12")
#: Counters that other kernels have.
OF_OTHERS = dict.fromkeys(
    {*kernels.DEBUGFS, *kernels.VMSTAT} - {*OWN.zswap.debugfs, *OWN.vmstat}, 0
)


def simulate(run: Run, *args: str) -> dict[str, Any]:
    done = run("simulate", "--json", *args)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["text", "ladder"])
@pytest.mark.parametrize("compressor", ["deflate", "lz4", "lzo", "lzo-rle", "zstd"])
def test_counters_are_those_of_the_recorded_kernel(
    run: Run, tmp_path: Path, name: str, compressor: str
) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA[name]())
    recorded = RECORDED[name, compressor]
    found = simulate(
        run,
        "--kernel",
        "6.12",
        "--compressor",
        compressor,
        "--design",
        "classic",
        "--pages",
        "corpus",
    )
    expected = {**OF_OTHERS, **recorded["debugfs"], **recorded["vmstat"]}
    counted = {**found["zswap"], **found["vmstat"]}
    assert counted.keys() == expected.keys()
    if found["lengths"] == "exact":
        assert counted == expected
    else:
        assert found["lengths_error"]
        assert counted["stored_pages"] == pytest.approx(expected["stored_pages"], abs=1)
        assert counted["pool_total_size"] == pytest.approx(expected["pool_total_size"], rel=0.005)
    exact = codecs.get(compressor, "6.12").exact
    assert (found["lengths"], found["exact"]) == ("exact" if exact else "estimate", exact)


def test_with_estimated_lengths_nothing_is_exact(run: Run, tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"page" * 1024)
    found = simulate(run, "--compressor", "lz4hc", "--pages", "page")
    assert (found["lengths"], found["exact"], found["why"]) == ("estimate", False, [])


def test_json_has_the_documented_keys(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["ladder"]())
    run("mkswap", "--size", "1G", "-q", "g")
    found = simulate(run, "g", "--pages", "corpus")
    assert found["schema"] == 1
    assert (found["kernel"], found["compressor"]) == ("6.18", "lz4")
    assert found["source"]["name"] == "corpus"
    assert (found["source"]["pages"], found["source"]["unreadable_pages"]) == (2048, 0)
    (area,) = found["areas"]
    known = ("path", "type", "pages", "used_pages")
    assert [area[key] for key in known] == ["g", "ghost", 262143, 2048]


def test_6_18_stores_what_does_not_fit_and_6_12_keeps_it_in_memory_on_a_ghost(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "random").write_bytes(os.urandom(4096 * 50))
    old = simulate(run, "--kernel", "6.12", "--pages", "random")
    new = simulate(run, "--kernel", "6.18", "--pages", "random")
    assert (old["zswap"]["reject_compress_fail"], old["kept_pages"]) == (50, 50)
    assert old["areas"][0]["used_pages"] == 50  # each keeps the slot it was given
    assert (new["zswap"]["stored_incompressible_pages"], new["kept_pages"]) == (50, 0)
    assert new["zswap"]["pool_total_size"] == 50 * 4096
    classic = simulate(run, "--kernel", "6.12", "--design", "classic", "--pages", "random")
    assert (classic["vmstat"]["pswpout"], classic["kept_pages"]) == (50, 0)
    assert classic["areas"][0]["used_pages"] == 50


def test_the_limit_and_its_hysteresis(run: Run, tmp_path: Path) -> None:
    """The recorded run of a ghost at max_pool_percent 1 with MemTotal 243488 kB (limit-6.12)."""
    (tmp_path / "corpus").write_bytes(CORPORA["text"]())
    limits = ("--ram", str(243488 * 1024), "--max-pool-percent", "1")
    found = simulate(run, "--kernel", "6.12", *limits, "--pages", "corpus")["zswap"]
    assert found["stored_pages"] == 860
    assert found["pool_total_size"] == 2494464
    assert found["pool_limit_hit"] == 164


def test_a_limit_with_a_full_area_has_a_band_and_says_why(run: Run, tmp_path: Path) -> None:
    """The same with a disk: three recorded boots had 788, 788 and 682 pages stored."""
    (tmp_path / "corpus").write_bytes(CORPORA["text"]())
    args = ("--kernel", "6.12", "--ram", str(243488 * 1024), "--max-pool-percent", "1")
    found = simulate(run, *args, "--design", "classic", "--pages", "corpus")
    assert (found["exact"], found["lengths"]) == (False, "exact")
    assert "worker" in found["why"][0]
    assert found["zswap"]["stored_pages"] == 788
    assert found["zswap"]["written_back_pages"] == found["vmstat"]["zswpwb"] == 178
    assert found["band"]["stored_pages"] == [682, 860]
    assert found["band"]["pool_limit_hit"] == [58, 164]
    shown = run("simulate", *args, "--design", "classic", "--pages", "corpus").stdout
    assert "not repeatable" in shown
    assert "788 (682 to 860)" in shown
    ghost = simulate(run, *args, "--pages", "corpus")
    assert (ghost["exact"], ghost["why"], ghost["band"]) == (True, [], {})


@pytest.mark.parametrize("kernel", kernels.RELEASES)
def test_text_has_the_kernels_counters_and_json_the_same_keys_for_all(
    run: Run, tmp_path: Path, kernel: str
) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["ladder"]())
    found = simulate(run, "--kernel", kernel, "--design", "classic", "--pages", "corpus")
    rules = kernels.get(kernel)
    assert set(found["zswap"]) == set(kernels.DEBUGFS)
    assert set(found["vmstat"]) == set(kernels.VMSTAT)
    shown = run("simulate", "-v", "--kernel", kernel, "--pages", "corpus").stdout
    _, _, counters = shown.partition("\ncounters\n")
    names = [line.split()[0] for line in counters.splitlines() if line.startswith("  ")]
    assert names[: len(rules.zswap.debugfs + rules.vmstat)] == [
        *rules.zswap.debugfs,
        *rules.vmstat,
    ]
    assert found["zpool"] == rules.zswap.zpools[0]
    left = found["zswap"]["stored_pages"] + found["vmstat"]["pswpout"]
    assert left + found["vmstat"]["swpout_zero"] == found["source"]["pages"]


@pytest.mark.parametrize("zpool", ["zbud", "z3fold", "zsmalloc"])
def test_allocators_of_6_1(run: Run, tmp_path: Path, zpool: str) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["ladder"]())
    args = ("--kernel", "6.1", "--zpool", zpool, "--compressor", "deflate")
    found = simulate(run, *args, "--design", "classic", "--pages", "corpus")
    (recorded,) = (
        row
        for row in load_case("kernel-fills.json.xz")
        if (row["kernel"], row["design"], row["corpus"], row["comp"], row.get("zpool"))
        == ("6.1", "zswap", "ladder", "deflate", zpool)
    )
    for kind, counters in (("zswap", "debugfs"), ("vmstat", "vmstat")):
        expected = dict.fromkeys(found[kind], 0) | recorded[counters]
        assert found[kind] == expected


def test_classes_are_the_recorded_table(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["text"]())
    args = ("--kernel", "6.12", "--classes", "--compressor", "deflate", "--pages", "corpus")
    rows = simulate(run, *args)["classes"]
    assert len(rows) == 119
    names = ("class", "size", "pages_per_zspage", "obj_allocated", "obj_used", "pages_used")
    used = [[row[name] for name in names] for row in rows if row["pages_used"]]
    assert used == RECORDED["text", "deflate"]["classes"]
    lines = run("simulate", *args).stdout.split("zsmalloc/classes\n")[1].splitlines()
    assert lines[0].split()[:4] == ["class", "size", "10%", "20%"]
    assert lines[0].split()[-4:] == ["obj_used", "pages_used", "pages_per_zspage", "freeable"]
    assert [int(line.split()[0]) for line in lines[1:120]] == [row["class"] for row in rows]
    assert len({len(line) for line in lines[:120]}) == 1
    assert lines[121].split()[0] == "Total"
    assert str(sum(row["pages_used"] for row in rows)) in lines[121].split()


def test_a_cgroup_limits_compressed_bytes_and_may_forbid_the_disk(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["text"]())
    args = ("--kernel", "6.12", "--design", "classic", "--zswap-max", "400K", "--pages", "corpus")
    found = simulate(run, *args)
    # At the limit one page goes for each that comes, whatever their lengths, so it may creep up.
    assert 396 * 1024 <= found["compressed_bytes"] < 500 * 1024
    assert found["vmstat"]["zswpwb"] > 0
    assert found["kept_pages"] == 0
    assert found["exact"]  # a store writes back by itself
    found = simulate(run, "--no-writeback", *args)
    assert 400 * 1024 <= found["compressed_bytes"] < 404 * 1024
    assert found["vmstat"]["pswpout"] == 0
    assert found["kept_pages"] == 1024 - found["zswap"]["stored_pages"]


def test_an_area_that_is_too_small_leaves_pages_in_memory(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["text"]())
    run("mkswap", "--size", "400K", "-q", "small")
    run("mkswap", "--file", "--size", "800K", "-q", "full")
    found = simulate(run, "small", "full", "--pages", "corpus")
    assert [area["used_pages"] for area in found["areas"]] == [99, 199]
    assert [area["type"] for area in found["areas"]] == ["ghost", "full"]
    assert found["kept_pages"] == 1024 - 99 - 199


def test_several_sources_are_one_memory_in_their_order(run: Run, tmp_path: Path) -> None:
    text, noise = tmp_path / "text", tmp_path / "noise"
    text.write_bytes(CORPORA["text"]())
    noise.write_bytes(os.urandom(5000 * mmap.PAGESIZE))
    both = tmp_path / "both"
    both.write_bytes(text.read_bytes() + noise.read_bytes())
    whole = simulate(run, "--pages", str(both))
    parts = simulate(run, "--pages", str(text), "--pages", str(noise))
    assert [source["name"] for source in parts["sources"]] == [str(text), str(noise)]
    assert parts["source"]["pages"] == whole["source"]["pages"]
    for key in whole.keys() - {"source", "sources"}:
        assert parts[key] == whole[key], key
    sampled = simulate(run, "--pages", str(text), "--pages", str(noise), "--sample", "50%")
    low, high = sampled["intervals"]["zswap.pool_total_size"]
    assert low <= whole["zswap"]["pool_total_size"] * 1.02
    assert high >= whole["zswap"]["pool_total_size"] * 0.98
    listed = f'source = ["{text}", "{noise}"]'
    (tmp_path / "host.toml").write_text(f'ram = "1G"\n[group.one]\n{listed}\n')
    replayed = json.loads(run("replay", "--json", str(tmp_path / "host.toml")).stdout)
    assert [source["name"] for source in replayed["sources"]] == [str(text), str(noise)]
    done = run("simulate", "--pages", "-", "--pages", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "standard input is a source twice" in done.stderr


def test_design_contradicting_an_area_is_wrong_usage(run: Run) -> None:
    run("mkswap", "--size", "1G", "-q", "g")
    done = run("simulate", "g", "--design", "classic", "--pages", "/dev/null")
    assert done.returncode == 2
    assert "ghost area" in done.stderr


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("--pages", "missing"), 1, "No such file"),
        (("--pages", "pid:0"), 1, "pid:0"),
        (("--pages", "pid:x"), 2, "not a process"),
        (("missing",), 1, "No such file"),
        (("",), 1, '"": cannot open: No such file'),
        (("--compressor", "842"), 2, "842"),
        (("--kernel", "5.0"), 2, "5.0"),
        (("--max-pool-percent", "200"), 2, "200"),
        (("--max-pool-percent", "1.5"), 2, '"1.5" is no whole number'),
        (("--limit", "6M", "--changed-ratio", "half"), 2, '"half" is no number'),
        (("--kernel", "6.18", "--zpool", "zbud"), 2, "zbud"),
        (("--kernel", "6.6", "--no-writeback"), 2, "memory.zswap.writeback"),
        (("--kernel", "6.1", "--classes"), 2, "--zpool zsmalloc"),
        (("--zswap-max", "many"), 2, "many"),
        (("--verify", "--jobs", "2"), 2, "leave --jobs out"),
        (("--force",), 2, "'ghostswap verify' has it"),
        (("--design", "zram", "--force"), 2, "'ghostswap verify' has it"),
        (("--scratch", "."), 2, "'ghostswap measure' has it"),
    ],
)
def test_refusals(run: Run, args: tuple[str, ...], status: int, said: str) -> None:
    done = run("simulate", *args)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_one_process_and_many_give_the_same_numbers(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["text"]() * 4 + b"tail")
    one = simulate(run, "--jobs", "1", "--pages", "corpus")
    two = simulate(run, "--jobs", "3", "--pages", "corpus")
    assert one == two
    assert one["source"]["pages"] == 4097


def test_standard_input_is_a_source(run: Run) -> None:
    with mmap.mmap(-1, 4096 * 10) as pages:
        done = run("simulate", "--json", "--pages", "-", stdin=None, input="\0" * len(pages))
    found = json.loads(done.stdout)
    assert found["source"] == {
        "name": "-",
        "pages": 10,
        "sampled_pages": 10,
        "unreadable_pages": 0,
        "swapped_pages": 0,
    }
    assert found["vmstat"]["swpout_zero"] == 10


def test_the_person_sees_where_pages_went_and_what_it_saves(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["text"]())
    done = run("simulate", "--pages", "corpus")
    assert done.returncode == 0
    assert "memory freed" in done.stdout
    assert "pool_total_size" in done.stdout
    assert "2826240" in done.stdout  # the recorded kernel's number for lz4
    assert "2826240 pool" in run("simulate", "--bytes", "--pages", "corpus").stdout


def test_interrupt_leaves_no_processes_and_says_so(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(1 << 20))
    call = ("simulate", "--compressor", "deflate", "-j", "2")
    with start(tmp_path, *call, "--pages", "big") as process:
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


def test_interrupt_of_the_one_process_that_compresses_says_so(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "ghostswap", "simulate", "--compressor", "deflate", "-j", "1"]
    with subprocess.Popen(
        [*call, "--pages", "synthetic:1000000:text"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        await_cpu_time(process, 1.5)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out, said.strip()) == (130, "", "ghostswap: interrupted")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_of_a_pipe_that_never_ends_is_shown_what_came_until_ctrl_c(
    tmp_path: Path, jobs: str
) -> None:
    call = ["simulate", "--kernel", "6.18", "--json", "-j", jobs, "--pages", "-"]
    with (
        subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless,
        subprocess.Popen(
            [sys.executable, "-m", "ghostswap", *call],
            cwd=tmp_path,
            stdin=endless.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        await_cpu_time(process, 1.5)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=30)
        endless.kill()
    assert (process.returncode, said) == (0, "")
    found = json.loads(out)
    assert found["pages"] == found["zswap"]["stored_pages"] > 1000
    assert found["why"] == ["-: interrupted before the end came"]
    assert not found["exact"]


def test_too_little_memory_is_one_sentence(run: Run) -> None:
    """The map of the slots of an area of 15 TiB does not fit into 4 GiB."""
    work = ("--pages", "synthetic:5:text", "--limit", "3", "--size", "15T", "--design", "classic")
    limited = (resource.RLIMIT_AS, (4 << 30, 4 << 30))
    done = run("replay", *work, preexec_fn=lambda: resource.setrlimit(*limited))
    assert (done.returncode, done.stdout) == (1, "")
    first, hint = done.stderr.splitlines()
    assert first == "ghostswap: there is not enough memory for this"
    assert "--size" in hint


MADE = ("--pages", "synthetic:2048:zero=10%,text=60%,random=30%")


@pytest.mark.parametrize("design", ["ghost", "classic", "zram"])
def test_there_are_metadata_and_disk_in_every_design(run: Run, design: str) -> None:
    found = simulate(run, *MADE, "--design", design)
    assert found["metadata"]["static_bytes"] > 0
    assert found["metadata"]["dynamic_bytes"] > 0
    assert sum(found["metadata"].values()) == found["metadata_bytes"]
    reserved = {"ghost": 4096, "classic": 2048 * 4096, "zram": 0}[design]
    disk = found["disk"]
    assert disk["reserved_bytes"] == reserved
    written = found["vmstat"]["pswpout"] * 4096 if design == "classic" else 0
    assert disk["written_bytes"] == written
    assert disk["never_written_bytes"] == (reserved - written if design == "classic" else 0)


MIX = ("--pages", "synthetic:2048:zero=20%,text=40%,random=40%")


def folios(run: Run, *args: str) -> dict[str, Any]:
    found = simulate(run, *MIX, "--folio-order", "3", *args)
    assert sum(found["folios"].values()) == 2048 // 8
    return found


def test_folios_pass_by_an_older_zswap_and_are_taken_whole_by_a_newer_one(run: Run) -> None:
    old = folios(run, "--design", "classic", "--kernel", "6.12")
    assert old["folios"]["written"] == 256 - old["folios"]["zero"]
    assert old["zswap"]["stored_pages"] == old["vmstat"]["zswpout"] == 0
    new = folios(run, "--design", "classic")
    assert new["folios"]["stored"] == 256 - new["folios"]["zero"]
    assert new["vmstat"]["zswpout"] == new["zswap"]["stored_pages"] == 8 * new["folios"]["stored"]


def test_a_folio_with_one_page_that_is_refused_is_refused_whole(run: Run) -> None:
    """With writeback off the kernel stores no page as it is, and takes back what it stored."""
    found = folios(run, "--design", "classic", "--no-writeback")
    assert found["folios"]["kept"] > 128
    assert found["kept_pages"] == 8 * found["folios"]["kept"]
    assert found["zswap"]["reject_compress_fail"] == found["folios"]["kept"]
    assert found["zswap"]["stored_pages"] == found["vmstat"]["zswpout"]
    assert found["zswap"]["stored_pages"] == 8 * found["folios"]["stored"]


def test_a_file_has_no_slots_in_a_row_so_folios_are_split(run: Run) -> None:
    split = folios(run)
    assert split["folios"]["split"] == 256
    single = simulate(run, *MIX)
    assert {key: split[key] for key in single} == single
