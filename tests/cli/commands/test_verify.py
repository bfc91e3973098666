# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap verify``: the same counters, every page compared, no ghost touched."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from support.corpora import CORPORA

from ghostswap.errors import TargetError
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.study.round_trip import open_disks

PAGE = 4096


def found_by(run: Run, command: str, *args: str) -> dict[str, Any]:
    done = run(command, "--json", *args)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """300 pages of text, 20 of noise, 10 of zeros."""
    path = tmp_path / "corpus"
    path.write_bytes(CORPORA["text"]()[: 300 * PAGE] + os.urandom(20 * PAGE) + bytes(10 * PAGE))
    return path


@pytest.mark.parametrize("kernel", ["6.1", "6.6", "6.12", "6.18"])
@pytest.mark.parametrize("design", ["ghost", "classic", "zram"])
@pytest.mark.usefixtures("corpus")
def test_counters_are_those_without_it(run: Run, design: str, kernel: str) -> None:
    args = ("--design", design, "--kernel", kernel, "--pages", "corpus")
    found = found_by(run, "verify", *args)
    verified = found.pop("verified")
    assert found == found_by(run, "simulate", *args)
    counters = found["zram"] if design == "zram" else found["zswap"]
    stored = counters.get("stored_pages", counters.get("orig_data_size", 0) // PAGE)
    assert verified == {"loads": stored, "disk_reads": 0}


@pytest.mark.usefixtures("corpus")
def test_full_area_gets_the_pages_and_keeps_its_header(run: Run, tmp_path: Path) -> None:
    run("mkswap", "-q", "--file", "--size", "4M", "full")
    header = (tmp_path / "full").read_bytes()[:PAGE]
    args = ("full", "--kernel", "6.12", "--pages", "corpus")
    refused = run("verify", *args)
    assert (refused.returncode, "--force" in refused.stderr) == (2, True)
    assert (tmp_path / "full").read_bytes()[PAGE:] == bytes((4 << 20) - PAGE)
    found = found_by(run, "verify", *args, "--force")
    assert found["verified"]["disk_reads"] == found["vmstat"]["pswpout"] == 20
    after = (tmp_path / "full").read_bytes()
    assert after[:PAGE] == header
    noise = (tmp_path / "corpus").read_bytes()[300 * PAGE : 320 * PAGE]
    assert noise[:PAGE] in after
    assert sum(after[at : at + PAGE] != bytes(PAGE) for at in range(0, 4 << 20, PAGE)) == 21


@pytest.mark.usefixtures("corpus")
def test_writeback_goes_through_the_area(run: Run) -> None:
    run("mkswap", "-q", "--file", "--size", "4M", "full")
    limits = ("--ram", "4M", "--max-pool-percent", "5")
    found = found_by(run, "verify", "full", "--force", *limits, "--pages", "corpus")
    assert found["vmstat"]["zswpwb"] > 0
    assert found["verified"]["disk_reads"] == found["vmstat"]["pswpout"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_nothing_but_the_header_of_a_ghost_is_ever_read_and_nothing_written(
    run: Run, tmp_path: Path, corpus: Path
) -> None:
    run("mkswap", "-q", "--size", "1G", "ghost")
    limits = ("--ram", "4M", "--max-pool-percent", "5")  # refusals and a full pool too
    call = [sys.executable, "-m", "ghostswap", "verify", "ghost", "--force"]
    done = subprocess.run(
        ["strace", "-f", "-o", "trace", "-P", "ghost", *call, *limits, "--pages", corpus],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    calls = re.findall(r"^\d+ +(\w+)\((.*)$", (tmp_path / "trace").read_text(), re.MULTILINE)
    names = [name for name, _ in calls]
    assert (
        {"openat", "pread64", "close"}
        <= set(names)
        <= {
            "openat",
            "newfstatat",
            "stat",
            "fstat",
            "lseek",
            "ioctl",
            "flock",
            "pread64",
            "close",
        }
    )
    assert all("O_RDONLY" in rest for name, rest in calls if name == "openat")
    for name, rest in calls:
        if name == "pread64":
            assert re.search(r", 0\) = 4096$|, 4096\) = 0$", rest), rest


@pytest.mark.parametrize("anew", ["-p 8192 --size 8M", "--size 8M", "--bad-pages 7", None])
def test_area_that_is_another_by_now_is_not_written_to(
    run: Run, tmp_path: Path, anew: str | None
) -> None:
    run("mkswap", "-q", "--file", "--size", "4M", "full")
    area = SwapArea(str(tmp_path / "full"), "full", 1023)
    with open_disks([area], force=True) as disks:
        assert list(disks) == [area.path]
    if anew is None:
        (tmp_path / "full").write_bytes(bytes(4 << 20))
    else:
        made = run("mkswap", "-q", "--force", "--file", *anew.split(), "full")
        assert made.returncode == 0, made.stderr
    said = "was changed since" if anew else "no swap"
    with pytest.raises(TargetError, match=said), open_disks([area], force=True):
        pass


def test_area_of_other_pages_is_refused(run: Run, corpus: Path) -> None:
    run("mkswap", "-q", "--file", "--size", "4M", "-p", "8192", "full")
    done = run("verify", "full", "--force", "--pages", str(corpus))
    assert done.returncode == 1
    assert "a kernel with 4096-byte pages does not take this area" in done.stderr
