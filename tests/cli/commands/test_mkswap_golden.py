# SPDX-License-Identifier: GPL-2.0-or-later
"""Against the newest mkswap, recorded: same bytes, size, mode, lines and success, or a reason."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run, load_case, needs_root
from support.differences import DIFFERENCES

ROWS = load_case("mkswap.json.xz")
DELIBERATE = {case: difference.key for difference in DIFFERENCES for case in difference.cases}


def set_up(file: Path, steps: list[list[Any]]) -> None:
    for step, *args in steps:
        match step:
            case "zeros":
                file.write_bytes(bytes(args[0]))
            case "size":
                file.touch()
                os.truncate(file, args[0])
            case "mode":
                file.chmod(args[0])
            case "owner":
                os.chown(file, args[0], args[0])
            case "mkdir":
                file.mkdir()
            case "run":
                subprocess.run(args[0], cwd=file.parent, check=True, capture_output=True)
            case "at":
                with file.open("r+b") as opened:
                    opened.seek(args[0])
                    opened.write(bytes.fromhex(args[1]))
            case _:
                pytest.fail(f"unknown step {step}")


def outcome(file: Path, status: int, stdout: str) -> dict[str, Any]:
    there = file.stat() if file.exists() else None
    return {
        "succeeds": status == 0,
        "stdout": re.sub("UUID=[-0-9a-f]{36}", "UUID=UUID-RANDOM", stdout),
        "size": there and there.st_size,
        "mode": there and f"{there.st_mode & 0o7777:04o}",
    }


@needs_root
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_recorded_run(run: Run, tmp_path: Path, row: dict[str, Any]) -> None:
    file = tmp_path / "FILE"
    set_up(file, row["setup"])
    done = run("mkswap", *row["argv"], env=row["env"])
    after = row["after"]
    theirs = {
        "succeeds": row["rc"] == 0,
        "stdout": re.sub("UUID=[-0-9a-f]{36}", "UUID=UUID-RANDOM", row["stdout"]),
        "size": after and after["size"],
        "mode": after and after["mode"],
    }
    ours = outcome(file, done.returncode, done.stdout)
    if "sha256" in row and "random" not in row["argv"]:
        theirs["bytes"] = row["sha256"]
        ours["bytes"] = hashlib.sha256(file.read_bytes()).hexdigest()
    if row["name"] in DELIBERATE:
        assert ours != theirs, f"no longer different: {DELIBERATE[row['name']]}"
    else:
        assert ours == theirs


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_man_page_carries_every_deliberate_difference() -> None:
    page = ROOT / "man" / "ghostswap-differences.7"
    shown = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=1000", page],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    text = " ".join(re.sub(".\b", "", shown).split()).casefold()  # overstrikes are how it is bold
    for difference in DIFFERENCES:
        both = f"{difference.upstream} Here: {difference.ours}"
        assert both.casefold() in text, difference.key
