# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``ghostswap advise`` prints of this host, whatever it has."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from conftest import ROOT, Run, needs_root
from support.json_keys import documented, keys_of

from ghostswap.cli.runs.host.advise import Asked, advise
from ghostswap.errors import TargetError
from ghostswap.live.seen.tree import Tree

SOURCE = ("--pages", "synthetic:2000:text")


def test_three_lines_and_then_why(run: Run) -> None:
    done = run("advise", *SOURCE)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "7.8 MiB (synthetic:2000:text) it frees" in lines[0]
    assert "A page takes" in lines[1]
    assert "settings are not so yet" in lines[2] or lines[2] == "All of it is set so already."
    assert lines[3].startswith("options, the best first")
    for name in ("vm.swappiness", "vm.page-cluster", "Fedora 34", "virtual swap"):
        assert name in done.stdout


def test_json_has_the_keys_of_the_manual(run: Run) -> None:
    every = set()
    for more in ((), ("--goal", "disk"), ("--goal", "memory", "--kernel", "6.12")):
        done = run("advise", *SOURCE, "--json", *more)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        every |= keys_of(found)
        best = found["options"][0]
        assert found["schema"] == 1
        assert found["choice"]["design"] == best["design"]
        assert found["choice"]["size_bytes"] == best["size_bytes"]
        assert best["freed_interval"] == [best["freed_bytes"]] * 2, "all of it was measured"
        assert {row["name"] for row in found["defaults"]} >= {"Fedora 34", "Ubuntu"}
    every |= {"path", "why"}  # of what is not seen, which here may be nothing
    assert every == documented(ROOT / "man/ghostswap-json.5", "JSON of advise")


@needs_root
def test_who_is_not_root_gets_advice_from_what_may_be_read() -> None:
    advise(Asked("synthetic:100:text", None, None, "balanced", False, 0, 1), Tree())  # imports all
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setuid(65534)
            found, source = advise(Asked(None, None, None, "balanced", False, 0, 1), Tree())
            status = 0 if source.name == "mine" and found.ranked else 2
        except TargetError:
            status = 0  # nothing of nobody's is here, and that is said
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_wrong_usage(run: Run) -> None:
    for call in (("--goal", "speed"), ("--kernel", "5.4"), ("--pages", "")):
        done = run("advise", *call)
        assert done.returncode == 2, call
        assert done.stdout == ""


def test_a_source_that_is_not_there(run: Run) -> None:
    done = run("advise", "--pages", "not-there")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not-there" in done.stderr


def test_files_are_written_whole_or_not_at_all(run: Run, tmp_path: Path) -> None:
    done = run("advise", *SOURCE, "--kernel", "6.18", "--emit", "made")
    assert done.returncode == 0, done.stderr
    assert "undo.sh takes it back; nothing is set yet" in done.stderr
    made = {path: path.read_text() for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert {"apply.sh", "undo.sh", "90-ghostswap.conf"} <= {path.name for path in made}
    for path, text in made.items():
        assert os.access(path, os.X_OK) == (path.suffix == ".sh")
        if path.suffix == ".conf":
            assert text.count("# ") >= text.count("=") > 0, "each line has its reason"
    again = run("advise", *SOURCE, "--kernel", "6.18", "--emit", "made")
    assert (again.returncode, again.stdout) == (1, "")
    assert "made: it is there already" in again.stderr
    nowhere = run("advise", *SOURCE, "--kernel", "6.18", "--emit", "not/there")
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert os.listdir(tmp_path) == ["made"]
    assert {path: path.read_text() for path in made} == made


def test_undo_without_apply_does_nothing(run: Run, tmp_path: Path) -> None:
    assert run("advise", *SOURCE, "--kernel", "6.18", "--emit", "made").returncode == 0
    done = subprocess.run(
        [tmp_path / "made/undo.sh"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 1
    assert "apply.sh has not run" in done.stderr


def test_a_profile_will_do(run: Run) -> None:
    assert run("profile", *SOURCE, "--output", "text.gsp").returncode == 0
    here = json.loads(run("advise", *SOURCE, "--kernel", "6.18", "--json").stdout)
    there = json.loads(run("advise", "--pages", "text.gsp", "--kernel", "6.18", "--json").stdout)
    known = {(row["design"], row["compressor"]): row["freed_bytes"] for row in here["options"]}
    for row in there["options"]:
        assert row["freed_bytes"] == known[row["design"], row["compressor"]]
    assert there["options"]
