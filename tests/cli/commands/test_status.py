# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap status``: what it prints of a host, on any terminal; JSON as the manual has it.

Its numbers are held against the running kernel in tests/kernel/test_status.py.
"""

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
from conftest import ROOT, Run, needs_root
from support.hosts import unpack
from support.json_keys import documented, keys_of
from support.screen import on_screen

from ghostswap.advise import findings
from ghostswap.cli.reports.host import status_json, status_report
from ghostswap.live.seen.status import Status, read
from ghostswap.live.seen.tree import Tree

HOSTS = ("plain", "zswap", "full", "zram", "both", "cgroup1")
CALL = [sys.executable, "-m", "ghostswap", "status"]
pytestmark = pytest.mark.usefixtures("steady_kernel")


def printed(seen: Status, capsys: pytest.CaptureFixture[str]) -> str:
    """What a pipe gets of it."""
    status_report.print_all(seen, findings.find(seen))
    return capsys.readouterr().out


def as_json(name: str, directory: Path) -> dict[str, Any]:
    seen = read(Tree(unpack(name, directory)))
    found: dict[str, Any] = json.loads(json.dumps(status_json.as_json(seen, findings.find(seen))))
    return found


def test_the_readme_shows_a_recorded_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(read(Tree(unpack("both", tmp_path))), capsys)
    (block,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert text == block


@pytest.mark.parametrize("name", HOSTS)
def test_json_has_the_documented_keys(tmp_path: Path, name: str) -> None:
    found = as_json(name, tmp_path)
    if found["zswap"]:
        found["zswap"] |= {"parameters": {}, "debugfs": {}, "vmstat": {}}
    for one in (*found["zram"], *found["cgroups"]["groups"]):
        one["counters"] = {}
        one["settings"] = one.get("settings") and {}
    found["reclaim"] |= {"pressure": {}, "meminfo": {}, "vmstat": {}}
    known = documented(ROOT / "man" / "ghostswap-json-host.5", "JSON of status")
    assert keys_of(found) <= known, keys_of(found) - known


def test_json_has_the_keys_that_programs_rely_on(run: Run) -> None:
    done = run("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["schema"] == 1
    assert found["kernel"] == os.uname().release
    for key in ("areas", "zram", "findings"):
        assert isinstance(found[key], list)
    for one in found["findings"]:
        assert set(one) == {"id", "severity", "what", "why", "cure"}
        assert all(one.values())


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_it_fits_the_terminal(columns: int) -> None:
    lines = on_screen(columns, "status")
    assert max(map(len, lines)) <= columns
    assert any("reclaim" in line for line in lines)


def test_it_is_ascii_where_the_locale_is(run: Run) -> None:
    done = run("status", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


@needs_root
def test_who_is_not_root_is_told_what_was_not_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = read(Tree(unpack("zswap", tmp_path, without="/sys/kernel/debug")))
    text = printed(seen, capsys)
    assert "not seen  /sys/kernel/debug/zswap: debugfs is not mounted" in text
    assert "zswap     on, lzo, zsmalloc" in text


def test_a_container_without_sys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(read(Tree(unpack("zswap", tmp_path, without="/sys"))), capsys)
    assert "12.9 MiB of 32 MiB of swap are used" in text
    assert "/sys/kernel: not there, so nothing can be said of zswap and zram" in text
    assert "zswap     " not in text


def test_nothing_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(read(Tree(str(tmp_path))), capsys)
    assert "Swap is unknown. Nothing wrong was found." in text
    assert "/proc/meminfo: not there" in text


def test_watching_goes_with_text_only(run: Run) -> None:
    done = run("status", "--watch", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--watch prints no JSON" in done.stderr


def test_watching_ends_where_the_reader_does() -> None:
    with subprocess.Popen(
        [*CALL, "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(b"time\t"):
            assert process.poll() is None
        process.stdout.close()
        assert process.wait(10) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.skipif(shutil.which("script") is None, reason="script(1) is not installed")
def test_watching_on_a_terminal_leaves_it_as_it_was(tmp_path: Path) -> None:
    code = f"{' '.join(CALL)} --watch & pid=$!; sleep 3; kill -INT $pid; wait $pid; echo ended $?"
    done = subprocess.run(
        ["script", "-qec", f"bash -ic '{code}'", "/dev/null"],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "90", "LINES": "30"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    shown = done.stdout
    assert "zswpout" in shown
    assert "ended 130" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is back"


def test_reading_is_quick_and_small() -> None:
    """Without areas nothing that judges them is imported."""
    code = (
        "import sys; from ghostswap.live.seen.status import read\n"
        "from ghostswap.live.seen.tree import Tree\n"
        "read(Tree('/nowhere')); print('construct' in sys.modules, 'rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
