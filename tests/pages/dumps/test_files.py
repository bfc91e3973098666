# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that files, devices and pipes come as whole pages, and every lost page is counted."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import pty
import random
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ghostswap.errors import TargetError, UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.dumps.telling import StreamSource, open_file

ReadAll = Callable[..., list[bytes]]


def numbered(pages: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") * (PAGE_SIZE // 4) for number in range(pages))


def padded(content: bytes) -> bytes:
    return content.ljust(-(-len(content) // PAGE_SIZE) * PAGE_SIZE, b"\0")


@pytest.mark.parametrize("size", [0, 1, PAGE_SIZE - 1, PAGE_SIZE, 200 * PAGE_SIZE + 7])
@pytest.mark.parametrize("buffer_pages", [1, 7, 512])
def test_a_file_is_its_content_padded_with_zeros(
    size: int, buffer_pages: int, tmp_path: Path, read_all: ReadAll
) -> None:
    content = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(content)
    with open_file(str(tmp_path / "file")) as source:
        pages = read_all(source, buffer_pages)
        assert b"".join(pages) == padded(content)
        assert source.pages == len(pages)
        assert list(source.account.left) == []


@pytest.mark.parametrize("buffer_pages", [1, 64])
def test_holes_are_zero_pages_and_data_among_them_is_found(
    buffer_pages: int, tmp_path: Path, read_all: ReadAll
) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        for at in (5000, 300 * PAGE_SIZE - 1, 301 * PAGE_SIZE + 4000):
            file.seek(at)
            file.write(b"data" * 30)
        file.truncate(1000 * PAGE_SIZE + 1)
    with open_file(str(path)) as source:
        assert b"".join(read_all(source, buffer_pages)) == padded(path.read_bytes())


def resident_pages(path: Path) -> int:
    """Count the pages of *path* in the page cache by mincore(2)."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        vec = (ctypes.c_ubyte * (len(mapped) // PAGE_SIZE))()
        start = ctypes.c_char.from_buffer(mapped)
        assert (
            ctypes.CDLL(None).mincore(ctypes.byref(start), ctypes.c_size_t(len(mapped)), vec) == 0
        )
        del start
        return sum(flags & 1 for flags in vec)


def test_holes_do_not_fill_the_page_cache(tmp_path: Path, read_all: ReadAll) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(4096 * PAGE_SIZE)
    with open_file(str(path)) as source:
        assert len(read_all(source, 1024)) == 4096
    assert resident_pages(path) == 0


def test_a_file_of_100_gb_without_data_can_be_named(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(100 << 30)
    buffer = memoryview(bytearray(b"\xa5" * 64 * PAGE_SIZE))
    with open_file(str(tmp_path / "huge")) as source:
        assert source.pages == (100 << 30) // PAGE_SIZE
        assert source.readinto(buffer) == len(buffer)
        assert not any(buffer)


@pytest.mark.parametrize("fill", [numbered(100), b""], ids=["data", "hole"])
def test_what_a_shrinking_file_lost_is_counted(
    fill: bytes, tmp_path: Path, read_all: ReadAll
) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(fill)
    os.truncate(path, 100 * PAGE_SIZE)
    content = path.read_bytes()
    with open_file(str(path)) as source:
        first = memoryview(bytearray(10 * PAGE_SIZE))
        assert source.readinto(first) == len(first)
        left = 20 * PAGE_SIZE + 5
        os.truncate(path, left)
        rest = b"".join(read_all(source))
        (lost,) = source.account.left
    assert bytes(first) + rest == padded(content[:left])
    assert (lost.pages, lost.what) == (79, f"bytes {left}-{100 * PAGE_SIZE - 1}")
    assert "shrank" in lost.reason


@pytest.mark.parametrize("left", [0, 10, 20])
def test_a_file_that_shrinks_to_whole_pages_ends_there(
    left: int, tmp_path: Path, read_all: ReadAll
) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(numbered(100))
    with open_file(str(path)) as source:
        first = memoryview(bytearray(10 * PAGE_SIZE))
        assert source.readinto(first) == len(first)
        os.truncate(path, left * PAGE_SIZE)
        assert len(read_all(source)) == max(0, left - 10)
        (lost,) = source.account.left
    assert lost.pages == 90 - max(0, left - 10)


def test_a_growing_file_is_as_large_as_it_was(tmp_path: Path, read_all: ReadAll) -> None:
    path = tmp_path / "growing"
    path.write_bytes(numbered(3))
    with open_file(str(path)) as source:
        path.write_bytes(numbered(9))
        assert len(read_all(source)) == source.pages == 3


def test_what_holds_no_memory_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for path, what in (
            (tmp_path, "a directory"),
            (tmp_path / "fifo", "a FIFO"),
            (tmp_path / "socket", "a socket"),
            (Path("/dev/zero"), "a character device"),
        ):
            with pytest.raises(TargetError, match=f"{path}: is {what}, not a file"):
                open_file(str(path))


def test_an_unreadable_file_is_named_with_the_reason(
    tmp_path: Path, as_nobody: Callable[[Callable[[], Any]], Any]
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    secret.chmod(0)
    message, _ = as_nobody(lambda: open_file(str(secret)))
    assert message == f"{secret}: Permission denied"


@pytest.fixture
def failing_device(tmp_path: Path) -> Any:
    """A block device of 256 numbered pages of which 128 to 199 and 211 up give EIO, by loop(4).

    With direct I/O, the loop driver fails reads of what its file no longer has; what was
    read before stays in the page cache of the device.
    """
    if os.geteuid() or not shutil.which("losetup"):
        pytest.skip("needs root and losetup")
    image = tmp_path / "image"
    image.write_bytes(numbered(256))
    setup = ["losetup", "--direct-io=on", "--show", "-f", str(image)]
    made = subprocess.run(setup, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    fd = os.open(device, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)  # no readahead
        os.pread(fd, 11 * PAGE_SIZE, 200 * PAGE_SIZE)
        os.truncate(image, 128 * PAGE_SIZE + 512)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            os.pread(fd, PAGE_SIZE, 255 * PAGE_SIZE)
        yield device
    finally:
        os.close(fd)
        subprocess.run(["losetup", "-d", device], check=True)


@pytest.mark.parametrize("buffer_pages", [1, 300])
def test_bad_places_of_a_device_are_skipped_and_named(
    failing_device: str, buffer_pages: int, read_all: ReadAll
) -> None:
    with open_file(failing_device) as source:
        assert source.pages == 256
        pages = read_all(source, buffer_pages)
        skipped = list(source.account.left)
    numbers = [int.from_bytes(page[:4], "big") for page in pages]
    assert numbers == [*range(128), *range(200, 211)]
    assert [(gap.what, gap.pages) for gap in skipped] == [
        (f"bytes {128 * PAGE_SIZE}-{200 * PAGE_SIZE - 1}", 72),
        (f"bytes {211 * PAGE_SIZE}-{256 * PAGE_SIZE - 1}", 45),
    ]
    assert {gap.reason for gap in skipped} == {os.strerror(errno.EIO)}


def test_a_pipe_is_read_to_its_end_however_it_comes(read_all: ReadAll) -> None:
    script = f"printf a; sleep 0.02; head -c {3 * PAGE_SIZE} /dev/zero; printf b"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout
        with StreamSource(child.stdout.fileno()) as source:
            assert source.pages is None
            assert b"".join(read_all(source, 2)) == padded(b"a" + bytes(3 * PAGE_SIZE) + b"b")


def test_a_nonblocking_pipe_is_waited_for(read_all: ReadAll) -> None:
    script = "sleep 0.05; printf late"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout
        os.set_blocking(child.stdout.fileno(), False)
        with StreamSource(child.stdout.fileno()) as source:
            assert b"".join(read_all(source)) == padded(b"late")


def test_a_file_on_standard_input_is_read_from_where_it_stands(
    tmp_path: Path, read_all: ReadAll
) -> None:
    path = tmp_path / "file"
    path.write_bytes(numbered(5))
    with path.open("rb", buffering=0) as file:
        file.seek(2 * PAGE_SIZE + 1)
        with StreamSource(file.fileno()) as source:
            assert source.pages == 3
            assert b"".join(read_all(source)) == padded(numbered(5)[2 * PAGE_SIZE + 1 :])


def test_standard_input_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    closed = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(TargetError, match="Is a directory"):
        StreamSource(closed).readinto(memoryview(bytearray(PAGE_SIZE)))
    os.close(closed)
    with pytest.raises(TargetError, match="Bad file descriptor"):
        StreamSource(closed)
    ours, theirs = pty.openpty()
    with pytest.raises(UsageError, match="terminal"):
        StreamSource(theirs)
    os.close(ours)
    os.close(theirs)
