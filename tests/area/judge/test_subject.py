# SPDX-License-Identifier: GPL-2.0-or-later
"""From a path to a judgement: what the target is, what it stands for, and who shares its UUID."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import needs_root
from support.swapon import loop

from ghostswap.area.header.header import Header
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.subject import AreaKind, Judgement, Judges, judge_paths
from ghostswap.area.target import blkid
from ghostswap.area.target.partition import Place
from ghostswap.kernels import KERNELS

KERNEL = KERNELS["6.18"]
MACHINE = Machine(ram=1 << 30, byte_order="little")


def make(path: Path, uuid: bytes = bytes(16), pages: int = 16) -> str:
    head = Header(4096, "little", pages - 1, sws_uuid=uuid)
    path.write_bytes(head.build().ljust(pages * 4096, b"\xaa"))
    path.chmod(0o600)
    return str(path)


def judge(*paths: str, kind: AreaKind | None = None, flags: int = 0) -> list[Judgement]:
    return judge_paths(paths, Judges([KERNEL], MACHINE, kind, flags))


def names(judgement: Judgement) -> set[str]:
    return {danger.name for danger in judgement.dangers}


def test_what_cannot_be_opened_is_refused_and_the_others_judged(tmp_path: Path) -> None:
    missing, good = judge(str(tmp_path / "missing"), make(tmp_path / "good"))
    (verdict,) = missing.verdicts
    assert verdict.refusal is not None
    assert verdict.refusal.errno == "ENOENT"
    assert len(good.verdicts) == 1


def test_unknown_flags_come_before_all_else(tmp_path: Path) -> None:
    (missing,) = judge(str(tmp_path / "missing"), flags=1 << 30)
    (verdict,) = missing.verdicts
    assert verdict.refusal is not None
    assert verdict.refusal.errno == "EINVAL"


@pytest.mark.parametrize(("kind", "accepted"), [("file", True), ("block", True), ("tmpfs", False)])
def test_an_image_is_judged_as_what_it_stands_for(
    tmp_path: Path, kind: AreaKind, accepted: bool
) -> None:
    path = make(tmp_path / "image")
    Path(path).chmod(0o644)
    (found,) = judge(path, kind=kind)
    assert found.verdicts[0].accepted == accepted
    assert names(found) == set(), "mode and owner of an image are not those of the area"


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = make(tmp_path / "area")
    assert "insecure-mode" not in names(judge(path)[0])
    Path(path).chmod(0o644)
    (danger,) = (d for d in judge(path)[0].dangers if d.name == "insecure-mode")
    assert danger.cure == f"chmod 0600 {path}"


@needs_root
def test_a_file_of_another_owner_is_warned_of(tmp_path: Path) -> None:
    path = make(tmp_path / "area")
    assert "insecure-owner" not in names(judge(path)[0])
    os.chown(path, 1000, 1000)
    assert "insecure-owner" in names(judge(path)[0])


def test_a_uuid_that_another_target_has_is_warned_of(tmp_path: Path) -> None:
    uuid = bytes(range(16))
    first, second = make(tmp_path / "first", uuid), make(tmp_path / "second", uuid)
    other, unnamed = make(tmp_path / "other", uuid[::-1]), make(tmp_path / "unnamed")
    (tmp_path / "link").symlink_to(first)
    link = str(tmp_path / "link")
    paths = (first, link, other, unnamed, make(tmp_path / "unnamed too"), second)
    twins = [found.path for found in judge(*paths) if "duplicate-uuid" in names(found)]
    assert twins == [second]


def test_what_the_same_path_is_called_makes_no_difference_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open("sparse", "wb") as file:
        file.truncate(16 * 4096)
        file.write(Header(4096, "little", 15).build())
    (found,) = judge("sparse", kind="file")
    refusal = found.verdicts[0].refusal
    if refusal is None:
        pytest.skip("this file system does not tell of holes")
    assert refusal.log == f"swapon: file {tmp_path}/sparse has unallocated extents"
    assert refusal.cure.endswith(" sparse")


def test_a_block_device_has_whole_sectors_only(tmp_path: Path) -> None:
    """4097 bytes behind a loop device are a ghost to the RFC's kernel; as a file they are not."""
    path = make(tmp_path / "area")
    os.truncate(path, 4097)
    ghost = [KERNELS["ghost"]]

    def pages(kind: AreaKind | None) -> int | None:
        (found,) = judge_paths([path], Judges(ghost, MACHINE, kind))
        return found.verdicts[0].pages

    assert (pages("block"), pages("file")) == (15, None)


@needs_root
def test_so_has_a_loop_device(tmp_path: Path) -> None:
    path = Path(make(tmp_path / "area"))
    for size in (4097, 4096 * 10 + 511, 65536 + 1):
        os.truncate(path, size)
        with loop(path) as device:
            (alone,) = judge_paths([device], Judges(list(KERNELS.values()), MACHINE))
        (image,) = judge_paths([str(path)], Judges(list(KERNELS.values()), MACHINE, "block"))
        assert [(v.pages, v.refusal and v.refusal.log) for v in image.verdicts] == [
            (v.pages, v.refusal and v.refusal.log) for v in alone.verdicts
        ]


def test_what_else_is_there_is_warned_of_wherever_it_lies(tmp_path: Path) -> None:
    """In an area of its own, and in one at an offset, where what lies before it is no matter."""
    if not blkid.available():
        pytest.skip("no libblkid here")
    path = Path(make(tmp_path / "area"))
    data = bytearray(path.read_bytes())
    data[0x8000:0x8007] = b"\1CD001\1"
    path.write_bytes(data)
    (danger,) = (d for d in judge(str(path))[0].dangers if d.name == "second-signature")
    assert danger.what == "it also holds iso9660 (byte 32769)"
    moved = tmp_path / "moved"
    moved.write_bytes(bytes(data) + data)
    judges = Judges([KERNEL], MACHINE)
    (whole,) = judge_paths([str(moved)], judges)
    (inside,) = judge_paths([str(moved)], judges, lambda _: (Place(len(data)),))
    for found in (whole, inside):
        (danger,) = (d for d in found.dangers if d.name == "second-signature")
        assert "iso9660 (byte 32769)" in danger.what
    (behind,) = judge_paths([str(moved)], judges, lambda _: (Place(len(data) + 65024),))
    assert "second-signature" not in names(behind)


def test_a_uuid_that_looks_like_a_file_system_is_to_be_given_up(tmp_path: Path) -> None:
    """As swap areas were once taken for minix: a new header that keeps the UUID is no cure."""
    if not blkid.available():
        pytest.skip("no libblkid here")
    # The superblock of minix 2 is where the header's numbers are: its magic and 100 zones.
    uuid = bytes(4) + b"\x68\x24\1\0" + (100).to_bytes(4, "little") + b"\1" * 4
    path = tmp_path / "area"
    path.write_bytes(Header(4096, "little", 0x10005, sws_uuid=uuid).build())
    os.truncate(path, 0x10006 * 4096)
    (found,) = judge(str(path), kind="block")
    (danger,) = (d for d in found.dangers if d.name == "second-signature")
    assert danger.what == "it also holds minix (byte 1040)"
    assert danger.command == f"ghostswap label --uuid random {path}"
