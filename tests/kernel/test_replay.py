# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel brings back as many pages as our two lists, for a process under a limit.

It repeats itself, but for flushes of its statistics, where the process has been on two CPUs: then
each page that is unmapped takes all translations with it, and no touch goes unseen. So the numbers
are equal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import accumulate, islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest
from conftest import needs_root

from ghostswap import kernels
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.study.band import Timing
from ghostswap.study.host import Group, Host
from ghostswap.study.machine import Machine

PAGES = 8192
TOUCHES = 48_000
LONG = 120_000
#: Of the pages, what may be in memory.
SHARES = {"ample": 0.75, "half": 0.5, "tight": 0.3}
RUNS = 5
#: Of which one at least has no flush in it, however busy the machine is.
TRIES = 12
#: Of a band: a TLB that hides some touches can be worse than one that hides all.
TOLERANCE = 0.05
#: touch.c enters its cgroup late: all that is charged is a page table more than its pages fill.
KERNEL_PAGES = 1
#: Incompressible enough: what a page of touch.c's comes to. In version 1 it does not matter.
LENGTH = 1500

CGROUPS = Path("/sys/fs/cgroup/memory")
ENABLED = Path("/sys/module/zswap/parameters/enabled")
CLUSTER = Path("/proc/sys/vm/page-cluster")
LRU_GEN = Path("/sys/kernel/mm/lru_gen/enabled")

pytestmark = needs_root


def obstacle() -> str | None:
    """Why this kernel cannot be asked, if it cannot."""
    if not (CGROUPS / "memory.limit_in_bytes").exists():
        return "no memory cgroups of version 1"
    if not ENABLED.exists():
        return "no zswap"
    if LRU_GEN.exists() and int(LRU_GEN.read_text(), 16) & 1:
        return "MGLRU is on, which is not modelled"
    if len(Path("/proc/swaps").read_text().splitlines()) > 1:
        return "a swap area is in use"
    missing = [name for name in ("gcc", "mkswap", "swapon") if shutil.which(name) is None]
    return f"no {missing[0]}" if missing else None


def trace(name: str, touches: int = TOUCHES) -> array[int]:
    rng = Random(f"{name}-{PAGES}")
    hot = PAGES // 10
    match name:
        case "zipf":
            weights = list(accumulate(1 / k**0.8 for k in range(1, PAGES + 1)))
            order = rng.sample(range(PAGES), PAGES)
            return array("I", rng.choices(order, cum_weights=weights, k=touches))
        case "uniform":
            return array("I", rng.choices(range(PAGES), k=touches))
        case "scan":
            return array("I", (number % PAGES for number in range(touches)))
        case "loop":
            return array("I", (number % (PAGES * 6 // 10) for number in range(touches)))
        case _:
            return array(
                "I",
                (
                    rng.randrange(hot) if rng.random() < 0.9 else rng.randrange(hot, PAGES)
                    for _ in range(touches)
                ),
            )


@contextmanager
def setting(file: Path, value: str) -> Iterator[None]:
    """*file* of the kernel's says *value* for a while."""
    before = file.read_text()
    file.write_text(value)
    try:
        yield
    finally:
        file.write_text(before)


@contextmanager
def on_cpu(cpu: int) -> Iterator[None]:
    """This process is on *cpu* for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def swap(path: Path) -> Iterator[None]:
    """An area that never gets half full is on."""
    subprocess.run(["fallocate", "-l", str((2 * PAGES + 4096) * 4096), path], check=True)
    path.chmod(0o600)
    subprocess.run(["mkswap", "-q", path], check=True)
    swapon = subprocess.run(["swapon", path], capture_output=True, text=True, check=False)
    if swapon.returncode:
        pytest.skip(f"cannot swap here: {swapon.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["swapoff", path], check=True)


@pytest.fixture
def toucher(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """touch.c as a program, with the kernel locked, so that nobody else's swap is in the way."""
    request.getfixturevalue("kernel_lock")
    if reason := obstacle():
        pytest.skip(reason)
    program = tmp_path / "touch"
    source = Path(__file__).parent / "touch.c"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", source, "-o", program], check=True)
    return program


def live(
    program: Path, touches: array[int], limit: int, how: str, cpus: Sequence[int]
) -> int | None:
    """Major faults of the running kernel; ``None`` where it killed the process."""
    group = CGROUPS / f"ghostswap-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit * 4096))
        file = program.with_name("trace")
        file.write_bytes(touches.tobytes())
        procs = group / "cgroup.procs"
        call = [program, str(PAGES), file, str(len(touches)), how, procs, *map(str, cpus)]
        with on_cpu(cpus[0]):  # what starts elsewhere has been there
            done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode in (0, -9), done.stderr
        return int(done.stdout) if done.returncode == 0 else None
    finally:
        group.rmdir()


def modelled(touches: array[int], limit: int, how: str, **timing: Any) -> int:
    nearest, _ = kernels.nearest(os.uname().release)
    host = Host(
        1 << 34,
        groups=(Group("process", source="made up", memory_max=limit * 4096),),
        kernel=nearest.name,
        design="classic",
        cgroup_version=1,
        kernel_pages=KERNEL_PAGES,
    )
    lengths = array("H", [LENGTH]) * PAGES
    area = SwapArea("area", "full", 2 * PAGES + 4096)
    timing.setdefault("flush_every", nearest.vmscan.flush_every)
    memory, _ = Machine(host, [lengths], [area], Timing(**timing)).under_limits()
    memory.fill(0)
    assert memory.events(0).pgmajfault == 0
    writes = bytes(page & 1 for page in touches) if how == "w" else None
    memory.touch(0, touches, writes)
    assert memory.killed == [False]
    return memory.events(0).pgmajfault


def live_runs(
    program: Path, area: Path, touches: array[int], limit: int, how: str, cpus: Sequence[int]
) -> Iterator[int]:
    """Major faults of run after run, but for those that were killed."""
    with ExitStack() as stack:
        stack.enter_context(setting(ENABLED, "Y"))
        stack.enter_context(setting(CLUSTER, "0"))
        stack.enter_context(swap(area))
        while True:
            faults = live(program, touches, limit, how, cpus)
            if faults is not None:
                yield faults


@pytest.mark.parametrize("how", ["r", "w"])
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", ["zipf", "uniform", "scan", "loop", "hot"])
def test_major_faults_are_the_kernels(
    toucher: Path, tmp_path: Path, name: str, share: str, how: str
) -> None:
    cpus = sorted(os.sched_getaffinity(0))[1::-1]
    if len(cpus) < 2:
        pytest.skip("one CPU here, whose TLB hides touches")
    touches, limit = trace(name), int(PAGES * SHARES[share])
    ours = modelled(touches, limit, how)
    found = []
    with closing(live_runs(toucher, tmp_path / "swap", touches, limit, how, cpus)) as runs:
        for run in islice(runs, TRIES):
            found.append(run)
            if run == ours:
                break
    assert ours in found


@pytest.mark.parametrize(
    ("name", "share", "how"),
    [("zipf", "ample", "r"), ("zipf", "tight", "w"), ("hot", "half", "r"), ("hot", "tight", "w")],
)
def test_a_process_that_stays_on_one_cpu_is_within_our_band(
    toucher: Path, tmp_path: Path, name: str, share: str, how: str
) -> None:
    """The band reaches from all touches seen to none seen again; a flush can throw a run out."""
    touches, limit = trace(name, LONG), int(PAGES * SHARES[share])
    cpus = sorted(os.sched_getaffinity(0))[:1]
    with closing(live_runs(toucher, tmp_path / "swap", touches, limit, how, cpus)) as runs:
        found = list(islice(runs, RUNS))
    timings: list[dict[str, Any]] = [{}, {"flush_every": 0}, {"one_cpu": True}]
    ours = [modelled(touches, limit, how, **timing) for timing in timings]
    least, most = min(ours) * (1 - TOLERANCE), max(ours) * (1 + TOLERANCE)
    assert least <= median(found) <= most, (ours, found)
