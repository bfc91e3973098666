# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap status`` on the running kernel: its numbers are /sys's, its cures cure.

Each finding is brought about for real, seen, cured by the command line that was printed, and gone.
"""

from __future__ import annotations

import glob
import json
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, needs_mkfs_ext4, needs_root
from support.filesystems import mounted
from support.hosts import running_but
from support.running import needs_zram, needs_zswap
from support.screen import on_screen
from support.swapon import loop, make_area

from ghostswap.advise import findings
from ghostswap.advise.finding import Finding
from ghostswap.area.target.target import active_swaps
from ghostswap.live.seen.status import read
from ghostswap.live.seen.tree import Tree
from ghostswap.live.zram import live_zram
from ghostswap.live.zswap import MADV_PAGEOUT

PAGE = 4096
MIB = 1 << 20
ZSWAP = Path("/sys/module/zswap/parameters")
VM = Path("/proc/sys/vm")
pytestmark = needs_root


@pytest.fixture(autouse=True)
def as_before(kernel_lock: None) -> Iterator[None]:  # noqa: ARG001  # held all the while
    """Put back what cures change."""
    if "/" in Path("/proc/swaps").read_text():
        pytest.skip("swap is in use here")
    kept = {path: path.read_text() for path in _settings()}
    yield
    for path, text in kept.items():
        path.write_text(text)
    assert "/" not in Path("/proc/swaps").read_text()


def _settings() -> Iterator[Path]:
    if ZSWAP.is_dir():
        yield from ZSWAP.iterdir()
    yield VM / "page-cluster"


def _set(path: Path, value: str | int) -> None:
    path.write_text(str(value))


def _zswap(enabled: str, **values: int) -> None:
    """zswap on (``Y``) or off (``N``), with other parameters."""
    if not ZSWAP.is_dir():
        if enabled == "Y":
            pytest.skip("this kernel has no zswap")
        return
    for name, value in values.items():
        _set(ZSWAP / name, value)
    _set(ZSWAP / "enabled", enabled)


@contextmanager
def on(path: str | Path, priority: int = 0) -> Iterator[None]:
    """*path* switched on; afterwards it is off, whoever has done that."""
    subprocess.run(["swapon", "--priority", str(priority), path], check=True)
    try:
        yield
    finally:
        subprocess.run(["swapoff", path], check=False, capture_output=True)


@contextmanager
def zram(disksize: int = 16 * MIB, priority: int = 100, mem_limit: int = 0) -> Iterator[str]:
    """A zram device that is a swap area."""
    needs_zram("lzo-rle")
    with live_zram("lzo-rle", disksize // PAGE, mem_limit) as device:
        subprocess.run(["mkswap", device.path], check=True, capture_output=True)
        with on(device.path, priority):
            yield device.path


@contextmanager
def paged_out(data: bytes) -> Iterator[None]:
    """*data* in memory that was pushed out as far as it goes."""
    with mmap.mmap(-1, len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        memory[:] = data
        for _ in range(5):
            memory.madvise(MADV_PAGEOUT)
            time.sleep(0.05)
        yield


def hard(pages: int) -> bytes:
    return random.Random(3).randbytes(pages * PAGE)


def soft(pages: int) -> bytes:
    """Pages that compress to about half."""
    dice = random.Random(4)
    return b"".join(dice.randbytes(PAGE // 2) + bytes(PAGE // 2) for _ in range(pages))


def found(root: str = "") -> dict[str, Finding]:
    """Findings by their names."""
    return {one.id: one for one in findings.find(read(Tree(root)))}


def cure(command: str, etc: str = "") -> None:
    """Run *command* as it was printed, in a shell of root's.

    :param etc: a directory that stands for /etc meanwhile.
    """
    call = f'{sys.executable} -m ghostswap "$@"'
    instead = f"mount --bind {etc} /etc\n" if etc else ""
    script = f"ghostswap() {{ {call}; }}\n{instead}{command}\n"
    unshare = ["unshare", "--mount"] if etc else []
    done = subprocess.run(
        [*unshare, "bash", "-ec", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"


def seen(run: Run) -> dict[str, Any]:
    done = run("status", "--json")
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def numbers(path: str) -> dict[str, int]:
    """A file of names and numbers as plain as they stand there."""
    lines = (line.replace(":", " ").split() for line in Path(path).read_text().splitlines())
    return {line[0]: int(line[1]) for line in lines}


# The numbers


@pytest.fixture
def debugfs() -> Iterator[Path]:
    """debugfs where it belongs, mounted for now where it was not."""
    place = Path("/sys/kernel/debug")
    if list(place.iterdir()):
        yield place
        return
    subprocess.run(["mount", "-t", "debugfs", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_numbers_of_zswap_are_those_of_sys(tmp_path: Path, run: Run, debugfs: Path) -> None:
    needs_zswap(tmp_path)
    _zswap("Y")
    area = make_area(tmp_path / "area", 4096)
    with on(area), paged_out(soft(2000)):
        for _ in range(5):  # until nobody else swaps meanwhile
            before = numbers("/proc/vmstat")["zswpout"]
            meminfo = numbers("/proc/meminfo")
            shown = seen(run)
            counters = {path.name: int(path.read_text()) for path in (debugfs / "zswap").iterdir()}
            if numbers("/proc/vmstat")["zswpout"] == before:
                break
    zswap = shown["zswap"]
    assert zswap["debugfs"] == counters
    assert zswap["pool_bytes"] == counters["pool_total_size"] == meminfo["Zswap"] * 1024
    assert zswap["stored_bytes"] == counters["stored_pages"] * PAGE == meminfo["Zswapped"] * 1024
    assert zswap["stored_bytes"] > 1500 * PAGE
    percent = int((ZSWAP / "max_pool_percent").read_text())
    assert zswap["limit_bytes"] == meminfo["MemTotal"] // 4 * percent // 100 * PAGE
    assert zswap["parameters"] == {path.name: path.read_text().strip() for path in ZSWAP.iterdir()}
    (row,) = shown["areas"]
    assert (row["path"], row["size"], row["priority"]) == (str(area), 4095 * PAGE, 0)
    assert row["used"] == (meminfo["SwapTotal"] - meminfo["SwapFree"]) * 1024 > 1500 * PAGE
    assert shown["reserved_bytes"] == 4095 * PAGE
    assert shown["findings"] == []


def test_numbers_of_zram_are_those_of_sys(run: Run) -> None:
    with zram(mem_limit=12 * MIB) as device, paged_out(soft(2000)):
        sys_block = Path("/sys/block", os.path.basename(device))
        shown = seen(run)
        mm_stat = [int(word) for word in (sys_block / "mm_stat").read_text().split()]
    (row,) = [one for one in shown["zram"] if one["name"] == sys_block.name]
    counters = row["counters"]
    assert [counters["orig_data_size"], counters["compr_data_size"]] == mm_stat[:2]
    assert [counters["mem_used_total"], counters["mem_limit"]] == mm_stat[2:4]
    assert counters["orig_data_size"] > 1500 * PAGE
    assert counters["mem_limit"] == 12 * MIB
    assert (row["disksize"], row["comp_algorithm"]) == (16 * MIB, "lzo-rle")
    assert [area["medium"] for area in shown["areas"]] == ["zram"]
    assert (shown["reserved_bytes"], shown["never_written_bytes"]) == (0, 0)


def test_what_was_never_written_is_at_least_what_is_said(tmp_path: Path, run: Run) -> None:
    """An area larger than all that was ever written: what zswap holds is not on the disk."""
    written = numbers("/proc/vmstat")["pswpout"]
    needs_zswap(tmp_path)
    _zswap("Y")
    pages = min(written + 4000, (2 << 30) // PAGE)
    if pages < written + 1000:
        pytest.skip("this host has swapped a lot since it was booted")
    with on(make_area(tmp_path / "area", pages)), paged_out(soft(500)):
        shown = seen(run)
        assert numbers("/proc/vmstat")["pswpout"] == written
    assert shown["never_written_bytes"] == (pages - 1 - written) * PAGE


@pytest.mark.parametrize("also_zram", [False, True])
def test_it_fits_one_screen(tmp_path: Path, also_zram: bool) -> None:
    needs_zswap(tmp_path)
    _zswap("Y")
    with (
        tempfile.TemporaryDirectory(dir="/var") as short,
        on(make_area(Path(short, "swap"), 4096)),
        zram() if also_zram else nullcontext(),
        paged_out(soft(100)),
    ):
        lines = on_screen(80, "status")
        text = "\n".join(lines)
    assert len(lines) <= 24, text
    assert max(map(len, lines)) <= 80
    assert "zswap" in text
    assert ("cure" in text) == also_zram


# The cures: each state, made for real


States = dict[str, Callable[[Path, ExitStack], None]]
STATES: States = {}


def state(name: str) -> Callable[[Callable[[Path, ExitStack], None]], None]:
    def note(make: Callable[[Path, ExitStack], None]) -> None:
        STATES[name] = make

    return note


@state("zswap-off")
def _(directory: Path, stack: ExitStack) -> None:
    needs_zswap(directory)
    _zswap("N")
    stack.enter_context(on(make_area(directory / "area", 64)))


@state("zswap-over-zram")
def _(directory: Path, stack: ExitStack) -> None:
    needs_zswap(directory)
    _zswap("Y")
    stack.enter_context(zram())


@state("zram-above-disk")
def _(directory: Path, stack: ExitStack) -> None:
    stack.enter_context(on(make_area(directory / "area", 64), 1))
    stack.enter_context(zram(priority=2))


@state("zram-below-disk")
def _(directory: Path, stack: ExitStack) -> None:
    stack.enter_context(on(make_area(directory / "area", 64), 2))
    stack.enter_context(zram(priority=1))


@state("page-cluster")
def _(directory: Path, stack: ExitStack) -> None:  # noqa: ARG001
    _set(VM / "page-cluster", 3)
    stack.enter_context(zram())


@state("pool-limit")
def _(directory: Path, stack: ExitStack) -> None:
    """At a limit of nothing each page is refused, and goes to the disk."""
    needs_zswap(directory)
    if numbers("/proc/vmstat").get("zswpwb"):
        pytest.skip("zswap has written pages back since boot")
    _zswap("Y", max_pool_percent=0)
    stack.enter_context(on(make_area(directory / "area", 1024)))
    stack.enter_context(paged_out(soft(200)))


@state("slots-nearly-gone")
def _(directory: Path, stack: ExitStack) -> None:
    stack.enter_context(on(make_area(directory / "area", 1024)))
    stack.callback(lambda: subprocess.run(["swapoff", directory / "area.2"], check=False))
    stack.enter_context(paged_out(hard(1400)))


@state("zram-refuses")
def _(directory: Path, stack: ExitStack) -> None:  # noqa: ARG001
    stack.enter_context(zram(mem_limit=2 * MIB))
    stack.enter_context(paged_out(hard(1400)))


@state("insecure-mode")
def _(directory: Path, stack: ExitStack) -> None:
    area = make_area(directory / "area", 64)
    stack.enter_context(on(area))
    area.chmod(0o644)


@state("longer-than-declared")
def _(directory: Path, stack: ExitStack) -> None:
    area = make_area(directory / "area", 64)
    with area.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, 128 * PAGE)
    stack.enter_context(on(area))


@state("rotational-first")
def _(directory: Path, stack: ExitStack) -> None:
    for name, seeks in (("slow", 1), ("fast", 0)):
        device = stack.enter_context(loop(make_area(directory / name, 64)))
        queue = Path("/sys/block", os.path.basename(device), "queue")
        _set(queue / "rotational", seeks)
        stack.enter_context(on(device, 10 * seeks))


@state("lost-pages")
def _(directory: Path, stack: ExitStack) -> None:
    """A file in pieces of 1 KiB, between others."""
    mkfs = ("-b", "1024")
    place = stack.enter_context(mounted("ext4", directory, size=64 * MIB, mkfs=mkfs))
    spacer, pieces = (place / name for name in ("spacer", "area"))
    with spacer.open("wb") as one, pieces.open("wb") as other:
        for _turn in range(400):
            for file, size in ((one, 3072), (other, 9216)):
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
    subprocess.run(["mkswap", pieces], check=True, capture_output=True)
    pieces.chmod(0o600)
    stack.enter_context(on(pieces))


@needs_mkfs_ext4
@pytest.mark.parametrize("name", STATES)
def test_a_finding_is_gone_once_its_cure_has_run(tmp_path: Path, name: str) -> None:
    _zswap("N")
    with ExitStack() as stack:
        STATES[name](tmp_path, stack)
        before = found()
        assert name in before
        cure(before[name].cure)
        assert name not in found()


def fstab(directory: Path, line: str) -> str:
    """The running host with another /etc/fstab."""
    directory.mkdir(exist_ok=True)
    return running_but({"/etc/fstab": f"{line}\n"}, directory)


def test_a_file_with_holes_is_allocated_and_switched_on(tmp_path: Path) -> None:
    area = make_area(tmp_path / "area", 64, allocate=False)
    root = fstab(tmp_path / "root", f"{area} none swap defaults,pri=7 0 0")
    said = found(root)["area-refused"]
    assert "holes" in said.why
    try:
        cure(said.cure)
        after = {**found(root)}
        assert "area-refused" not in after
        assert "area-off" not in after
        assert "7" in Path("/proc/swaps").read_text().split()
    finally:
        subprocess.run(["swapoff", area], check=False)


def test_an_area_that_is_off_is_switched_on(tmp_path: Path) -> None:
    area = make_area(tmp_path / "area", 64)
    root = fstab(tmp_path / "root", f"{area} none swap sw 0 0")
    cure(found(root)["area-off"].cure)
    try:
        assert "area-off" not in found(root)
    finally:
        subprocess.run(["swapoff", area], check=True)


def test_a_line_of_fstab_for_nothing_is_commented_out(tmp_path: Path) -> None:
    gone = r"/not/the|re\040\at.all"
    lines = f"/dev/vda / ext4 defaults 0 1\n{gone} none swap sw 0 0\n{gone}2 none nfs x 0 0"
    root = fstab(tmp_path / "root", lines)
    cure(found(root)["area-missing"].cure, etc=f"{root}/etc")
    assert "area-missing" not in found(root)
    text = Path(root, "etc/fstab").read_text()
    assert text == f"{lines}\n".replace(f"{gone} none", f"#{gone} none")


def test_a_hibernation_image_is_discarded(tmp_path: Path) -> None:
    area = make_area(tmp_path / "area", 64)
    with area.open("r+b") as file:
        file.seek(PAGE - 10)
        file.write(b"S1SUSPEND\0")
    root = fstab(tmp_path / "root", f"{area} none swap sw 0 0")
    said = found(root)["hibernation-image"]
    cure(said.cure)
    assert "hibernation-image" not in found(root)


def test_zswap_gets_the_compressor_that_the_command_line_asks_for(tmp_path: Path) -> None:
    needs_zswap(tmp_path)
    loaded = read(Tree()).compressors
    other = next(iter(sorted(loaded - {(ZSWAP / "compressor").read_text().strip()})), None)
    if other is None:
        pytest.skip("the kernel has loaded one compressor only")
    text = f"root=/dev/vda zswap.compressor={other}"
    root = running_but({"/proc/cmdline": text}, tmp_path / "root")
    cure(found(root)["zswap-compressor"].cure)
    assert "zswap-compressor" not in found(root)
    assert (ZSWAP / "compressor").read_text().strip() == other


def test_a_first_area_is_made(tmp_path: Path) -> None:
    root = fstab(tmp_path / "root", "")
    room = read(Tree(root)).room
    if not room.free:
        pytest.skip("/ cannot hold swap")
    try:
        cure(found(root)["no-swap"].cure)
        assert "no-swap" not in found(root)
    finally:
        subprocess.run(["swapoff", room.path], check=False)
        with suppress(FileNotFoundError):
            os.unlink(room.path)


def test_a_second_zram_device_where_slots_in_zram_are_gone() -> None:
    with zram(2 * MIB) as ours, paged_out(soft(800)):
        there = set(glob.glob("/dev/zram*"))
        cure(found()["slots-nearly-gone"].cure)
        (new,) = {row.path for row in active_swaps()} - {ours}
        try:
            assert "slots-nearly-gone" not in found()
        finally:
            subprocess.run(["swapoff", new], check=True)
            number = new.removeprefix("/dev/zram")
            Path(f"/sys/block/zram{number}/reset").write_text("1")
            if new not in there:
                Path("/sys/class/zram-control/hot_remove").write_text(number)


def test_who_is_not_root_is_told_which_areas_were_not_seen(tmp_path: Path) -> None:
    with on(make_area(tmp_path / "area", 64)):
        read(Tree())  # has all imported that the child could not
        child = os.fork()
        if not child:
            os.setuid(65534)
            seen = read(Tree())
            told = seen.unseen.get(str(tmp_path / "area")) == "Permission denied"
            os._exit(0 if told and seen.size == 63 * PAGE else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Watching


def test_watching_says_what_changed_each_second_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    needs_zswap(tmp_path)
    _zswap("Y")
    call = [sys.executable, "-m", "ghostswap", "status", "--watch"]
    with (
        on(make_area(tmp_path / "area", 4096)),
        subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        while not process.stdout.readline().startswith(b"time\t"):
            assert process.poll() is None
        before = numbers("/proc/vmstat")["zswpout"]
        with paged_out(soft(1000)):
            rows = [process.stdout.readline().decode().split("\t") for _ in range(3)]
        out = numbers("/proc/vmstat")["zswpout"] - before
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.strip() == b"ghostswap: interrupted"
    assert sum(int(row[4]) for row in rows) == out > 900
