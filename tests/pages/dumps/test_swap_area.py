# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that an area nobody uses gives what the kernel put into it, and no other is read."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import needs_mkswap, needs_root
from support.filesystems import mounted

from ghostswap.errors import TargetError
from ghostswap.live.zswap import MADV_PAGEOUT
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.source import Why

ReadAll = Callable[..., list[bytes]]
Child = subprocess.Popen[str]
Spawn = Callable[[str], Child]

SWAPPED = 3000
PAGEOUT = f"""if True:
    m = anonymous({SWAPPED})
    fill(m, range({SWAPPED}))
    pause()
    m.madvise({MADV_PAGEOUT})
"""


def ghosts(pages: list[bytes]) -> list[int]:
    """The numbers of the child's pages, in order."""
    marked = re.compile(rb"ghost([0-9]{8})\.*", re.DOTALL)
    return sorted(int(match[1]) for page in pages if (match := marked.fullmatch(page)))


@contextmanager
def swapped_to(area: Path | str, spawn: Spawn, go_on: Callable[[Child], None]) -> Iterator[int]:
    """Have the kernel write a child's pages to a new area; gives how many it has there."""
    child = spawn(PAGEOUT)
    subprocess.run(["mkswap", "-q", area], check=True, capture_output=True)
    done = subprocess.run(["swapon", area], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no swapon here: {done.stderr.strip()}")
    try:
        go_on(child)
        status = Path(f"/proc/{child.pid}/status").read_text()
        yield int(re.findall(r"VmSwap:\s+(\d+) kB", status)[0]) // 4
        child.kill()
        child.wait()
    finally:
        subprocess.run(["swapoff", area], check=True)


@pytest.fixture
def no_zswap(kernel_lock: None) -> Iterator[None]:  # noqa: ARG001
    """What is swapped goes to disk."""
    knob = Path("/sys/module/zswap/parameters/enabled")
    before = knob.read_text() if knob.exists() else ""
    if before.startswith("Y"):
        knob.write_text("0")
    yield
    if before.startswith("Y"):
        knob.write_text("1")


@needs_root
@needs_mkswap
@pytest.mark.usefixtures("no_zswap")
@pytest.mark.parametrize("block_size", [1024, 4096])
@pytest.mark.parametrize("maker", ["dd", "fallocate"])
def test_what_was_swapped_to_a_file_is_found_in_it_afterwards(
    maker: str,
    block_size: int,
    tmp_path: Path,
    spawn: Spawn,
    go_on: Callable[[Child], None],
    read_all: ReadAll,
) -> None:
    mkfs = ["-q", "-b", str(block_size)]
    with mounted("ext4", tmp_path, size=128 << 20, mkfs=mkfs) as point:
        area = point / "area"
        with area.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            if maker == "dd":
                file.write(bytes(32 << 20))
                os.fsync(file.fileno())
            else:
                os.posix_fallocate(file.fileno(), 0, 32 << 20)
        with swapped_to(area, spawn, go_on) as swapped:
            for spec in (str(area), f"swap:{area}"):
                with pytest.raises(TargetError, match="is in use as swap") as caught:
                    open_source(spec)
                assert "host" in caught.value.hint
        assert swapped > SWAPPED // 2, "the kernel took no advice"
        with open_source(str(area)) as source:
            found = ghosts(read_all(source))
            counts = source.account.counts()
        assert len(found) >= swapped
        assert found == sorted(set(found)), "each once"
        assert counts["doubtful"] == counts["read"] > 0
        assert sum(counts[why] for why in ("read", Why.ZERO, Why.ABSENT)) == (32 << 20) // 4096 - 1


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    """A loop device of 32 MiB."""
    if os.geteuid() or not shutil.which("losetup"):
        pytest.skip("needs root and losetup")
    with (tmp_path / "image").open("wb") as file:
        file.write(bytes(32 << 20))
    setup = ["losetup", "--show", "-f", str(tmp_path / "image")]
    made = subprocess.run(setup, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device: {made.stderr.strip()}")
    yield made.stdout.strip()
    subprocess.run(["losetup", "-d", made.stdout.strip()], check=True)


@needs_mkswap
@pytest.mark.usefixtures("no_zswap")
def test_what_was_swapped_to_a_device_is_found_though_it_was_read_before(
    device: str, tmp_path: Path, spawn: Spawn, go_on: Callable[[Child], None], read_all: ReadAll
) -> None:
    with open(device, "rb") as file:
        assert not any(file.read())  # and so its zeros are cached
    with swapped_to(device, spawn, go_on) as swapped:
        with pytest.raises(TargetError, match="is in use as swap"):
            open_source(f"swap:{device}")
        # Nor is the file behind it.
        with pytest.raises(TargetError, match="is in use as swap"):
            open_source(f"swap:{tmp_path}/image")
    with open_source(f"swap:{device}") as source:
        assert len(ghosts(read_all(source))) >= swapped > SWAPPED // 2


@needs_mkswap
def test_a_device_that_somebody_claims_is_refused(device: str) -> None:
    subprocess.run(["mkswap", "-q", device], check=True, capture_output=True)
    fd = os.open(device, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(TargetError, match="is claimed by another"):
            open_source(f"swap:{device}")
    finally:
        os.close(fd)


def make_area(
    path: Path, pages: int, *, last: int = 0, bad: tuple[int, ...] = (), order: str = "<"
) -> list[bytes]:
    """Write an area with a numbered page in each slot; return those pages."""
    slots = [(b"slot%d" % number).ljust(PAGE_SIZE, b".") for number in range(pages)]
    head = struct.pack(f"{order}1024x3I16s16s468x", 1, last or pages - 1, len(bad), b"u", b"label")
    head += struct.pack(f"{order}{len(bad)}I", *bad)
    slots[0] = head.ljust(PAGE_SIZE - 10, b"\0") + b"SWAPSPACE2"
    path.write_bytes(b"".join(slots))
    return slots


@pytest.mark.parametrize("order", ["<", ">"])
def test_slots_are_the_pages_behind_the_header_without_the_bad_ones(
    order: str, tmp_path: Path, read_all: ReadAll
) -> None:
    slots = make_area(tmp_path / "area", 50, bad=(7, 1, 49), order=order)
    with open_source(str(tmp_path / "area")) as source:
        assert source.pages == 46
        assert read_all(source) == [slots[n] for n in range(1, 50) if n not in (1, 7, 49)]
        assert source.account.counts()[Why.BAD] == 3


def test_what_a_ghost_area_declares_and_has_not_is_counted(
    tmp_path: Path, read_all: ReadAll
) -> None:
    slots = make_area(tmp_path / "ghost", 3, last=1 << 24)
    with open_source(str(tmp_path / "ghost")) as source:
        assert read_all(source) == slots[1:]
        assert source.account.counts()[Why.ABSENT] == (1 << 24) - 2


def test_areas_of_machines_with_larger_pages(tmp_path: Path, read_all: ReadAll) -> None:
    size = 1 << 16
    head = struct.pack("<1024x3I", 1, 2, 0).ljust(size - 10, b"\0") + b"SWAPSPACE2"
    (tmp_path / "area").write_bytes(head + b"x" * size + b"y" * size)
    with open_source(f"swap:{tmp_path}/area") as source:
        assert read_all(source) == [b"x" * PAGE_SIZE] * 16 + [b"y" * PAGE_SIZE] * 16


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (bytes(9 * PAGE_SIZE), "has no swap header"),
        (b"", "has no swap header"),
        (bytes(PAGE_SIZE - 10) + b"SWAPSPACE2", "makes no sense"),
        (bytes(PAGE_SIZE - 10) + b"S1SUSPEND\0", "image of hibernation"),
        (bytes(PAGE_SIZE - 10) + b"SWAP-SPACE", "version 0"),
        (struct.pack("<1024x3I", 1, 9, 638).ljust(PAGE_SIZE - 10, b"\0") + b"SWAPSPACE2", "sense"),
    ],
)
def test_what_is_no_area_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "area").write_bytes(content)
    with pytest.raises(TargetError, match=words) as caught:
        open_source(f"swap:{tmp_path}/area")
    assert caught.value.hint
