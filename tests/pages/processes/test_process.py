# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that processes are read completely, without being disturbed, and refused in words."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ghostswap.errors import TargetError
from ghostswap.live.zswap import MADV_PAGEOUT
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.processes import pagemap
from ghostswap.pages.processes.process import MineSource, ProcessSource
from ghostswap.pages.processes.smaps import parse_smaps
from ghostswap.pages.source import IN_SWAP, Why

ReadAll = Callable[..., list[bytes]]
Child = subprocess.Popen[str]
Spawn = Callable[[str], Child]
GoOn = Callable[[Child], None]
AsNobody = Callable[[Callable[[], Any]], Any]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def ghosts(pages: list[bytes], text: bytes = b"ghost") -> list[int]:
    """Find the pages that the child's ``fill()`` wrote, by number; whole or not at all."""
    marked = re.compile(re.escape(text) + rb"([0-9]{8})\.*", re.DOTALL)
    return [int(match[1]) for page in pages if (match := marked.fullmatch(page))]


def traces(pid: int) -> dict[str, int]:
    """Collect all that looking at a process might change in it: pages, page tables and faults."""
    seen = dict.fromkeys(("Rss", "Anonymous", "Swap", "VmPTE"), 0)
    for name in ("smaps", "status"):
        for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
            field, _, value = line.partition(":")
            if field in seen:
                seen[field] += int(value.split()[0])
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return seen | {"minflt": int(stat[7]), "majflt": int(stat[9])}


@pytest.mark.parametrize("walk", [pagemap.scan, pagemap.read_entries])
@pytest.mark.parametrize("buffer_pages", [1, 50, 2048])
def test_every_page_written_is_read_once_in_order(
    walk: pagemap.Walk, buffer_pages: int, spawn: Spawn, read_all: ReadAll
) -> None:
    child = spawn("m = anonymous(1 << 16); fill(m, range(0, 300)); fill(m, range(3001, 5000, 2))")
    with ProcessSource(child.pid) as source:
        if walk is pagemap.scan is not source._walk:
            pytest.skip("no PAGEMAP_SCAN in this kernel")
        source._walk = walk
        pages = read_all(source, buffer_pages)
        assert ghosts(pages) == [*range(300), *range(3001, 5000, 2)]
        assert list(source.account.left) == []
        if walk is pagemap.scan:  # smaps counts no zero pages either
            assert len(pages) == source.pages


def test_looking_leaves_no_trace(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("""if True:
        m = anonymous(1 << 20)
        fill(m, range(0, 1 << 12, 3))
        nothing = [m[number * 4096] for number in range(1 << 19, 1 << 20, 1 << 10)]
    """)
    before = traces(child.pid)
    with ProcessSource(child.pid) as source:
        assert ghosts(read_all(source)) == [*range(0, 1 << 12, 3)]
    assert traces(child.pid) == before


def test_looking_does_not_part_what_fork_shares(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("""if True:
        import os, signal
        m = anonymous(500)
        fill(m, range(500))
        reader, writer = os.pipe()
        if not os.fork():
            libc.prctl(1, 9)
            os.write(writer, b"x")
            signal.pause()
        os.read(reader, 1)
    """)

    def shares() -> list[str]:
        rollup = Path(f"/proc/{child.pid}/smaps_rollup").read_text()
        return re.findall(r"^(?:Pss_Anon|Private_Dirty|Shared_Dirty): .*", rollup, re.MULTILINE)

    # The child's child is on its way to sleep, and touches pages there.
    before = shares()
    while (now := shares()) != before or time.sleep(0.1) or shares() != now:
        before = now
    with ProcessSource(child.pid) as source:
        assert ghosts(read_all(source)) == [*range(500)]
    assert shares() == before


@pytest.fixture
def swap_area(tmp_path: Path, kernel_lock: None) -> Iterator[None]:  # noqa: ARG001
    """A small swap area in use."""
    if os.geteuid() or not (shutil.which("mkswap") and shutil.which("swapon")):
        pytest.skip("needs root, mkswap and swapon")
    area = tmp_path / "area"
    with area.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        os.posix_fallocate(file.fileno(), 0, 64 << 20)
    subprocess.run(["mkswap", area], check=True, capture_output=True)
    if subprocess.run(["swapon", area], check=False, capture_output=True).returncode:
        pytest.skip("no swapon here")
    try:
        yield
    finally:
        subprocess.run(["swapoff", area], check=True)


@pytest.mark.usefixtures("swap_area")
def test_swapped_pages_are_counted_and_stay_in_swap(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn(f"""if True:
        m = anonymous(4096)
        fill(m, range(4096))
        m.madvise({MADV_PAGEOUT}, 1000 * 4096, 2000 * 4096)
    """)
    before = traces(child.pid)
    assert before["Swap"] > 0, "the kernel took no advice"
    with ProcessSource(child.pid) as source:
        pages = read_all(source)
        assert source.account.pages(IN_SWAP) * 4 == before["Swap"]
        assert len(ghosts(pages)) == 4096 - source.account.pages(IN_SWAP)
        assert {*range(1000), *range(3000, 4096)} <= {*ghosts(pages)}
    assert traces(child.pid) == before


def test_locked_memory_is_named_and_not_read(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("""if True:
        m = anonymous(16)
        fill(m, range(16))
        assert libc.mlock(ctypes.c_void_p(address(m)), ctypes.c_size_t(4 * 4096)) == 0
    """)
    with ProcessSource(child.pid) as source:
        assert ghosts(read_all(source)) == [*range(4, 16)]
        (locked,) = source.account.left
    assert (locked.what, locked.pages) == ("1 mapping", 4)
    assert "mlock" in locked.reason


@needs_root
@pytest.mark.usefixtures("kernel_lock")
def test_huge_pages_are_named_and_not_read(spawn: Spawn, read_all: ReadAll) -> None:
    overcommit = Path("/proc/sys/vm/nr_overcommit_hugepages")
    if not overcommit.exists():
        pytest.skip("no hugetlbfs in this kernel")
    before = overcommit.read_text()
    overcommit.write_text(str(int(before) + 1))
    try:
        child = spawn("m = anonymous(512, MAP_HUGETLB); fill(m, range(512))")
    finally:
        overcommit.write_text(before)
    with ProcessSource(child.pid) as source:
        assert ghosts(read_all(source)) == []
        (huge,) = source.account.left
    assert huge.pages == 512
    assert "hugetlbfs" in huge.reason


def test_device_memory_is_not_touched() -> None:
    (mapping,) = parse_smaps(
        line + "\n"
        for line in (
            "7f0000000000-7f0000400000 rw-p 00000000 00:05 140              /dev/fb0",
            "Anonymous:             0 kB",
            "Referenced:            0 kB",
            "Private_Hugetlb:       0 kB",
            "Swap:                  0 kB",
            "VmFlags: rd wr mr mw me pf io de dd",
            "7f0000400000-7f0000800000 rw-s 00000000 00:05 140              /dev/fb0",
            "VmFlags: rd wr sh mr mw me ms pf io de dd",
        )
    )
    assert mapping.never_swapped == (Why.DEVICE, "device memory")


def test_smaps_gives_exactly_the_private_mappings(spawn: Spawn) -> None:
    child = spawn("m = anonymous(3)")
    maps = Path(f"/proc/{child.pid}/maps").read_text()
    ranges = re.findall(r"^(\w+)-(\w+) ...p ", maps, re.MULTILINE)
    with open(f"/proc/{child.pid}/smaps") as smaps:
        found = [(mapping.start, mapping.end) for mapping in parse_smaps(smaps)]
    assert found == [(int(start, 16), int(end, 16)) for start, end in ranges]


def test_pages_unmapped_between_look_and_read_are_counted(
    spawn: Spawn, go_on: GoOn, read_all: ReadAll
) -> None:
    child = spawn("""if True:
        m = anonymous(4096)
        fill(m, range(4096))
        pause()
        libc.munmap(ctypes.c_void_p(address(m) + 10 * 4096), ctypes.c_size_t(3 * 4096))
    """)
    with ProcessSource(child.pid) as source:
        look = source._walk

        def look_too_early(*args: int) -> tuple[list[tuple[int, int]], int]:
            runs, walk_end = look(*args)
            if any(last - first >= 4096 * PAGE_SIZE for first, last in runs):
                go_on(child)
            return runs, walk_end

        source._walk = look_too_early
        pages = read_all(source, 8192)
        (gone,) = source.account.left
    assert ghosts(pages) == [*range(10), *range(13, 4096)]
    assert (gone.what, gone.pages) == ("3 pages", 3)


def test_a_process_that_ends_while_it_is_read_is_counted(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("m = anonymous(4096); fill(m, range(4096))")
    with ProcessSource(child.pid) as source:
        buffer = memoryview(bytearray(256 * PAGE_SIZE))
        assert source.readinto(buffer) == len(buffer)
        child.kill()
        child.wait()
        assert read_all(source) == []
        (ended,) = source.account.left
    assert (ended.what, ended.pages) == ("1 process", source.pages - 256)
    assert "ended" in ended.reason


def test_a_zombie_has_no_memory(spawn: Spawn) -> None:
    child = spawn("")
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(TargetError, match="has no memory of its own"):
        ProcessSource(child.pid)


def test_a_kernel_thread_has_no_memory() -> None:
    comm = Path("/proc/2/comm")
    if not comm.exists() or comm.read_text() != "kthreadd\n":
        pytest.skip("kernel threads are not seen from here")
    with pytest.raises(TargetError, match="kernel thread"):
        ProcessSource(2)


def test_a_process_of_another_user_is_refused_with_the_cure(
    spawn: Spawn, as_nobody: AsNobody
) -> None:
    child = spawn("")
    message, hint = as_nobody(lambda: ProcessSource(child.pid))
    assert message == f"pid:{child.pid}: this user may not read its memory"
    assert "root" in hint
    assert "ptrace_scope" in hint


def test_mine_reads_others_and_neither_itself_nor_its_children(
    stranger: tuple[int, bytes], spawn: Spawn, read_all: ReadAll
) -> None:
    pid, text = stranger
    child = spawn(f"m = anonymous(64); fill(m, range(64), {text!r})")
    with MineSource() as source:
        assert {pid, os.getpid(), child.pid} & source._anonymous.keys() == {pid}
        assert ghosts(read_all(source, 256, text), text) == [*range(64)]
        assert source.pages > 64


def test_mine_counts_processes_that_refuse_in_one_line(as_nobody: AsNobody, spawn: Spawn) -> None:
    spawn("m = anonymous(1000); fill(m, range(1000))")
    with subprocess.Popen(["sleep", "600"], user=65534, group=65534, extra_groups=[]) as own:

        def look() -> tuple[set[int], int, list[Any]]:
            with MineSource() as source:
                pids = {*source._anonymous}
                got = source.readinto(memoryview(bytearray(1 << 20)))
                return pids, got, [(s.what, s.pages, s.reason) for s in source.account.left]

        try:
            pids, got, skipped = as_nobody(look)
        finally:
            own.kill()
    assert pids == {own.pid}
    assert got > 0
    ((what, pages, reason),) = skipped
    assert re.fullmatch(r"[0-9]+ process(es)?", what)
    assert pages > 1000
    assert reason == "this user may not read its memory"


def test_mine_counts_processes_that_end_before_their_turn(
    stranger: tuple[int, bytes], read_all: ReadAll
) -> None:
    pid, text = stranger
    with MineSource() as source:
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(FileNotFoundError):
            while not Path(f"/proc/{pid}/statm").read_text().startswith("0 "):
                time.sleep(0.001)
        assert read_all(source, 256, text) == []
        assert sum(gone.pages for gone in source.account.left if "ended" in gone.reason) >= 64
