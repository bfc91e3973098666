# SPDX-License-Identifier: GPL-2.0-or-later
"""make says in one sentence what is missing and what to install, and works once it is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PYTHON = f"PYTHON={sys.executable}"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # As if nobody's make had started this test.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", "-C", ROOT, *args],
        env={**outside, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence before make's own line."""
    assert done.returncode == 2
    sentence, own = done.stderr.splitlines()
    assert own.startswith("make: ***")
    return sentence


@pytest.mark.parametrize("started", [False, True])
def test_without_ensurepip_nothing_half_made_stays_and_the_same_command_works_after(
    tmp_path: Path, started: bool
) -> None:
    """As without Debian's python3-venv, whose own attempt leaves a Python without pip."""
    venv = tmp_path / "venv"
    if started:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (tmp_path / "ensurepip.py").write_text("raise ModuleNotFoundError('ensurepip')")
    done = make("venv", f"VENV={venv}", PYTHON, PYTHONPATH=str(tmp_path))
    assert refused(done).endswith(f"sudo apt install -y {Path(sys.executable).name}-venv")
    assert venv.exists() == started
    assert make("venv", f"VENV={venv}", PYTHON).returncode == 0
    assert subprocess.run([venv / "bin/pip", "--version"], check=False).returncode == 0
    pip = (venv / "bin/pip").stat()
    assert make("venv", f"VENV={venv}", PYTHON).returncode == 0
    assert (venv / "bin/pip").stat() == pip, "what works is made no second time"


def test_without_python_it_is_said(tmp_path: Path) -> None:
    done = make("venv", f"VENV={tmp_path}/venv", "PYTHON=python-that-is-not-here")
    assert refused(done).endswith("sudo apt install -y python3-dev python3-venv")


def test_what_was_not_compiled_is_said_with_the_cure(tmp_path: Path) -> None:
    """As without a compiler or Python's headers: the virtual environment has no ghostswap."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    done = make("compiled", f"VENV={venv}", PYTHONPATH="")
    assert done.returncode == 0
    (note,) = done.stderr.splitlines()
    assert note.endswith("sudo apt install -y gcc python3-dev")
