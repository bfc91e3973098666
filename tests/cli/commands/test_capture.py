# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap capture``: programs of a known pattern on the running kernel, and what is said."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import CASES, ROOT, Run, needs_root
from support.children import PRELUDE
from support.json_keys import documented, keys_of

from ghostswap.live.touched import Numbers, union
from ghostswap.live.ways import Ways, probe
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes.pagemap import written

PAGES, TOUCHED = 8_000, 5_000
#: Reads 5000 of its 8000 pages and writes every other of the first 2000, again and again.
PATTERN = f"""
m = anonymous({PAGES})
m.madvise(15)  # MADV_NOHUGEPAGE
fill(m, range({PAGES}))
pause()
import time
while True:
    time.sleep(0.05)
    for page in range({TOUCHED}):
        m[page * 4096]
    for page in range(1, 2000, 2):
        m[page * 4096] = 1
"""
MAN = ROOT / "man" / "ghostswap-json-studies.5"
Program = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def program() -> Iterator[Program]:
    """Start Python code that pauses once and is then let go."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", f"{PRELUDE}\n{code}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline() == "\n"
        child.stdin.write("\n")
        child.stdin.flush()
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def has_soft_dirty() -> bool:
    """What the running kernel's configuration says."""
    for path in ("/proc/config.gz", f"/boot/config-{os.uname().release}"):
        if os.path.exists(path):
            data = Path(path).read_bytes()
            text = gzip.decompress(data) if path.endswith(".gz") else data
            return b"CONFIG_MEM_SOFT_DIRTY=y" in text
    pytest.skip("nobody tells the kernel's configuration")


@pytest.fixture(scope="module")
def ways() -> Ways:
    return probe()


def test_the_probe_sees_through_a_clearing_that_marks_nothing(ways: Ways) -> None:
    """Every kernel accepts 4 in clear_refs; only some then mark what is written."""
    assert ways.accessed.works
    assert ways.soft_dirty.works == has_soft_dirty()


def test_a_known_pattern_is_recovered(run: Run, program: Program, ways: Ways) -> None:
    """At least 98 % of the pages, and few more: the interpreter's own."""
    child = program(PATTERN)
    args = (f"pid:{child.pid}", "--interval", "1s", "--duration", "3s", "-o", "a.trace", "--json")
    done = run("capture", *args)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    looks = len(found["intervals"])
    assert 1 <= looks <= 3, "on a busy machine a look may take longer than an interval"
    for one in found["intervals"]:
        assert TOUCHED * 0.98 <= one["touched_pages"] <= TOUCHED + 400
        assert PAGES <= one["resident_pages"] <= PAGES + 2000
        if ways.soft_dirty.works:
            assert 1000 <= one["written_pages"] <= 1400
    seconds = [one["seconds"] for one in found["intervals"]]
    assert seconds == sorted(seconds)
    assert seconds[-1] >= 3
    assert 0 < found["longest_look_seconds"] <= found["look_seconds"]
    own = documented(MAN, "JSON of a capture")
    assert keys_of(found) <= own
    assert own - keys_of(found) == {"written", "touched"}, "of the file alone"
    shown = run("capture", "a.trace")
    assert f"pid:{child.pid}: {looks} intervals" in shown.stdout
    assert shown.stdout.startswith("Of ")
    # Of no use to a replay where the kernel does not tell which pages they were.
    replay = run(
        "replay", "--pages", "synthetic:20000:text", "--touches", "a.trace", "--limit", "9M"
    )
    if not ways.soft_dirty.works:
        assert (replay.returncode, replay.stdout) == (1, "")
        assert "not which pages they were" in replay.stderr


def test_memory_that_nobody_touches_is_not_counted(run: Run, program: Program) -> None:
    child = program(f"m = anonymous({PAGES})\nfill(m, range({PAGES}))\npause()\npause()")
    done = run("capture", f"pid:{child.pid}", "--interval", "200ms", "--duration", "1s", "--json")
    for one in json.loads(done.stdout)["intervals"]:
        assert one["resident_pages"] >= PAGES
        assert one["touched_pages"] < 400


def capturing(tmp_path: Path, pid: int) -> subprocess.Popen[str]:
    """A capture that has looked once at least."""
    call = (sys.executable, "-m", "ghostswap", "capture", f"pid:{pid}", "--interval", "100ms")
    capture = subprocess.Popen(
        [*call, "-o", "a.trace"], cwd=tmp_path, stdout=-1, stderr=-1, text=True
    )
    proc = Path(f"/proc/{capture.pid}")
    while f"/proc/{pid}/pagemap" not in opened(proc):
        assert capture.poll() is None
        time.sleep(0.01)
    # At the start and after each look it writes a byte or two to clear_refs, and nothing else.
    before = written_bytes(proc)
    while written_bytes(proc) < before + 6:
        time.sleep(0.01)
    return capture


def opened(proc: Path) -> set[str]:
    found = set()
    for fd in (proc / "fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.add(os.readlink(fd))
    return found


def written_bytes(proc: Path) -> int:
    return int(re.findall(r"wchar: (\d+)", (proc / "io").read_text())[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_captured_until_ctrl_c_is_kept_and_that_is_said(
    run: Run, program: Program, tmp_path: Path, number: signal.Signals
) -> None:
    child = program(PATTERN)
    capture = capturing(tmp_path, child.pid)
    capture.send_signal(number)
    out, err = capture.communicate(timeout=60)
    assert capture.returncode == 0, err
    assert re.fullmatch(r"note: interrupted: what was captured in \d+\.\d s is kept\n", err)
    assert f"pid:{child.pid}: " in out
    assert run("capture", "a.trace").returncode == 0


def test_a_process_that_ends_leaves_what_was_captured(
    run: Run, program: Program, tmp_path: Path
) -> None:
    child = program(PATTERN)
    capture = capturing(tmp_path, child.pid)
    child.kill()
    child.wait()
    out, err = capture.communicate(timeout=60)
    assert capture.returncode == 0, err
    said = rf"note: pid:{child.pid} has ended: what was captured in \d+\.\d s is kept\n"
    assert re.fullmatch(said, err)
    assert out.startswith("Of ")
    assert run("capture", "a.trace").returncode == 0


@needs_root
def test_a_cgroup_is_watched_with_all_its_processes(run: Run, program: Program) -> None:
    """Those that are there; in any hierarchy that is mounted here."""
    tops = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory", "/sys/fs/cgroup")
    top = next((top for top in tops if os.path.exists(f"{top}/cgroup.procs")), None)
    if top is None:
        pytest.skip("no cgroups are mounted here")
    group = Path(top, f"ghostswap-capture-{os.getpid()}")
    try:
        group.mkdir()
    except OSError:
        pytest.skip("cgroups cannot be made here")
    try:
        for _ in range(2):
            child = program(PATTERN)
            (group / "cgroup.procs").write_text(str(child.pid))
        done = run(
            "capture", f"cgroup:/{group.name}", "--interval", "2s", "--duration", "4s", "--json"
        )
        assert done.returncode == 0, done.stderr
        for one in json.loads(done.stdout)["intervals"]:
            assert 2 * TOUCHED * 0.95 <= one["touched_pages"] <= 2 * TOUCHED + 800
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        while (group / "cgroup.procs").read_text():
            time.sleep(0.05)
        group.rmdir()


def test_a_file_that_is_there_is_not_overwritten_and_none_is_left_half_made(
    run: Run, program: Program, tmp_path: Path
) -> None:
    child = program(PATTERN)
    (tmp_path / "a.trace").write_text("mine")
    done = run("capture", f"pid:{child.pid}", "-o", "a.trace")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a.trace: exists" in done.stderr
    assert (tmp_path / "a.trace").read_text() == "mine"
    nowhere = run("capture", f"pid:{child.pid}", "-o", "none/a.trace")
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    child.kill()
    child.wait()
    gone = run("capture", f"pid:{child.pid}", "-o", "b.trace")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert os.listdir(tmp_path) == ["a.trace"]


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("pid:x",), 2, "write pid:1234, cgroup:NAME, or a capture's file"),
        (("none.trace",), 1, "none.trace: No such file"),
        (("pid:1", "--interval", "0s"), 2, 'not a time: "0s"'),
        (("pid:1", "--interval", "1d"), 2, 'not a time: "1d"'),
        (("pid:1", "--interval", "2s", "--duration", "1s"), 2, "--interval is longer"),
        ((str(CASES / "damon.data"), "--duration", "1s"), 2, "--duration does not go here"),
    ],
)
def test_what_cannot_be_captured_is_refused(
    run: Run, args: tuple[str, ...], status: int, said: str
) -> None:
    done = run("capture", *args)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_record_of_damos_is_shown(run: Run) -> None:
    done = run("capture", str(CASES / "damon.data"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Of 128 MiB monitored, 8 MiB are touched in an interval of 0.1 s")
    assert "24 MiB at most" in done.stdout


def test_help_says_first_that_the_process_is_changed(run: Run) -> None:
    text = run("capture", "--help").stdout
    assert "\n  Watch which memory is touched: clears the process's referenced bits.\n" in text


def test_written_pages_are_those_in_memory_that_bit_55_marks(tmp_path: Path) -> None:
    """By entries as Documentation/admin-guide/mm/pagemap.rst has them."""
    present, swapped, file, dirty = 1 << 63, 1 << 62, 1 << 61, 1 << 55
    entries = [
        0,
        present,
        present | dirty,
        present | dirty,
        present | file | dirty,
        swapped | dirty,
    ]
    entries += [dirty, present | dirty]
    (tmp_path / "pagemap").write_bytes(b"".join(entry.to_bytes(8, "little") for entry in entries))
    fd = os.open(tmp_path / "pagemap", os.O_RDONLY)
    seen, found = written(fd, 0, 20 * PAGE_SIZE)
    os.close(fd)
    assert seen == [(PAGE_SIZE, 4 * PAGE_SIZE), (7 * PAGE_SIZE, 8 * PAGE_SIZE)]
    assert found == [(2 * PAGE_SIZE, 4 * PAGE_SIZE), (7 * PAGE_SIZE, 8 * PAGE_SIZE)]


def test_pages_are_numbered_by_process_and_address() -> None:
    page = PAGE_SIZE
    seen = {9: union([(8 * page, 9 * page), (2 * page, 4 * page), (4 * page, 5 * page)]), 4: []}
    seen[4] = union([(page, 3 * page)])
    assert seen[9] == [(2 * page, 5 * page), (8 * page, 9 * page)]
    numbers = Numbers(seen)
    assert numbers.pages == 6
    found = numbers.runs(
        {9: [(3 * page, 5 * page), (8 * page, 9 * page)], 4: [(2 * page, 3 * page)]}
    )
    assert found == ((1, 1), (3, 2), (5, 1))
