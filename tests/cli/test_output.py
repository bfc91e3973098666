# SPDX-License-Identifier: GPL-2.0-or-later
"""Where output goes wrong, that is said in one sentence, and nothing else goes wrong with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Run

CALLS = [
    ("mkswap", "--size", "1G", "new"),
    ("mkswap", "--json", "--dry-run", "--size", "1G", "new"),
    ("inspect", "area"),
    ("inspect", "--json", "area"),
    ("validate", "area"),
    ("label", "area"),
    ("completion", "bash"),
    ("mkswap", "--help"),
]


@pytest.fixture(autouse=True)
def area(run: Run, tmp_path: Path) -> Path:
    assert run("mkswap", "--file", "--size", "1M", "area").returncode == 0
    return tmp_path / "area"


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_full_disk_behind_stdout_is_told(tmp_path: Path, call: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ghostswap", *call],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "ghostswap: cannot print the result: No space left on device\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_a_reader_that_goes_away_is_no_news(tmp_path: Path, call: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ghostswap", *call],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert "ghostswap:" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_target_becomes_standard_output(tmp_path: Path, area: Path, closed: str) -> None:
    """What is opened where stdout was closed gets its number, and would be written to."""
    target = tmp_path / "target"
    target.write_bytes(bytes(1 << 20))
    done = subprocess.run(
        f'"{sys.executable}" -m ghostswap mkswap target {closed}',
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    # The UUID apart, it is what is made where nothing is closed.
    made, expected = target.read_bytes(), area.read_bytes()
    assert made[:1036] + made[1052:] == expected[:1036] + expected[1052:]
