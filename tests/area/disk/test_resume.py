# SPDX-License-Identifier: GPL-2.0-or-later
"""``resume_offset`` is the page of the device that holds the header, or there is a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest
from conftest import needs_root
from support.filesystems import mounted
from support.swapon import loop

from ghostswap import extents
from ghostswap.area.disk import resume
from ghostswap.area.disk.resume import Resume
from ghostswap.area.header.explain import inspect
from ghostswap.area.header.header import SWAPSPACE2, Header
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.subject import Judges, at_boot
from ghostswap.area.target.target import open_target
from ghostswap.kernels import KERNELS

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


def found(
    path: str | Path, offset: int = 0, *, ram: int | None = None, judged: bool = True
) -> Resume:
    """As 6.18 has it; or as if it took everything."""
    with open_target(str(path)) as target:
        area = inspect(target, offset)
        judges = Judges([KERNELS["6.18"]], Machine(1 << 30, PAGE))
        (verdict,) = at_boot(target, area, judges)
        refused = verdict.refusal.reason if verdict.refusal and judged else ""
        return resume.find(target, area, refused, ram)


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
        where = found(swap_file(point / "swap"), judged=False)
        assert "more than one copy" in found(point / "swap").reason
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


def test_a_file_that_btrfs_would_copy_on_write_has_no_place(tmp_path: Path) -> None:
    """``validate`` refuses it as copy-on-write."""
    with mounted("btrfs", tmp_path) as point:
        path = point / "swap"
        path.write_bytes(Header(PAGE, "little", 99).build().ljust(100 * PAGE, b"\xaa"))
        path.chmod(0o600)
        os.sync()
        where = found(path)
        assert where.line is None
        assert "writes changed blocks elsewhere, unless a file is made NOCOW" in where.reason
        assert found(swap_file(point / "good")).line is not None


def test_an_image_in_the_area_is_no_reason_that_there_is_no_place_for_one(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, mkfs=("-b", "4096")) as point:
        for magic in (SWAPSPACE2, b"S1SUSPEND\0"):
            where = found(swap_file(point / "swap", magic=magic))
            assert where.line is not None


@needs_root
def test_what_lies_in_memory_behind_a_loop_device_is_no_place_for_an_image() -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.path.ismount(memory):
        pytest.skip("no tmpfs at /dev/shm")
    image = memory / f"ghostswap-{os.getpid()}"
    try:
        image.write_bytes(Header(PAGE, "little", 99).build().ljust(100 * PAGE, b"\0"))
        with loop(image) as device:
            where = found(device)
        assert where.line is None
        assert f"{image} is in memory, and gone when the power is off" in where.reason
    finally:
        image.unlink()


@needs_root
@pytest.mark.usefixtures("kernel_lock")
def test_zram_is_no_place_for_an_image(tmp_path: Path) -> None:
    control = Path("/sys/class/zram-control")
    if not control.exists():
        pytest.skip("no zram here")
    number = (control / "hot_add").read_text().strip()
    device = Path(f"/dev/zram{number}")
    try:
        Path(f"/sys/block/zram{number}/disksize").write_text("64M")
        area = Header(PAGE, "little", (64 << 20) // PAGE - 1).build()
        device.write_bytes(area)
        where = found(device)
        assert where.line is None
        assert where.reason == f"{device} is in memory, and gone when the power is off"
        # A file system on it is no better.
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", device], check=True)
        point = tmp_path / "point"
        point.mkdir()
        subprocess.run(["mount", device, point], check=True)
        try:
            assert f"{device} is in memory" in found(swap_file(point / "swap")).reason
        finally:
            subprocess.run(["umount", point], check=True)
    finally:
        Path(f"/sys/block/zram{number}/reset").write_text("1")
        (control / "hot_remove").write_text(number)


def test_an_area_smaller_than_memory_says_so(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, mkfs=("-b", "4096")) as point:
        path = swap_file(point / "swap")
        assert found(path, ram=SIZE - PAGE).notes == ()
        if not os.path.exists("/sys/power/image_size"):
            (note,) = found(path, ram=SIZE).notes
            assert note.told().startswith("it has 4 MiB, less than the 4 MiB of memory")
            assert note.told(str).startswith(f"it has {SIZE - PAGE}, less than the {SIZE} of")
        assert found(path).notes == ()


def inspected_with(path: Path, cmdline: str, power: dict[str, str], directory: Path) -> list[str]:
    """The notes of ``inspect`` on a machine that was booted so, with such files in /sys/power."""
    booted, files = directory / "cmdline", directory / "power"
    booted.write_text(cmdline)
    files.mkdir(exist_ok=True)
    for name, text in power.items():
        (files / name).write_text(text)
    script = (
        'mount --bind "$1" /proc/cmdline && mount --bind "$2" /sys/power'
        ' && exec "$0" -m ghostswap inspect --json "$3"'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", script, sys.executable, booted, files, path],
        capture_output=True,
        text=True,
        check=False,
    )
    if "mount:" in done.stderr:
        pytest.skip(f"no mount namespace: {done.stderr.strip()}")
    (target,) = json.loads(done.stdout)["targets"]
    notes: list[str] = target["resume"]["notes"]
    return notes


@needs_root
@pytest.mark.skipif(which("unshare") is None, reason="unshare is not installed")
def test_the_limit_of_images_and_another_place_to_resume_from_are_told(tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, mkfs=("-b", "4096")) as point:
        path = swap_file(point / "swap")
        where = found(path)
        assert where.line is not None
        device = os.stat(path).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"

        def notes(cmdline: str, **power: str) -> list[str]:
            return inspected_with(path, cmdline, power, tmp_path)[1:]

        (small,) = inspected_with(path, "quiet", {"image_size": "10000000"}, tmp_path)
        assert small.startswith(
            "it has 4 MiB, and an image may take 9.5 MiB (/sys/power/image_size)"
        )
        (less,) = inspected_with(path, "quiet", {"image_size": "1000"}, tmp_path)
        assert "less than the" in less
        assert notes("quiet resume=/dev/null") == [
            "this kernel looks for one elsewhere: resume=/dev/null"
        ]
        assert notes(f"quiet {where.line}") == []
        assert notes(f"quiet resume={number} resume_offset={where.offset}") == []
        (other,) = notes(f"resume={number} resume_offset={where.offset + 1}")
        assert other.endswith(f"elsewhere: resume={number} resume_offset={where.offset + 1}")
        assert len(notes(f"quiet {where.device and f'resume={where.device}'}")) == 1
        assert notes("quiet noresume resume=/dev/null") == []
        assert notes("quiet", resume="0:0", resume_offset="0") == []
        assert notes("quiet", resume=number, resume_offset=str(where.offset)) == []
        assert notes("quiet", resume="1:1", resume_offset="0") == [
            "this kernel looks for one elsewhere: resume=1:1"
        ]


def test_a_ghost_has_no_place_on_disk_for_an_image(tmp_path: Path) -> None:
    path = tmp_path / "ghost"
    path.write_bytes(Header(PAGE, "little", 99).build())
    assert found(path).line is None
    assert "a ghost has no data pages" in found(path).reason


@pytest.mark.parametrize(
    ("header", "size", "offset", "said"),
    [
        (Header(PAGE, "little", 99), 50 * PAGE, 0, "declares 100 pages, only 50 are there"),
        (Header(PAGE, "little", 99, version=2), 100 * PAGE, 0, "version is 2, and only 1 exists"),
        (Header(PAGE, "little", 99, magic=b"SWAP-SPACE"), 100 * PAGE, 0, "area, version 0"),
        (Header(16384, "little", 9), 40 * PAGE, 0, "is for pages of 16 KiB, this kernel's"),
        (Header(PAGE, "little", 9, nr_badpages=1), 10 * PAGE, 0, "lists 1 bad pages"),
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
    assert said in where.reason


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
