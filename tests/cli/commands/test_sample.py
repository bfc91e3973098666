# SPDX-License-Identifier: GPL-2.0-or-later
"""``--sample``: what is printed of memory of which a part was measured."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import Run
from support.corpora import text

KINDS = "zero=10%,text=60%,random=30%"
MIXED = f"synthetic:40000:{KINDS}"
#: What a workload needs is gone through page by page.
SMALLER = f"synthetic:16000:{KINDS}"


def test_totals_of_a_sample_come_with_their_intervals(run: Run) -> None:
    args = ("simulate", "--kernel", "6.18", "--pages", MIXED)
    whole = json.loads(run(*args, "--json").stdout)
    part = json.loads(run(*args, "--json", "--sample", "5%").stdout)
    assert whole["intervals"] == {}
    assert whole["source"]["sampled_pages"] == whole["source"]["pages"] == 40000
    assert (part["source"]["sampled_pages"], part["source"]["pages"]) == (2000, 40000)
    assert part["pages"] == 40000
    assert not part["exact"]
    assert any("2000 of 40000 pages" in why for why in part["why"])
    for name, (low, high) in part["intervals"].items():
        estimated, true = part, whole
        for key in name.split("."):
            estimated, true = estimated[key], true[key]
        assert low <= estimated <= high, name
        assert low - (high - low) <= true <= high + (high - low), name
    printed = run(*args, "--sample", "5%").stdout
    assert "exactly" not in printed
    assert re.search(r"estimated from 2000 of 40000 pages, drawn with seed 0", printed)
    for name in ("zeromap", "compressed", "memory freed", "metadata", "pool_total_size"):
        line = next(line for line in printed.splitlines() if name in line)
        assert re.search(r"\((\d[\d.]*( \w+)? to \d|± \d)", line), line


def test_a_file_above_4_gib_is_sampled_by_itself(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        for number in range(1024):
            file.seek(number << 23)
            file.write(text()[: 1 << 16])
        file.truncate(8 << 30)
    args = ("simulate", "--json", "--ram", "64G", "--pages", str(tmp_path / "file"))
    found = json.loads(run(*args).stdout)
    assert (found["source"]["sampled_pages"], found["source"]["pages"]) == (50_000, 2 << 20)
    low, high = found["intervals"]["held.compressed"]
    assert low <= 1024 * 16 <= high
    again = json.loads(run(*args).stdout)
    assert again == found
    other = json.loads(run(*args, "--set", "seed=1").stdout)
    assert other["held"] != found["held"]


def test_compare_has_each_designs_intervals(run: Run) -> None:
    args = ("compare", "--kernel", "6.18", "--pages", MIXED, "--sample", "1000")
    found = json.loads(run(*args, "--json").stdout)
    for design in found["designs"]:
        low, high = design["intervals"]["freed_bytes"]
        assert low < design["freed_bytes"] < high
    printed = run(*args).stdout
    assert "exactly" not in printed
    assert re.search(r"memory freed, net .* to .*\)", printed)


def test_a_workload_that_puts_all_pages_out_comes_to_what_is_estimated(run: Run) -> None:
    args = ("--kernel", "6.18", "--pages", MIXED, "--sample", "5%", "--json")
    stored = json.loads(run("simulate", *args).stdout)
    worked = json.loads(run("replay", *args, "--limit", "64").stdout)
    assert worked["source"] == stored["source"]
    assert worked["pages"] == 40000
    assert not worked["exact"]
    assert worked["intervals"] == {}
    for name in (
        "zswap.pool_total_size",
        "zswap.stored_pages",
        "zswap.stored_incompressible_pages",
        "held.zero",
        "held.compressed",
        "compressed_bytes",
        "metadata_bytes",
    ):
        low, high = stored["intervals"][name]
        value = worked
        for key in name.split("."):
            value = value[key]
        assert low <= value <= high, name
    assert any("2000 of 40000 pages, drawn with seed 0" in why for why in worked["why"])
    printed = run("replay", *args[:-1], "--limit", "64").stdout
    assert "All this is estimated from 2000 of 40000 pages, drawn with seed 0" in printed
    assert "exactly" not in printed


def test_a_workload_on_a_sample_is_near_that_on_all_memory(run: Run) -> None:
    args = ("--kernel", "6.18", "--reclaim", "two-lists", "--touches", "zipf:0.9@20k", "--json")
    args = ("compare", "--limit", "44M", "--pages", SMALLER, *args)
    whole, part = (json.loads(run(*args, *more).stdout) for more in ((), ("--sample", "2000")))
    assert part["source"]["sampled_pages"] == 2000
    assert any("2000 of 16000 pages" in why for why in part["why"])
    for one, other in zip(whole["designs"], part["designs"], strict=True):
        for key in ("pgmajfault", "freed_bytes"):
            assert other["rows"][key] == pytest.approx(one["rows"][key], rel=0.05), one["design"]
        assert one["rows"]["pgmajfault"] > 1000
    printed = run(*(arg for arg in args if arg != "--json"), "--sample", "2000").stdout
    assert "estimated from 2000 of 16000 pages, drawn with seed 0" in " ".join(printed.split())


def test_a_curve_of_a_sample_has_all_pages(run: Run) -> None:
    args = ("replay", "--pages", SMALLER, "--touches", "zipf:0.9@20k", "--json")
    whole = json.loads(run(*args, "--curve").stdout)
    part = json.loads(run(*args, "--curve", "--sample", "1%").stdout)
    assert part["source"]["sampled_pages"] == 160
    assert part["curve"] == whole["curve"]
    marked = json.loads(run(*args, "--curve=44M", "--sample", "5%").stdout)
    assert marked["curve"] == whole["curve"]
    assert marked["replayed"][0]["major_faults"] > 0
    assert any("800 of 16000 pages" in why for why in marked["why"])


def test_recompression_takes_a_sample_as_all_memory(run: Run) -> None:
    args = ("simulate", "--kernel", "6.18", "--design", "zram", "--recompress", "zstd", "--json")
    args = (*args, "--pages", SMALLER)
    whole, part = (json.loads(run(*args, *more).stdout) for more in ((), ("--sample", "2000")))
    assert part["source"]["sampled_pages"] == 2000
    for key in ("pool_bytes", "smaller", "decompressed"):
        expected = whole["recompression"][key]
        assert part["recompression"][key] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("simulate", "--sample", "0"), "not a sample"),
        (("simulate", "--sample", "2%", "--set", "folio_order=2"), "not of folios"),
        (("simulate", "--sample", "2%", "--classes"), "--sample 100%"),
    ],
)
def test_what_a_sample_cannot_say_is_refused(run: Run, args: tuple[str, ...], words: str) -> None:
    done = run(*args, "--pages", MIXED)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert not done.stdout


def test_a_pipe_is_sampled_by_a_share_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(text())
    for sample, status, words in (("100", 2, "give a share of them: --sample 2%"), ("20%", 0, "")):
        with subprocess.Popen(["cat", tmp_path / "file"], stdout=subprocess.PIPE) as pipe:
            done = run("simulate", "--json", "--pages", "-", "--sample", sample, stdin=pipe.stdout)
        assert done.returncode == status
        assert words in done.stderr
    found = json.loads(done.stdout)
    assert found["source"]["pages"] == 1024
    assert 120 < found["source"]["sampled_pages"] < 300
