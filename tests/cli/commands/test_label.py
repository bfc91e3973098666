# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap label`` does what swaplabel does, and where swaplabel cannot."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Run, needs_root
from support.filesystems import mounted

from ghostswap.area.header.header import Header
from ghostswap.area.header.layout import ByteOrder

UUID = "4c08e1cd-3c82-46bf-a55b-0c3270d6dfeb"
OTHER = "00000000-0000-4000-8000-00000000000a"
needs_swaplabel = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("swaplabel", "blkid")),
    reason="swaplabel or blkid is not installed",
)


def header(label: bytes = b"old", uuid_: str = UUID, order: ByteOrder = "little") -> Header:
    raw = uuid.UUID(uuid_).bytes
    return Header(4096, order, 1023, sws_uuid=raw, sws_volume=label.ljust(16, b"\0"))


def make(path: Path, head: Header, size: int = 1 << 20) -> Path:
    """An area of *size* bytes, 4096 for a ghost."""
    path.write_bytes(head.build().ljust(size, b"\xa5"))
    path.chmod(0o600)
    return path


def swaplabel(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["swaplabel", *args], capture_output=True, text=True, check=False)


def blkid(path: Path, tag: str) -> str:
    done = subprocess.run(
        ["blkid", "--probe", "--output", "value", "--match-tag", tag, path],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.rstrip("\n")


@needs_swaplabel
@pytest.mark.parametrize("size", [40960, 1 << 20])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(
    "args",
    [
        ("--label", "new"),
        ("--label", "fifteen bytes.."),
        ("--label", "sixteen bytes..."),
        ("--label", "näme"),
        ("--label", ""),
        ("-L", "new", "-U", OTHER),
        ("--uuid", OTHER),
        ("--uuid", OTHER.upper()),
        ("--uuid", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_changes_and_prints_as_swaplabel_does(
    run: Run, tmp_path: Path, size: int, order: ByteOrder, args: tuple[str, ...]
) -> None:
    ours = make(tmp_path / "ours", header(order=order), size)
    theirs = make(tmp_path / "theirs", header(order=order), size)
    done, reference = run("label", *args, "ours"), swaplabel(*args, theirs)
    assert (done.returncode, done.stdout) == (reference.returncode, reference.stdout) == (0, "")
    assert done.stderr == reference.stderr.replace("swaplabel: ", "label: ")
    assert ours.read_bytes() == theirs.read_bytes()
    printed = run("label", "theirs").stdout
    assert printed == swaplabel(ours).stdout == swaplabel(theirs).stdout
    seen = json.loads(run("label", "--json", "ours").stdout)
    assert seen["sws_uuid"] == (blkid(ours, "UUID") or None)
    assert seen["sws_volume"] == blkid(ours, "LABEL")


@needs_swaplabel
@pytest.mark.parametrize("label", [b"", b"  a b  ", b"sixteen bytes...", b"   ", b"a\0b"])
@pytest.mark.parametrize("uuid_", [UUID, str(uuid.UUID(int=0))])
def test_prints_any_header_as_swaplabel_does(
    run: Run, tmp_path: Path, label: bytes, uuid_: str
) -> None:
    area = make(tmp_path / "area", header(label, uuid_))
    done = run("label", "area")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == swaplabel(area).stdout


@pytest.mark.parametrize("word", ["random", "time"])
def test_uuids_can_be_made_and_cleared(run: Run, tmp_path: Path, word: str) -> None:
    area = make(tmp_path / "area", header())
    made = json.loads(run("label", "--uuid", word, "--json", "area").stdout)
    assert uuid.UUID(made["sws_uuid"]).version == {"random": 4, "time": 1}[word]
    assert made["before"] == {"sws_uuid": UUID, "sws_volume": "old"}
    assert area.read_bytes()[1036:1052] == uuid.UUID(made["sws_uuid"]).bytes
    assert run("label", "--uuid", "clear", "area").returncode == 0
    assert run("label", "area").stdout == "LABEL: old\n"


def test_a_ghost_has_a_label_too(run: Run, tmp_path: Path) -> None:
    assert run("mkswap", "--size", "64G", "-U", UUID, "-L", "old", "ours").returncode == 0
    assert run("mkswap", "--size", "64G", "-U", OTHER, "-L", "new", "wanted").returncode == 0
    assert run("label", "-L", "new", "-U", OTHER, "ours").returncode == 0
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "wanted").read_bytes()
    assert run("label", "ours").stdout == f"LABEL: new\nUUID:  {OTHER}\n"


def test_an_area_inside_an_image(run: Run, tmp_path: Path) -> None:
    image, around = tmp_path / "image", os.urandom(10000)
    image.write_bytes(around + header().build() + around)
    assert run("label", "image").returncode == 1
    assert run("label", "--offset", "10000", "--label", "new", "image").returncode == 0
    assert image.read_bytes() == around + header(b"new").build() + around
    assert run("label", "image", "-o", "10000").stdout == f"LABEL: new\nUUID:  {UUID}\n"


def test_a_disk_image_without_an_offset_is_told_how_to_find_it(run: Run, tmp_path: Path) -> None:
    entry = struct.pack("<B3xB3xII", 0, 0x82, 2048, 2048)
    boot = bytes(446) + entry + bytes(48) + b"\x55\xaa"
    before = boot.ljust(1 << 20, b"\0") + header().build().ljust(1 << 20, b"\0")
    (tmp_path / "a disk").write_bytes(before)
    for args in ((), ("--label", "new")):
        done = run("label", *args, "a disk")
        assert done.returncode == 1
        assert "'ghostswap inspect --scan 'a disk'' looks into" in done.stderr
        assert (tmp_path / "a disk").read_bytes() == before
    assert "--scan" not in run("label", "--offset", "4K", "a disk").stderr
    assert run("label", "--offset", "1M", "a disk").stdout == f"LABEL: old\nUUID:  {UUID}\n"


def test_a_suspended_area_keeps_its_image(run: Run, tmp_path: Path) -> None:
    page = bytearray(header().build())
    page[-40:] = os.urandom(20) + b"SWAPSPACE2S1SUSPEND\0"
    area = tmp_path / "area"
    area.write_bytes(page + os.urandom(1 << 20))
    before = area.read_bytes()
    assert run("label", "--label", "new", "area").returncode == 0
    assert area.read_bytes() == before.replace(b"old\0", b"new\0", 1)
    assert run("label", "area").stdout == f"LABEL: new\nUUID:  {UUID}\n"


def test_a_label_is_cut_between_characters(run: Run, tmp_path: Path) -> None:
    area = make(tmp_path / "area", header())
    done = run("label", "--label", "é" * 8, "area")
    assert done.returncode == 0
    assert done.stderr == f"label: label is too long. Truncating it to '{'é' * 7}'\n"
    assert area.read_bytes()[1052:1068] == ("é" * 7).encode().ljust(16, b"\0")


def test_names_that_blkid_will_not_show_are_warned_of(run: Run, tmp_path: Path) -> None:
    page = bytearray(header().build())
    page[1068 + 4 * 33] = 1
    area = tmp_path / "area"
    area.write_bytes(page.ljust(1 << 20, b"\0"))
    for args in ((), ("--label", "new")):
        done = run("label", *args, "area")
        assert done.returncode == 0
        assert "words 32 and 33 of the padding are not zero" in done.stderr
    assert run("label", "area").stdout == f"LABEL: new\nUUID:  {UUID}\n"


@pytest.mark.parametrize("target", ["area", "ghost"])
def test_hostile_labels_do_not_reach_the_terminal(run: Run, tmp_path: Path, target: str) -> None:
    hostile = b"\x1b[31m\n\xff"
    make(tmp_path / target, header(hostile), 4096 if target == "ghost" else 1 << 20)
    printed = run("label", target).stdout
    assert printed == f"LABEL: \\x1b[31m\\n\\udcff\nUUID:  {UUID}\n"
    told = json.loads(run("label", "--json", target).stdout)
    assert told["sws_volume"] == "\x1b[31m\n\uefff"  # as ghostswap(1) says


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("--uuid", "nonsense", "there"), 2, "not a UUID"),
        (("--uuid", "", "there"), 2, "not a UUID"),
        (("--label", "new", "--uuid", UUID.replace("-", ""), "there"), 2, "not a UUID"),
        (("--label", "a\x1b[31m", "--uuid", OTHER, "there"), 2, "control characters"),
        (("--label", "new", "--lock=perhaps", "there"), 2, "unknown lock mode"),
        (("--label", "new", "--offset", "4K", "there"), 1, "not a swap area"),
        (("--label", "new", "--offset", "4G", "there"), 1, "offset 4294967296 is not in it"),
        (("--label", "new", "old"), 1, "version 0"),
        (("--label", "new", "missing"), 1, "No such file or directory"),
        (("--label", "new", "dangling"), 1, "No such file or directory"),
        (("--label", "new", "."), 1, "is a directory"),
        (("--label", "new", "/dev/null"), 1, "is a character device"),
        (("there", "there"), 2, "extra argument"),
        ((), 2, "TARGET"),
    ],
)
def test_refusals_say_what_is_wrong_and_change_nothing(
    run: Run, tmp_path: Path, args: tuple[str, ...], status: int, said: str
) -> None:
    there = make(tmp_path / "there", header())
    old = b"\xff".ljust(4086, b"\0") + b"SWAP-SPACE"
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "dangling").symlink_to("nowhere")
    before = there.read_bytes()
    done = run("label", *args)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "\x1b" not in done.stderr
    assert there.read_bytes() == before
    assert (tmp_path / "old").read_bytes() == old
    assert not (tmp_path / "nowhere").exists()


def test_a_symbolic_link_is_followed(run: Run, tmp_path: Path) -> None:
    area = make(tmp_path / "area", header())
    link = tmp_path / "link"
    link.symlink_to("area")
    assert run("label", "--label", "new", "link").returncode == 0
    assert link.is_symlink()
    assert area.read_bytes().startswith(header(b"new").build())


def test_a_locked_area_is_waited_for_only_if_it_is_to_change(run: Run, tmp_path: Path) -> None:
    area = make(tmp_path / "area", header())
    with area.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run("label", "area").stdout == f"LABEL: old\nUUID:  {UUID}\n"
        done = run("label", "--lock=nonblock", "--label", "new", "area")
        assert done.returncode == 1
        assert "is locked by another process" in done.stderr
        assert area.read_bytes().startswith(header().build())
        assert (
            run("label", "--label", "new", "area", env={"LOCK_BLOCK_DEVICE": "0"}).returncode == 0
        )
    assert area.read_bytes().startswith(header(b"new").build())
    assert run("label", "--lock", "--label", "newer", "area").returncode == 0


@contextmanager
def active(path: Path | str) -> Iterator[None]:
    """Have *path* switched on for the time of the ``with``; skips the test where it cannot be."""
    done = subprocess.run(["swapon", path], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"swapon does not work here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["swapoff", path], check=True)


@contextmanager
def loop(path: Path) -> Iterator[str]:
    """A loop device on *path* for the time of the ``with``."""
    done = subprocess.run(
        ["losetup", "--find", "--show", path], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr.strip()}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.fixture
def area(tmp_path: Path) -> Path:
    """A swap file that this kernel takes."""
    path = tmp_path / "area"
    page = header(order="little").build()
    size = 1024 * os.sysconf("SC_PAGE_SIZE")
    if len(page) != size // 1024:
        pytest.skip("the kernel's pages are not of 4 KiB")
    subprocess.run(["fallocate", "--length", str(size), path], check=True)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(page)
    return path


def check_as_swaplabel(run: Run, target: str) -> str:
    """What label and swaplabel say to changing an area: the same, but for the words.

    :return: what label said on stderr.
    """
    done, reference = run("label", "--label", "ours", target), swaplabel("-L", "theirs", target)
    assert done.returncode == reference.returncode
    return done.stderr


@needs_root
@needs_swaplabel
def test_an_active_area_is_read_and_changed_where_the_kernel_lets_it_be(
    run: Run,
    area: Path,
    kernel_lock: None,  # noqa: ARG001
) -> None:
    before = area.read_bytes()
    with active(area):
        assert run("label", "area").stdout == f"LABEL: old\nUUID:  {UUID}\n"
        said = check_as_swaplabel(run, str(area))
        if said:
            assert "this kernel lets nobody write to one" in said
            assert "swapoff it first" in said
            assert area.read_bytes() == before
    assert run("label", "--label", "new", "area").returncode == 0
    with active(area):
        assert run("label", "area").stdout == f"LABEL: new\nUUID:  {UUID}\n"


@needs_root
@needs_swaplabel
def test_so_is_an_active_device_and_the_file_behind_it(
    run: Run,
    area: Path,
    kernel_lock: None,  # noqa: ARG001
) -> None:
    before = area.read_bytes()
    with loop(area) as device:
        assert run("label", "--label", "new", device).returncode == 0
        assert run("label", device).stdout == f"LABEL: new\nUUID:  {UUID}\n"
        with active(device):
            assert run("label", device).stdout == f"LABEL: new\nUUID:  {UUID}\n"
            said = check_as_swaplabel(run, device)
            assert not said or "swapoff it first" in said
            assert run("label", "--label", "end", "area").returncode == 0
        assert run("label", device).stdout == f"LABEL: end\nUUID:  {UUID}\n"
    assert area.read_bytes() == before.replace(b"old\0", b"end\0", 1)


@needs_root
def test_nothing_mounted_or_claimed_is_written_to(
    run: Run,
    tmp_path: Path,
    kernel_lock: None,  # noqa: ARG001
) -> None:
    with mounted("ext4", tmp_path, size=16 << 20, mkfs=("-q", "-b", "1024")):
        image = tmp_path / "ext4.img"
        rows = subprocess.run(
            ["losetup", "--noheadings", "--output", "NAME", "--associated", image],
            capture_output=True,
            text=True,
            check=True,
        )
        done = run("label", "--label", "new", str(image))
        assert done.returncode == 1
        assert "which is mounted on" in done.stderr
        done = run("label", "--label", "new", rows.stdout.split()[0])
        assert done.returncode == 1
        assert "Device or resource busy" in done.stderr
