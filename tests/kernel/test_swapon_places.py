# SPDX-License-Identifier: GPL-2.0-or-later
"""What the running kernel says of the places where an area may lie, and ``validate`` says the same.

Each file system that is here is asked for every reason for which it refuses a swap file.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path

import pytest
from conftest import needs_root
from support.filesystems import mounted
from support.swapon import (
    PAGE,
    Answer,
    Swapon,
    active,
    loop,
    make_area,
    predicted,
    swapon,
    this_kernel,
)

from ghostswap.area.header.header import NATIVE, Header
from ghostswap.area.judge.subject import judge_paths

Compare = Callable[..., Answer]
PAGES = 64
FS_IOC_ADD_ENCRYPTION_KEY, FS_IOC_SET_ENCRYPTION_POLICY = 0xC0506617, 0x800C6613

pytestmark = needs_root


@pytest.fixture
def ask(tmp_path: Path, kernel_lock: None) -> Iterator[Swapon]:  # noqa: ARG001
    with swapon(tmp_path) as asked:
        yield asked


@pytest.fixture
def answer(ask: Swapon) -> Compare:
    """Ask the kernel of a path, and see that it answers as predicted."""
    judges = this_kernel()

    def compare(path: str | os.PathLike[str]) -> Answer:
        expected, found = predicted(path, judges), ask(path)
        assert found == expected
        return found

    return compare


def run(*command: str | os.PathLike[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def written(path: Path, pages: int = PAGES) -> Path:
    """An area whose pages have all been written through the file system."""
    make_area(path, pages, allocate=False)
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xaa" * (pages - 1) * PAGE)
        os.fsync(file.fileno())
    return path


def nocow(path: Path) -> Path:
    """An empty NOCOW file."""
    path.touch()
    run("chattr", "+C", path)
    return path


def log_of(found: Answer) -> str:
    (line,) = found.log
    return line


def test_ext4_takes_what_is_allocated_and_refuses_holes(answer: Compare, tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, size=64 << 20, mkfs=("-b", "4096")) as point:
        assert answer(make_area(point / "allocated", PAGES)).pages == PAGES - 1
        assert answer(written(point / "written")).pages == PAGES - 1
        holes = answer(make_area(point / "holes", PAGES, allocate=False))
        assert log_of(holes) == f"swapon: file {point}/holes has unallocated extents"
        (point / "link").symlink_to("holes")
        assert log_of(answer(point / "link")) == log_of(holes)
        run("sh", "-c", cure(point / "holes"))
        assert answer(point / "link").pages == PAGES - 1
        run("chattr", "+i", point / "allocated")
        assert answer(point / "allocated").errno == "EPERM"
        run("chattr", "-i", "+a", point / "allocated")
        assert answer(point / "allocated").errno == "EPERM"
        run("chattr", "-a", point / "allocated")
        run("mount", "-o", "remount,ro", point)
        assert answer(point / "allocated").errno == "EROFS"


@pytest.mark.parametrize("block", [1024, 2048])
def test_blocks_smaller_than_a_page_lose_pages(answer: Compare, tmp_path: Path, block: int) -> None:
    with mounted("ext4", tmp_path, size=16 << 20, mkfs=("-b", str(block), "-m", "0")) as point:
        # Two files that grow in turn, block by block, leave each other few whole pages.
        left, right = point / "left", point / "right"
        for _ in range(PAGES * PAGE // block):
            for path in (left, right):
                with path.open("ab") as file:
                    file.write(bytes(block))
                    os.fsync(file.fileno())
        for path in (left, right):
            found = answer(with_header(path))
            assert found.pages is not None
            assert found.pages < PAGES - 1


def test_a_file_without_a_whole_page_is_refused(answer: Compare, tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, size=16 << 20, mkfs=("-b", "1024", "-m", "0")) as point:
        fill, room = point / "fill", os.statvfs(point)
        # All is full but a little for the extent tree; every second block of that is given back.
        size = room.f_bavail * room.f_frsize - (64 << 10)
        run("fallocate", "--length", str(size), fill)
        for step in range(256):
            punch(fill, size // 2 + 2 * step * 1024, 1024)
        rest = point / "rest"
        run("fallocate", "--length", str(32 << 10), rest)
        gaps = point / "gaps"
        with gaps.open("ab") as file:
            for _ in range(4 * PAGE // 1024):
                file.write(bytes(1024))
                file.flush()
                os.fsync(file.fileno())
        found = answer(with_header(gaps))
        assert log_of(found) == "swapon: Cannot find a single usable page in file."


def test_xfs_refuses_shared_extents_until_they_are_copied(answer: Compare, tmp_path: Path) -> None:
    with mounted("xfs", tmp_path) as point:
        assert answer(make_area(point / "allocated", PAGES)).pages == PAGES - 1
        holes = answer(make_area(point / "holes", PAGES, allocate=False))
        assert log_of(holes).endswith("/holes has unallocated extents")
        area = written(point / "area")
        run("cp", "--reflink=always", area, point / "clone")
        assert log_of(answer(area)) == f"swapon: file {area} has shared extents"
        run("sh", "-c", cure(area))
        assert answer(area).pages == PAGES - 1


def test_xfs_with_blocks_below_a_page(answer: Compare, tmp_path: Path) -> None:
    with mounted("xfs", tmp_path, mkfs=("-b", "size=1024")) as point:
        assert answer(make_area(point / "allocated", PAGES)).pages is not None
        assert answer(written(point / "written")).pages is not None


def test_btrfs_names_each_thing_that_it_refuses(answer: Compare, tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        what, _, why = log_of(answer(path)).partition(": ")
        assert what.startswith("BTRFS warning (device loop")
        return why

    with mounted("btrfs", tmp_path) as point:
        assert answer(make_area(nocow(point / "good"), PAGES)).pages == PAGES - 1
        cow = written(point / "cow")
        assert refused(cow) == "swapfile must not be copy-on-write"
        run("sh", "-c", cure(cow))
        assert answer(cow).pages == PAGES - 1
        holes = make_area(nocow(point / "holes"), PAGES, allocate=False)
        assert refused(holes) == "swapfile must not have holes"
        (point / "packed").touch()
        run("chattr", "+c", point / "packed")
        assert refused(written(point / "packed")) == "swapfile must not be compressed"
        shared = written(nocow(point / "shared"))
        run("cp", "--reflink=always", shared, nocow(point / "clone"))
        assert refused(shared) == "swapfile must not be copy-on-write"
        run("btrfs", "subvolume", "snapshot", point, point / "snapshot")
        assert refused(point / "good") == "swapfile must not be copy-on-write"


def test_btrfs_compressed_extents_are_seen_without_the_flag(
    answer: Compare, tmp_path: Path
) -> None:
    with mounted("btrfs", tmp_path, options="compress-force=zstd") as point:
        assert answer(make_area(nocow(point / "good"), PAGES)).pages == PAGES - 1
        assert log_of(answer(written(point / "packed"))).endswith("must not be copy-on-write")


def test_btrfs_wants_one_copy_of_the_data(answer: Compare, tmp_path: Path) -> None:
    with mounted("btrfs", tmp_path, mkfs=("--data", "dup")) as point:
        found = answer(make_area(nocow(point / "area"), PAGES))
        assert log_of(found).endswith("swapfile must have single data profile")


def test_btrfs_wants_one_device(answer: Compare, tmp_path: Path) -> None:
    image = tmp_path / "second"
    with image.open("wb") as file:
        file.truncate(320 << 20)
    with loop(image) as second, mounted("btrfs", tmp_path) as point:
        run("btrfs", "device", "add", "-f", second, point)
        area = nocow(point / "area")
        answers = []
        # It fills one device first, and goes on with the other one.
        for mib in (16, 400):
            os.truncate(area, 0)
            answers.append(answer(make_area(area, (mib << 20) // PAGE)))
        assert answers[0].pages == (16 << 20) // PAGE - 1
        assert log_of(answers[1]).endswith("swapfile must be on one device")


def test_an_encrypted_file_is_taken_or_refused_as_the_kernel_does(
    answer: Compare, tmp_path: Path
) -> None:
    with mounted("ext4", tmp_path, size=64 << 20, mkfs=("-b", "4096", "-O", "encrypt")) as point:
        (point / "secret").mkdir()
        encrypt(point / "secret")
        area = make_area(point / "secret/area", PAGES)
        found = answer(area)
        (judgement,) = judge_paths([str(area)], this_kernel())
        warned = "encrypted" in [danger.name for danger in judgement.dangers]
        assert warned == (found.errno is None)


@pytest.mark.parametrize("fstype", ["tmpfs", "ramfs"])
def test_file_systems_in_memory_refuse(answer: Compare, tmp_path: Path, fstype: str) -> None:
    point = tmp_path / fstype
    point.mkdir()
    run("mount", "-t", fstype, fstype, point)
    try:
        found = answer(written(point / "area"))
        assert found.errno == "EINVAL"
        assert found.log == {"tmpfs": (), "ramfs": ("swapon: swapfile has holes",)}[fstype]
    finally:
        run("umount", point)


def test_overlay_refuses_without_a_word(answer: Compare, tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, size=64 << 20) as point:
        for name in ("lower", "upper", "work", "over"):
            (point / name).mkdir()
        make_area(point / "lower/area", PAGES)
        dirs = f"lowerdir={point}/lower,upperdir={point}/upper,workdir={point}/work"
        done = subprocess.run(
            ["mount", "-t", "overlay", "-o", dirs, "overlay", point / "over"], check=False
        )
        if done.returncode:
            pytest.skip("this kernel has no overlay")
        try:
            judges = this_kernel()
            predicted(point / "over/area", judges)
            assert os.listdir(point / "upper") == [], "looking must not copy the file up"
            assert answer(point / "over/area") == Answer("EINVAL", (), None)
        finally:
            run("umount", point / "over")


def test_what_is_no_file_and_no_block_device(answer: Compare, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "plain").touch()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        errors = {
            name: answer(tmp_path / name).errno
            for name in ("fifo", "socket", "loop", "missing", "plain/below", "plain", "x" * 300)
        }
    assert errors == {
        "fifo": "EINVAL",
        "socket": "ENXIO",
        "loop": "ELOOP",
        "missing": "ENOENT",
        "plain/below": "ENOTDIR",
        "plain": "EINVAL",
        "x" * 300: "ENAMETOOLONG",
    }
    assert answer(tmp_path).errno == "EISDIR"
    for device in ("/dev/null", "/dev/zero", "/dev/full", "/proc/version"):
        assert answer(device).errno == "EINVAL"


def test_what_is_in_use_is_busy(answer: Compare, tmp_path: Path) -> None:
    area = make_area(tmp_path / "area", PAGES)
    with active(area):
        assert answer(area).errno == "EBUSY"
    with loop(area) as device:
        assert answer(device).pages == PAGES - 1
        with active(device):
            assert answer(device).errno == "EBUSY"
        claimed = os.open(device, os.O_RDONLY | os.O_EXCL)
        try:
            assert answer(device).errno == "EBUSY"
        finally:
            os.close(claimed)
        opened = os.open(device, os.O_RDWR)
        try:
            assert answer(device).pages == PAGES - 1
        finally:
            os.close(opened)
    with mounted("ext4", tmp_path, size=64 << 20) as point:
        source = run("findmnt", "--noheadings", "--output", "SOURCE", point).strip()
        assert answer(source).errno == "EBUSY"


def test_a_read_only_device_is_taken_and_warned_of(answer: Compare, tmp_path: Path) -> None:
    with loop(make_area(tmp_path / "area", PAGES), "--read-only") as device:
        assert answer(device).pages == PAGES - 1
        (judgement,) = judge_paths([device], this_kernel())
        assert "read-only-device" in [found.name for found in judgement.dangers]


def test_size_wraps_at_4_tib(answer: Compare, tmp_path: Path) -> None:
    pages = (1 << 30) + 1001
    if os.sysconf("SC_AVPHYS_PAGES") * PAGE < 2 * pages * 3.125:
        pytest.skip("needs 7 GiB of free memory: swapon allocates 3.125 bytes for each slot")
    image = make_area(tmp_path / "giant", pages, allocate=False)
    with loop(image) as device:
        assert answer(device).pages == 1000


def encrypt(directory: Path) -> None:
    """Have the files in an empty directory encrypted with a key of our own (fscrypt, v2)."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        key = bytearray(struct.pack("=II32sI36x64s", 2, 0, b"", 64, os.urandom(64)))
        ioctl(fd, FS_IOC_ADD_ENCRYPTION_KEY, key)
        policy = struct.pack("=BBBB4x16s", 2, 1, 4, 3, key[8:24])  # AES-256-XTS and -CTS
        ioctl(fd, FS_IOC_SET_ENCRYPTION_POLICY, policy)
    except OSError as error:
        pytest.skip(f"no encryption here: {error.strerror}")
    finally:
        os.close(fd)


def with_header(path: Path) -> Path:
    """A file with the header of an area as large as it is."""
    path.chmod(0o600)
    pages = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        file.write(Header(page_size=PAGE, byte_order=NATIVE, last_page=pages - 1).build())
        os.fsync(file.fileno())
    return path


def punch(path: Path, offset: int, length: int) -> None:
    where = ("--offset", str(offset), "--length", str(length))
    run("fallocate", "--punch-hole", *where, path)


def cure(path: Path) -> str:
    """The cure that we name for the refusal of *path*."""
    (judgement,) = judge_paths([str(path)], this_kernel())
    (verdict,) = judgement.verdicts
    assert verdict.refusal is not None
    return verdict.refusal.cure.partition(": ")[2].replace(
        "ghostswap mkswap", f"{sys.executable} -m ghostswap mkswap --quiet"
    )
