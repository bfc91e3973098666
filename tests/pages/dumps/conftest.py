# SPDX-License-Identifier: GPL-2.0-or-later
"""Real dumps: of a process that has one of each kind of memory, by the kernel and by gdb."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Child = subprocess.Popen[str]

#: Numbers of pages of each kind, by what they begin with.
PAGES = {
    b"ghost": range(0, 6000, 3),  # anonymous, with others between that never were
    b"memfd": range(0, 300, 2),
    b"share": range(100),
    b"dirty": range(0, 400, 4),  # of a private mapping of a file
    b"hush!": range(50),  # kept out by MADV_DONTDUMP
}
#: Pages of the file that is mapped.
FILE_PAGES = 400
RESERVE_PAGES = 4096

VICTIM = f"""if True:
    import os
    ghost = anonymous(6000)
    fill(ghost, {PAGES[b"ghost"]!r})
    fd = libc.memfd_create(b"memory", 0)
    os.ftruncate(fd, 300 * 4096)
    memfd = mmap.mmap(fd, 300 * 4096)
    fill(memfd, {PAGES[b"memfd"]!r}, b"memfd")
    share = mmap.mmap(-1, 100 * 4096)
    fill(share, {PAGES[b"share"]!r}, b"share")
    file = os.open("file", os.O_RDONLY)
    dirty = mmap.mmap(file, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    fill(dirty, {PAGES[b"dirty"]!r}, b"dirty")
    hush = anonymous(50)
    fill(hush, {PAGES[b"hush!"]!r}, b"hush!")
    hush.madvise(mmap.MADV_DONTDUMP)
    read = anonymous(200)
    nothing = [read[number * 4096] for number in range(200)]
    reserve = mmap.mmap(-1, {RESERVE_PAGES} * 4096, MAP_NORESERVE | 0x22, 0)
"""


@pytest.fixture
def victim(spawn: Callable[[str], Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """A process with one of each kind of memory, which sleeps."""
    (tmp_path / "file").write_bytes(
        b"".join((b"clean%07d" % number).ljust(4096, b"f") for number in range(FILE_PAGES))
    )
    monkeypatch.chdir(tmp_path)
    return spawn(VICTIM)


@pytest.fixture
def kernel_dumps(tmp_path: Path, kernel_lock: None) -> Iterator[Callable[..., Path]]:  # noqa: ARG001
    """Have the kernel write the core of a child, which ends so."""
    pattern = Path("/proc/sys/kernel/core_pattern")
    before = pattern.read_text()

    def dump(child: Child, limit: int = resource.RLIM_INFINITY) -> Path:
        core = tmp_path / f"core.{child.pid}"
        resource.prlimit(child.pid, resource.RLIMIT_CORE, (limit, limit))
        child.send_signal(signal.SIGABRT)
        child.wait()
        assert core.exists(), "the kernel wrote no core"
        return core

    try:
        pattern.write_text(f"{tmp_path}/core.%p")
    except OSError as error:
        pytest.skip(f"cannot say where cores go: {error.strerror}")
    try:
        yield dump
    finally:
        pattern.write_text(before)


@pytest.fixture
def gdb_dumps(tmp_path: Path) -> Callable[[Child], Path]:
    """Have gcore write the core of a child, which goes on."""
    if not shutil.which("gcore"):
        pytest.skip("gcore (gdb) is not installed")

    def dump(child: Child) -> Path:
        gcore = ["gcore", "-o", tmp_path / "gcore", str(child.pid)]
        done = subprocess.run(gcore, capture_output=True, text=True, check=False)
        core = tmp_path / f"gcore.{child.pid}"
        if not core.exists():
            pytest.skip(f"gcore: {done.stderr.strip().splitlines()[-1:]}")
        return core

    return dump
