# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate --design zram``: a recorded kernel's mm_stat from its pages."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, load_case
from support.corpora import CORPORA

RECORDED = [
    row
    for row in load_case("kernel-fills.json.xz")
    if row["design"] == "zram" and row["comp"] in ("deflate", "lz4", "lzo", "lzo-rle", "zstd")
]


def zram(run: Run, *args: str) -> dict[str, Any]:
    done = run("simulate", "--json", "--design", "zram", *args)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "row", RECORDED, ids=lambda row: "-".join(row[key] for key in ("kernel", "corpus", "comp"))
)
def test_mm_stat_is_that_of_the_recorded_kernel(
    run: Run, tmp_path: Path, row: dict[str, Any]
) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA[row["corpus"]]())
    options = ("--kernel", row["kernel"], "--compressor", row["comp"])
    found = zram(run, *options, "--pages", "corpus")
    if found["lengths"] != "exact":
        pytest.skip(found["lengths_error"])
    assert {name: found["zram"][name] for name in row["mm_stat"]} == row["mm_stat"]
    assert found["schema"] == 1
    assert (found["compressed_bytes"], found["kept_pages"]) == (
        row["mm_stat"]["compr_data_size"],
        0,
    )


def test_zeromap_takes_zero_pages_before_zram(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(bytes(5 * 4096) + b"A" * 4096 + os.urandom(4096))
    plain, swap = zram(run, "--pages", "pages"), zram(run, "--zeromap", "--pages", "pages")
    assert plain == zram(run, "--no-zeromap", "--pages", "pages")
    assert [found["zram"]["same_pages"] for found in (plain, swap)] == [6, 1]
    assert [found["zram"]["huge_pages"] for found in (plain, swap)] == [1, 1]
    assert [found["vmstat"]["swpout_zero"] for found in (plain, swap)] == [0, 5]


def test_what_breaks_the_limit_stays_in_memory(run: Run, tmp_path: Path) -> None:
    (tmp_path / "random").write_bytes(os.urandom(50 * 4096))
    found = zram(run, "--mem-limit", "39K", "--pages", "random")
    assert (found["zram"]["mem_limit"], found["zram"]["mem_used_total"]) == (40960, 40960)
    assert (found["zram"]["failed_writes"], found["kept_pages"]) == (40, 40)


def test_writeback_empties_the_pool_up_to_its_budget(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(CORPORA["text"]()[: 10 * 4096] + os.urandom(20 * 4096))
    some = zram(run, "--writeback", "huge", "--writeback-limit", "7", "--pages", "pages")["zram"]
    assert (some["bd_writes"], some["huge_pages"], some["huge_pages_since"]) == (7, 13, 20)
    every = zram(run, "--writeback", "idle", "--pages", "pages")["zram"]
    assert (every["bd_count"], every["mem_used_total"]) == (30, 0)


@pytest.mark.parametrize(("kernel", "again"), [("7.0", False), ("7.1", True)])
def test_recompression_says_what_it_saves_and_what_it_takes(
    run: Run, tmp_path: Path, kernel: str, again: bool
) -> None:
    """Up to 7.0 a page that the first saves something of is left to it."""
    (tmp_path / "pages").write_bytes(CORPORA["text"]()[: 500 * 4096] + os.urandom(20 * 4096))
    memory = ("--pages", "pages", "--kernel", kernel)
    before = zram(run, *memory)
    assert "recompression" not in before
    found = zram(run, *memory, "--recompress", "deflate,lzo")
    done, pool = found["recompression"], found["zram"]["mem_used_total"]
    assert done["pool_bytes"] == before["pool_bytes"] > pool
    deflate, lzo = done["compressed"]
    assert (deflate["compressor"], deflate["pages"], lzo["compressor"]) == ("deflate", 520, "lzo")
    assert (lzo["pages"] == 520) == again
    assert done["decompressed"] == 520 + 520 * again
    assert 400 < done["smaller"] <= 500
    assert found["freed_bytes"] - before["freed_bytes"] == done["pool_bytes"] - pool
    shown = run("simulate", "--bytes", "--design", "zram", *memory, "--recompress", "deflate,lzo")
    tried = deflate["pages"] + lzo["pages"]
    saved = done["pool_bytes"] - pool
    assert f"by {saved}, for {tried:,} pages compressed again" in " ".join(shown.stdout.split())


def test_recompression_takes_the_pages_that_it_is_told_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(CORPORA["text"]()[: 500 * 4096] + os.urandom(20 * 4096))
    memory = ("--pages", "pages", "--recompress", "deflate")
    every, huge = (
        zram(run, *memory, "--set", f"zram.recompress_type={which}")["recompression"]
        for which in ("idle", "huge")
    )
    assert (every["decompressed"], huge["decompressed"], huge["smaller"]) == (520, 20, 0)
    large = zram(run, *memory, "--set", "zram.recompress_threshold=2000")["recompression"]
    assert 20 <= large["decompressed"] < 520
    done = run("simulate", "--design", "zram", *memory, "--set", "zram.recompress_type=huge")
    assert "saves nothing, for 20 pages compressed again" in " ".join(done.stdout.split())


def test_the_person_sees_where_pages_went(run: Run, tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(CORPORA["text"]())
    done = run("simulate", "-v", "--bytes", "--design", "zram", "--pages", "corpus")
    recorded = next(row for row in RECORDED if row["kernel"] == "6.12" and row["comp"] == "lz4")
    assert f"{recorded['mm_stat']['mem_used_total']} pool" in done.stdout
    assert "huge_pages_since" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--zeromap",), "--design zram"),
        (("--design", "zram", "--kernel", "6.1", "--zeromap"), "6.12"),
        (("--design", "zram", "--writeback-limit", "3"), "--writeback"),
        (("--design", "zram", "--recompress", "zstd", "--kernel", "6.1"), "6.2 began"),
        (("--design", "zram", "--recompress", "zst"), "not compressors"),
        (("--design", "zram", "--recompress", "zstd,zstd"), "one twice"),
        (("--design", "zram", "--recompress", "lz4,lzo,lz4hc,zstd"), "up to 3"),
        (("--recompress", "zstd"), "--design zram"),
        (("--design", "zram", "--set", "zram.recompress_type=huge"), "no recompression"),
        (
            ("--design", "zram", "--recompress", "zstd", "--set", "zram.recompress_threshold=3625"),
            "0 to 3624",
        ),
        (("--design", "zram", "--mem-limit", "much"), "much"),
        (("--design", "zram", "--zpool", "zbud"), "zswap's"),
    ],
)
def test_wrong_usage(run: Run, args: tuple[str, ...], said: str) -> None:
    done = run("simulate", "--pages", "/dev/null", *args)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
