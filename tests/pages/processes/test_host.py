# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that many processes give each page once, and that to look at them changes nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_root
from support.children import PRELUDE

from ghostswap.errors import TargetError
from ghostswap.live.zswap import MADV_PAGEOUT
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.processes import frames, pagemap
from ghostswap.pages.processes.host import OnceSource, Totals
from ghostswap.pages.source import IN_SWAP, Why

Child = subprocess.Popen[str]
Spawn = Callable[[str], Child]
GoOn = Callable[[Child], None]
ReadAll = Callable[..., list[bytes]]


#: What children use beside the prelude: a fork that sleeps, and what the kernel may take for huge.
FORK = """
import os, signal
def fork(work=lambda: None):
    reader, writer = os.pipe()
    if not os.fork():
        libc.prctl(1, 9)
        work()
        os.write(writer, b"x")
        signal.pause()
    os.read(reader, 1)
"""

pytestmark = needs_root


def once(*pids: int) -> OnceSource:
    return OnceSource("these", pids, lambda: Totals(None, None))


def family(child: Child) -> list[int]:
    """A child and its own, all asleep."""
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text()
    pids = [child.pid, *map(int, children.split())]
    for pid in pids:
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.001)
    return pids


def ghosts(pages: list[bytes], text: bytes = b"ghost") -> list[int]:
    """The numbers that ``fill()`` wrote, in order."""
    marked = re.compile(re.escape(text) + rb"([0-9]{8})\.*", re.DOTALL)
    return sorted(int(match[1]) for page in pages if (match := marked.fullmatch(page)))


def anonymous_pages(pid: int) -> int:
    """What smaps counts as anonymous."""
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    return sum(map(int, re.findall(r"^Anonymous: +(\d+) kB$", smaps, re.MULTILINE))) // 4


def test_a_process_alone_has_the_pages_that_smaps_counts(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("""if True:
        m = anonymous(1 << 26)
        fill(m, [*range(300), *range(3001, 5000, 2), 1 << 20, (1 << 26) - 1])
        nothing = [m[number << 12] for number in range(10000, 12000)]
    """)
    with once(child.pid) as source:
        assert source.pages == anonymous_pages(child.pid)
        pages = read_all(source)
        assert source.account.left == []
        assert source.account.read == len(pages) == source.pages
    assert ghosts(pages) == [*range(300), *range(3001, 5000, 2), 1 << 20, (1 << 26) - 1]


@pytest.mark.parametrize("buffer_pages", [1, 64])
def test_pages_that_fork_shares_are_met_once_and_copies_each(
    buffer_pages: int, spawn: Spawn, read_all: ReadAll
) -> None:
    child = spawn(f"""{FORK}
m = anonymous(2000)
fill(m, range(2000))
fork(lambda: fill(m, range(500, 600), b"child"))
fork()
""")
    pids = family(child)
    for _ in range(2):  # and to read them does not part them
        with once(*pids) as source:
            pages = read_all(source, buffer_pages)
            shared = source.account.pages([Why.SHARED])
            assert len(pages) == source.pages == source.account.read
        assert ghosts(pages) == [*range(2000)]
        assert ghosts(pages, b"child") == [*range(500, 600)]
        assert len(pages) + shared == sum(map(anonymous_pages, pids))
    with once(pids[1]) as source:  # alone it has all that it maps
        assert len(ghosts(read_all(source))) == 1900


@pytest.fixture
def ksm(kernel_lock: None) -> Iterator[None]:  # noqa: ARG001
    """The kernel's daemon merges equal pages."""
    folder = Path("/sys/kernel/mm/ksm")
    if not folder.exists():
        pytest.skip("no KSM in this kernel")
    before = {name: (folder / name).read_text() for name in ("run", "sleep_millisecs")}
    (folder / "sleep_millisecs").write_text("5")
    (folder / "run").write_text("1")
    yield
    (folder / "run").write_text("2")  # which unmerges
    for name, value in before.items():
        (folder / name).write_text(value)


@pytest.mark.usefixtures("ksm")
def test_pages_that_ksm_merged_are_one(spawn: Spawn, read_all: ReadAll) -> None:
    # No more of each than /sys/kernel/mm/ksm/max_page_sharing, 256 where nobody says otherwise.
    child = spawn("""if True:
        m = anonymous(800)
        fill(m, range(800))
        for number in range(800):
            fill(memoryview(m)[number * 4096 :], [0], b"same%d" % (number % 4))
        m.madvise(mmap.MADV_MERGEABLE)
    """)
    status = Path(f"/proc/{child.pid}/ksm_merging_pages")
    for _ in range(600):
        if int(status.read_text()) >= 800:
            break
        time.sleep(0.05)
    else:
        pytest.skip("the daemon merges nothing here")
    with once(child.pid) as source:
        pages = read_all(source)
        assert source.account.pages([Why.SHARED]) == 796
    same = Counter(page[:5] for page in pages if page.startswith(b"same"))
    assert same == dict.fromkeys((b"same0", b"same1", b"same2", b"same3"), 1)
    assert int(status.read_text()) == 800, "they are merged still"


def test_shared_memory_is_read_by_file_each_page_once(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn(f"""{FORK}
share = mmap.mmap(-1, 1000 * 4096)
fill(share, range(0, 1000, 3), b"share")
fd = libc.memfd_create(b"memory", 0)
os.ftruncate(fd, 300 * 4096 + 100)
os.pwrite(fd, b"".join((b"memfd%08d" % n).ljust(4096, b".") for n in range(50)), 0)
os.pwrite(fd, b"tail", 300 * 4096)
memfd = mmap.mmap(fd, 4096)  # whose other pages nobody maps
libc.shmat.restype = ctypes.c_void_p
place = libc.shmat(libc.shmget(0, 100 * 4096, 0o1600), None, 0)
fill((ctypes.c_char * (100 * 4096)).from_address(place), range(100), b"sysv.")
fork(lambda: fill(share, range(1, 1000, 3), b"share"))
""")
    with once(*family(child)) as source:
        pages = read_all(source)
        assert source.account.read == source.pages
    assert ghosts(pages, b"share") == [n for n in range(1000) if n % 3 < 2]
    assert ghosts(pages, b"memfd") == [*range(50)]
    assert ghosts(pages, b"sysv.") == [*range(100)]
    assert pages.count(b"tail".ljust(PAGE_SIZE, b"\0")) == 1


def test_a_file_in_a_tmpfs_of_another_mount_namespace_is_shared_memory(
    tmp_path: Path, read_all: ReadAll
) -> None:
    code = """if True:
        import mmap, sys
        with open("file", "wb") as file:
            file.write(b"".join((b"tmpfs%08d" % n).ljust(4096, b".") for n in range(20)))
        file = open("file", "rb")
        m = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        print(flush=True)
        sys.stdin.readline()
    """
    script = 'mount -t tmpfs none . && cd "$PWD" && exec "$0" -I -S -c "$1"'
    command = ["unshare", "-m", "sh", "-c", script, sys.executable, code]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        if child.stdout.readline() != "\n":
            pytest.skip("no mount namespaces here")
        with once(child.pid) as source:
            assert ghosts(read_all(source), b"tmpfs") == [*range(20)]
        child.communicate()


def test_a_file_in_tmpfs_is_one_whatever_it_is_called(spawn: Spawn, read_all: ReadAll) -> None:
    if not os.path.ismount("/dev/shm"):
        pytest.skip("no /dev/shm here")
    code = """if True:
        import os
        file = os.open({0!r}, os.O_RDWR)
        m = mmap.mmap(file, 0)
        if {1}:
            os.unlink({0!r})
    """
    names = [f"/dev/shm/ghostswap-test-{os.getpid()}-{number}" for number in range(2)]
    Path(names[0]).write_bytes(b"".join((b"tmpfs%08d" % n).ljust(4096, b".") for n in range(20)))
    os.link(names[0], names[1])
    try:
        pids = [spawn(code.format(name, name == names[1])).pid for name in names]
        with once(*pids) as source:
            assert ghosts(read_all(source), b"tmpfs") == [*range(20)]
    finally:
        os.unlink(names[0])


@contextmanager
def swap_of(folder: Path) -> Iterator[None]:
    """A small swap area in use."""
    if not (shutil.which("mkswap") and shutil.which("swapon")):
        pytest.skip("needs mkswap and swapon")
    area = folder / "area"
    with area.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(bytes(32 << 20))
    subprocess.run(["mkswap", area], check=True, capture_output=True)
    if subprocess.run(["swapon", area], check=False, capture_output=True).returncode:
        pytest.skip("no swapon here")
    try:
        yield
    finally:
        subprocess.run(["swapoff", area], check=True)


def vm_swap(pid: int) -> int:
    """Anonymous pages of a process in swap."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmSwap:\s+(\d+)", status)[0]) // 4


@pytest.mark.usefixtures("kernel_lock")
def test_what_is_in_swap_is_counted_once_and_stays_there(
    spawn: Spawn, tmp_path: Path, read_all: ReadAll
) -> None:
    with swap_of(tmp_path):
        child = spawn(f"""{FORK}
m = anonymous(2000)
fill(m, range(2000))
share = mmap.mmap(-1, 1000 * 4096)
fill(share, range(1000), b"share")
m.madvise({MADV_PAGEOUT}, 0, 1500 * 4096)
share.madvise({MADV_PAGEOUT}, 0, 700 * 4096)
fork()
""")
        pids = family(child)
        before = [vm_swap(pid) for pid in pids]
        assert min(before) > 0, "the kernel took no advice"
        for _ in range(2):
            with once(*pids) as source:
                pages = read_all(source)
                swapped = source.account.pages(IN_SWAP)
            anonymous, share = ghosts(pages), ghosts(pages, b"share")
            assert anonymous[-500:] == [*range(1500, 2000)]
            assert share[-300:] == [*range(700, 1000)]
            assert before[0] - 16 <= 2000 - len(anonymous) <= before[0]
            assert swapped == 2000 - len(anonymous) + 1000 - len(share)
        assert [vm_swap(pid) for pid in pids] == before
        child.kill()
        child.wait()


def faults(pid: int) -> dict[str, int]:
    """All that looking at a process might change in it."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = {name: int(value) for name, value in re.findall(r"(Vm\w+|Rss\w+):\s+(\d+)", status)}
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return found | {"minflt": int(stat[7]), "majflt": int(stat[9])}


@pytest.fixture
def group() -> Iterator[Path]:
    """A memory cgroup, to count the faults that others make in a process."""
    for top, stat in (("/sys/fs/cgroup/memory", "tasks"), ("/sys/fs/cgroup", "cgroup.threads")):
        if os.path.exists(f"{top}/memory.stat") and os.path.exists(f"{top}/{stat}"):
            folder = Path(top, f"ghostswap-test-{os.getpid()}")
            folder.mkdir()
            if (folder / "memory.stat").exists():
                break
            folder.rmdir()
    else:
        pytest.skip("no memory cgroups here")
    yield folder
    for _ in range(100):
        try:
            folder.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            break


def test_to_look_at_memory_brings_none_in(
    group: Path, spawn: Spawn, go_on: GoOn, read_all: ReadAll
) -> None:
    child = spawn(f"""{FORK}
pause()
m = anonymous(1 << 20)
fill(m, range(0, 3000, 3))
nothing = [m[number << 12] for number in range(1 << 19, 1 << 20, 1 << 10)]
share = mmap.mmap(-1, 1000 * 4096)
fill(share, range(0, 1000, 7), b"share")
fork()
""")
    (group / "cgroup.procs").write_text(str(child.pid))
    go_on(child)
    pids = family(child)

    def seen() -> tuple[list[dict[str, int]], dict[str, str]]:
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return list(map(faults, pids)), {
            name: stat[name] for name in stat if re.fullmatch("(total_)?pg(maj)?fault", name)
        }

    before = seen()
    assert before[1], "the cgroup counts faults"
    with once(*pids) as source:
        pages = read_all(source)
    assert ghosts(pages) == [*range(0, 3000, 3)]
    assert ghosts(pages, b"share") == [*range(0, 1000, 7)]
    assert seen() == before
    child.kill()
    child.wait()


def test_zero_pages_that_were_only_read_are_none(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("""if True:
        m = anonymous(4096)
        m.madvise(14)  # MADV_HUGEPAGE: the first half is read as huge zero pages
        nothing = [m[number << 12] for number in range(2048)]
        fill(m, [4000])
        libc.fork()
    """)
    with once(child.pid) as source:
        pages = read_all(source)
        assert source.account.pages([Why.SHARED]) == 0
        assert len(pages) == source.pages == anonymous_pages(child.pid)
    assert ghosts(pages) == [4000]


def test_locked_memory_is_counted_and_left(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("""if True:
        m = anonymous(16)
        fill(m, range(16))
        assert libc.mlock(ctypes.c_void_p(address(m)), ctypes.c_size_t(4 * 4096)) == 0
    """)
    with once(child.pid) as source:
        assert ghosts(read_all(source)) == [*range(4, 16)]
        assert source.account.counts()[Why.LOCKED] == 4


def test_memory_without_permissions_is_read(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("""if True:
        m = anonymous(30)
        fill(m, range(30))
        for place, protection in ((0, 0), (10, 1)):
            start = ctypes.c_void_p(address(m) + place * 4096)
            assert libc.mprotect(start, ctypes.c_size_t(10 * 4096), protection) == 0
    """)
    with once(child.pid) as source:
        assert ghosts(read_all(source)) == [*range(30)]


@pytest.mark.parametrize("can_scan", [True, False])
def test_older_kernels_give_the_same(
    can_scan: bool, spawn: Spawn, read_all: ReadAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = spawn(f"{FORK}\nm = anonymous(1 << 16)\nfill(m, range(1, 1 << 16, 999))\nfork()")
    if not can_scan:
        monkeypatch.setattr(frames.pagemap, "best_walk", lambda _: pagemap.read_entries)
    with once(*family(child)) as source:
        assert ghosts(read_all(source)) == [*range(1, 1 << 16, 999)]


def test_processes_that_end_are_counted_and_the_others_read(
    spawn: Spawn, read_all: ReadAll
) -> None:
    gone, early, there = (spawn("m = anonymous(100); fill(m, range(100))") for _ in range(3))
    gone.kill()
    gone.wait()
    with once(gone.pid, early.pid, there.pid) as source:
        early.kill()
        early.wait()
        assert ghosts(read_all(source)) == [*range(100)]
        (left,) = source.account.left
    assert (left.why, left.what) == (Why.ENDED, "1 process")
    assert left.pages >= 100


def test_a_process_that_ends_while_it_is_read_is_counted(spawn: Spawn, read_all: ReadAll) -> None:
    child = spawn("m = anonymous(30000); fill(m, range(30000))")
    other = spawn("m = anonymous(100); fill(m, range(100), b'other')")
    with once(child.pid, other.pid) as source:
        buffer = memoryview(bytearray(256 * PAGE_SIZE))
        assert source.readinto(buffer) == len(buffer)
        child.kill()
        child.wait()
        pages = read_all(source)
        (ended,) = source.account.left
        assert ghosts(pages, b"other") == [*range(100)]
        assert ended.why is Why.ENDED
        assert ended.pages == source.pages - source.account.read > 20000


def test_others_than_root_are_told_what_it_takes(as_nobody: Callable[..., Any]) -> None:
    message, hint = as_nobody(lambda: open_source("host"))
    assert message.startswith("host: only root")
    assert "mine" in hint
    with pytest.raises(TargetError, match="no such cgroup"):
        open_source("cgroup:no-such-cgroup-anywhere")


NAMESPACE = """
import json, subprocess, sys
code, reader = sys.argv[1:]
def start(text):
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code.replace("TEXT", text)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    child.stdout.readline()
    return child
children = [start("first"), start("other")]
found = subprocess.run([sys.executable, "-c", reader], capture_output=True, text=True)
print(found.stdout, found.stderr)
for child in children:
    child.kill()
"""
READER = """
import json, re
from ghostswap.pages import open_source
own = b"reade00000000".ljust(4096, b".") * 3
buffer = memoryview(bytearray(1 << 20))
pages = []
with open_source("host") as source:
    while got := source.readinto(buffer):
        pages += [bytes(buffer[at : at + 5]).decode("latin-1") for at in range(0, got, 4096)]
    counts = source.account.counts()
print(json.dumps([{text: pages.count(text) for text in ("first", "other", "reade")}, counts]))
"""


@pytest.fixture
def host(tmp_path: Path) -> Callable[[str], tuple[dict[str, int], dict[str, int]]]:
    """Read ``host`` where it is a PID namespace with two processes that run some code."""
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")

    def look(code: str) -> tuple[dict[str, int], dict[str, int]]:
        command = ["unshare", "-pf", "--mount-proc", sys.executable, "-c", NAMESPACE]
        done = subprocess.run(
            [*command, f"{PRELUDE}\n{code}\npause()", READER],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        if done.returncode:
            pytest.skip(f"no PID namespaces here: {done.stderr.strip()}")
        texts, counts = json.loads(done.stdout)
        return texts, counts

    return look


def test_host_has_all_processes_but_the_one_that_looks(
    host: Callable[[str], tuple[dict[str, int], dict[str, int]]],
) -> None:
    texts, counts = host("m = anonymous(64)\nfill(m, range(64), b'TEXT')")
    assert texts == {"first": 64, "other": 64, "reade": 0}
    assert counts["read"] > 128
    assert counts[Why.REFUSED] == counts[Why.UNREADABLE] == 0


@pytest.mark.usefixtures("kernel_lock")
def test_what_is_in_zswap_is_counted_apart(
    host: Callable[[str], tuple[dict[str, int], dict[str, int]]], tmp_path: Path
) -> None:
    knob = Path("/sys/module/zswap/parameters/enabled")
    if not knob.exists():
        pytest.skip("no zswap in this kernel")
    before = knob.read_text()
    with swap_of(tmp_path):
        knob.write_text("1")
        try:
            texts, counts = host(f"""
m = anonymous(1000)
fill(m, range(1000), b'TEXT')
m.madvise({MADV_PAGEOUT}, 0, 900 * 4096)
""")
        finally:
            knob.write_text(before)
    assert counts[Why.ZSWAPPED] > 0
    in_swap = counts[Why.ZSWAPPED] + counts[Why.SWAPPED]
    assert texts["first"] + texts["other"] + in_swap == 2000
