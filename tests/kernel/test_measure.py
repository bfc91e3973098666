# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap measure``: zswap's counters are the running kernel's, and nothing stays
behind, not even after Ctrl-C.

The command takes the lock of ``kernel_lock`` itself, so no test here may hold it meanwhile.
"""

from __future__ import annotations

import glob
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, needs_root
from support.corpora import CORPORA
from support.running import needs_exact, needs_zram, needs_zswap

from ghostswap.cli import app
from ghostswap.live import undo

PAGE = 4096
ENABLED = Path("/sys/module/zswap/parameters/enabled")
CALL = [sys.executable, "-m", "ghostswap", "measure"]
alone = partial(undo.kernel_lock, lambda: None)


def state() -> tuple[str, ...]:
    """What the command changes for a while."""
    return (
        Path("/proc/swaps").read_text(),
        ENABLED.read_text() if ENABLED.exists() else "",
        str([line for line in Path("/proc/mounts").read_text().splitlines() if "debugfs" in line]),
        *sorted(glob.glob("/dev/zram*")),
    )


def against(directory: Path, *args: str) -> dict[str, Any]:
    """Run it in *directory*, which becomes the scratch directory too; what it found."""
    done = subprocess.run(
        [*CALL, "--json", *args],
        cwd=directory,
        env={**os.environ, "TMPDIR": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == found["equal"]
    return found


def open_files(pid: int) -> set[str]:
    """Paths of what a process has open; none once it has ended."""
    found = set()
    with suppress(OSError):
        for fd in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found.add(os.readlink(fd))
    return found


def different(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in found["counters"] if not row["equal"]]


def code() -> bytes:
    paths = {os.path.realpath(path) for path in glob.glob("/usr/lib/*-linux-gnu/*.so.*")}
    data = bytearray()
    for path in sorted(paths | {os.path.realpath(sys.executable)}):
        if len(data) < 40 << 20:
            data += Path(path).read_bytes()[: 1 << 20]
    return bytes(data)


MADE = {
    "code": code,
    "text": CORPORA["text"],
    "ladder": CORPORA["ladder"],
    "zeros and noise": lambda: bytes(500 * PAGE) + random.Random(4).randbytes(2000 * PAGE),
    "patterns": lambda: b"".join(n.to_bytes(8, "little") * 512 for n in range(3000)),
}


@needs_root
@pytest.mark.parametrize("name", MADE)
def test_every_counter_of_zswap_is_equal(tmp_path: Path, name: str) -> None:
    with alone():
        needs_exact(needs_zswap(tmp_path), "zswap")
    data = MADE[name]()
    (tmp_path / "corpus").write_bytes(data)
    found = against(tmp_path, "--pages", "corpus")
    assert found["lengths"] == "exact"
    assert found["source"]["pages"] == -(-len(data) // PAGE)
    assert different(found) == []
    assert found["pages_intact"]
    names = {row["name"] for row in found["counters"]}
    assert {"stored_pages", "pool_total_size", "zswpout", "swpout_zero"} <= names
    assert os.listdir(tmp_path) == ["corpus"]


@needs_root
def test_memory_of_a_process_through_zswap(tmp_path: Path) -> None:
    """This machine's memory: the pages of this very process."""
    with alone():
        needs_exact(needs_zswap(tmp_path), "zswap")
    for _ in range(3):  # zswap's counters are the machine's, and others may have pages go, too
        found = against(tmp_path, "--pages", f"pid:{os.getpid()}")
        if not different(found):
            break
    assert found["lengths"] == "exact"
    assert found["source"]["pages"] > 1000
    assert different(found) == []


@needs_root
@pytest.mark.parametrize("compressor", ["lz4", "lzo", "lzo-rle"])
def test_zram_by_the_command(tmp_path: Path, compressor: str) -> None:
    with alone():
        needs_exact(compressor, "zram")
        needs_zram(compressor)
    (tmp_path / "corpus").write_bytes(CORPORA["ladder"]())
    options = ("--design", "zram", "--compressor", compressor, "--pages", "corpus")
    assert different(against(tmp_path, *options)) == []
    limited = against(tmp_path, *options, "--mem-limit", "1M")
    assert different(limited) == []
    assert limited["pages_intact"]
    counted = {row["name"]: row["measured"] for row in limited["counters"]}
    assert limited["pages_refused"] == counted["failed_writes"] > 0


@needs_root
@pytest.mark.parametrize("design", ["zswap", "zram"])
@pytest.mark.parametrize("delay", [0, 0.3, 0.7, 1.2])
def test_interrupt_undoes_everything(tmp_path: Path, design: str, delay: float) -> None:
    with alone():  # when the other tests' kernel is as they found it
        if design == "zram":
            needs_zram("lz4")
        else:
            needs_zswap(tmp_path)
        before = state()
    corpus = tmp_path / "corpus"
    corpus.write_bytes(random.Random(5).randbytes(200 << 20))
    call = [*CALL, "--design", design, "--pages", "corpus"]
    if design == "zswap":
        call += ["--scratch", str(tmp_path)]
    with subprocess.Popen(
        call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and str(corpus) not in open_files(process.pid):
            time.sleep(0.01)
        time.sleep(delay)  # into one step or the other
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode in (0, 130), said
    assert "Traceback" not in said
    assert state() == before
    assert os.listdir(tmp_path) == ["corpus"]


@needs_root
def test_others_cannot_hold_the_lock_of_the_running_kernel() -> None:
    with alone():
        done = subprocess.run(
            ["flock", "--nonblock", undo.LOCK, "true"],
            user=65534,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "Permission denied" in done.stderr
    place = os.stat(os.path.dirname(undo.LOCK))
    assert (place.st_uid, place.st_mode & 0o022) == (0, 0), "nobody else can put a file there"


def test_refusals_are_plain_words(run: Run) -> None:
    for args, said in (
        (("--kernel", "6.12"), "--kernel"),
        (("--max-pool-percent", "5"), "--max-pool-percent"),
        (("--design", "ghost"), "ghost"),
        (("--mem-limit", "1M"), "--mem-limit"),
        (("--verify",), "--verify"),
        (("area",), "the running kernel is as it is"),
        (("--scratch", "missing"), "missing"),
        (("--scratch", "/tmp", "--design", "zram"), "--scratch"),
        (("--jobs", "2"), "--jobs"),
        (("--bytes",), "--bytes"),
    ):
        done = run("simulate", "--pages", "/dev/null", "--against-kernel", *args)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr


def test_others_than_root_are_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert app.run(["simulate", "--pages", "/dev/null", "--against-kernel"]) == 1
    assert "needs root" in capsys.readouterr().err
