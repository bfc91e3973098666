# SPDX-License-Identifier: GPL-2.0-or-later
"""From a path to a judgement: what the target is, what it stands for, and who shares its UUID."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import needs_root

from ghostswap.area.header.header import Header
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.subject import AreaKind, Judgement, Judges, judge_paths
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
