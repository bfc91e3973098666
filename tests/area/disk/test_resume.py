# SPDX-License-Identifier: GPL-2.0-or-later
"""``resume_offset`` is the page of the device that holds the header, or there is a reason."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest
from conftest import needs_root
from support.filesystems import mounted

from ghostswap import extents
from ghostswap.area.disk import resume
from ghostswap.area.disk.resume import Resume
from ghostswap.area.header.explain import inspect
from ghostswap.area.header.header import SWAPSPACE2, Header
from ghostswap.area.target.target import open_target

PAGE = 4096
SIZE = 4 << 20


def swap_file(path: Path, size: int = SIZE, **fields: int | bytes) -> Path:
    """A full swap file, on btrfs without copy on write, as btrfs wants it."""
    path.touch(0o600)
    if which("chattr"):
        subprocess.run(["chattr", "+C", path], check=False, capture_output=True)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, size)
        header = Header(PAGE, "little", size // PAGE - 1, **fields)  # type: ignore[arg-type]
        file.write(header.build())
        os.fsync(file.fileno())
    return path


def found(path: str | Path, offset: int = 0) -> Resume:
    with open_target(str(path)) as target:
        area = inspect(target, offset)
        every = extents.extents(target.fd) if target.kind == "file" else None
        summary = None if every is None else extents.summary(every, offset, target.size)
        return resume.find(target, area, summary)


def uuid_of(image: Path) -> str:
    tell = ["blkid", "--probe", "--output", "value", "--match-tag", "UUID", image]
    return subprocess.run(tell, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("fstype", "mkfs"), [("ext4", ("-b", "4096")), ("xfs", ()), ("btrfs", ())])
def test_the_header_lies_on_the_device_where_resume_offset_says(
    tmp_path: Path, fstype: str, mkfs: tuple[str, ...]
) -> None:
    with mounted(fstype, tmp_path, mkfs=mkfs) as point:
        (point / "before").write_bytes(os.urandom(300_000))
        path = swap_file(point / "swap")
        where = found(path)
        os.sync()
        assert where.offset is not None
        image = tmp_path / f"{fstype}.img"
        with image.open("rb") as file:
            file.seek(where.offset * PAGE)
            assert file.read(PAGE) == path.read_bytes()[:PAGE]
        if which("blkid"):
            uuid = uuid_of(image)
            assert where.line == f"resume=UUID={uuid} resume_offset={where.offset}"
        if fstype != "btrfs" and which("filefrag"):
            show = ["filefrag", "-v", path]
            text = subprocess.run(show, capture_output=True, text=True, check=True).stdout
            assert f" {where.offset}.." in text
        if fstype == "btrfs" and which("btrfs"):
            tell = ["btrfs", "inspect-internal", "map-swapfile", "-r", path]
            said = subprocess.run(tell, capture_output=True, text=True, check=True).stdout
            assert int(said) == where.offset


def test_a_header_that_small_blocks_put_inside_a_page_has_no_resume_offset(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, mkfs=("-b", "1024")) as point:
        places = set()
        for number in range(6):
            (point / f"before{number}").write_bytes(b"x" * 1024)
            path = swap_file(point / f"swap{number}")
            with path.open("rb") as file:
                first = next(iter(extents.extents(file.fileno()) or ()))
            aligned = first.physical % PAGE == 0
            where = found(path)
            assert where.offset == (first.physical // PAGE if aligned else None)
            assert ("inside a page" in where.reason) is not aligned
            places.add(aligned)
        assert False in places


def test_btrfs_data_on_several_places_has_no_resume_offset(tmp_path: Path) -> None:
    with mounted("btrfs", tmp_path, mkfs=("-d", "dup")) as point:
        where = found(swap_file(point / "swap"))
    assert (where.line, where.reason) == (
        None,
        "its data has the profile dup, and swap wants single",
    )


def test_on_a_btrfs_of_two_devices_the_device_is_named_by_path(tmp_path: Path) -> None:
    other = tmp_path / "other"
    with other.open("wb") as file:
        file.truncate(320 << 20)
    with mounted("btrfs", tmp_path, mkfs=("-d", "single")) as point:
        attach = ["losetup", "--find", "--show", other]
        loop = subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip()
        try:
            subprocess.run(["btrfs", "device", "add", loop, point], check=True, capture_output=True)
            where = found(swap_file(point / "swap"))
            show = ["btrfs", "filesystem", "show", "--raw", point]
            devices = subprocess.run(show, capture_output=True, text=True, check=True).stdout
            assert where.device is not None
            assert f"path {where.device}\n" in devices
            subprocess.run(["rm", point / "swap"], check=True)
            subprocess.run(
                ["btrfs", "device", "remove", loop, point], check=True, capture_output=True
            )
        finally:
            subprocess.run(["losetup", "--detach", loop], check=True)


@needs_root
def test_without_root_btrfs_is_asked_in_vain_and_that_is_said(tmp_path: Path) -> None:
    with mounted("btrfs", tmp_path) as point:
        path = swap_file(point / "swap")
        path.chmod(0o644)
        # In a child, which may change what it is: the chunk tree wants CAP_SYS_ADMIN.
        read, write = os.pipe()
        fd = os.open(path, os.O_RDONLY)
        child = os.fork()
        if not child:
            try:
                os.setuid(65534)
                os.write(write, found(f"/proc/self/fd/{fd}").reason.encode())
            finally:
                os._exit(0)
        os.close(write)
        os.close(fd)
        os.waitpid(child, 0)
        with os.fdopen(read) as answer:
            assert "only root may read" in answer.read()


def test_a_ghost_has_no_place_on_disk_for_an_image(tmp_path: Path) -> None:
    path = tmp_path / "ghost"
    path.write_bytes(Header(PAGE, "little", 99).build())
    assert found(path).line is None
    assert "a ghost has no data pages" in found(path).reason


@pytest.mark.parametrize(
    ("header", "size", "offset", "said"),
    [
        (Header(PAGE, "little", 99), 50 * PAGE, 0, "shorter than declared"),
        (Header(PAGE, "little", 99, version=2), 100 * PAGE, 0, "no kernel of today"),
        (Header(PAGE, "little", 99, magic=b"SWAP-SPACE"), 100 * PAGE, 0, "no kernel of today"),
        (Header(PAGE, "little", 99), 100 * PAGE, PAGE, "takes no offset"),
        (Header(PAGE, "little", 9), 100 * PAGE, 0, "has holes"),
    ],
)
def test_an_area_that_no_kernel_switches_on_has_a_reason_in_place_of_an_offset(
    tmp_path: Path, header: Header, size: int, offset: int, said: str
) -> None:
    path = tmp_path / "area"
    with path.open("wb") as file:
        file.truncate(offset + size)
        file.seek(offset)
        file.write(header.build())
    where = found(path, offset)
    assert where.line is None
    assert said in where.reason or "not known on" in where.reason


@needs_root
def test_a_device_is_named_by_the_areas_own_uuid_and_needs_no_offset(tmp_path: Path) -> None:
    image = tmp_path / "area"
    for sws_uuid in (bytes(range(16)), bytes(16)):
        header = Header(PAGE, "little", 99, sws_uuid=sws_uuid)
        image.write_bytes(header.build().ljust(100 * PAGE, b"\0"))
        attach = ["losetup", "--find", "--show", "--read-only", image]
        done = subprocess.run(attach, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no loop device: {done.stderr.strip()}")
        loop = done.stdout.strip()
        try:
            where = found(loop)
        finally:
            subprocess.run(["losetup", "--detach", loop], check=True)
        assert where.line == f"resume={'UUID=' + header.uuid if header.uuid else loop}"
        assert where.offset == 0
        assert header.magic == SWAPSPACE2
