# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects the ways into a guest and out of it: the archive, the program, the serial line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from vm import areas
from vm.guest import HELPER, Answers, cpio, parse


def test_answers_are_read_by_job_whatever_the_kernel_writes_before_them() -> None:
    found = parse(
        "[    0.1] booting\r\n@memtotal 242984\r\n@job swapon\r\nnoise@answer 0 EINVAL 0 0\r\n"
        "@log 0 Bad slot  offset\r\n@job zswap-text\r\n@after stored_pages 12\r\n@after max max\r\n"
        "@lens 1 2\r\n@lens 3\r\n@mm_stat    4096     17\r\n"
    )
    assert found[""].number("memtotal") == 242984
    assert found["swapon"].words == {
        "answer": [["0", "EINVAL", "0", "0"]],
        "log": [["0", "Bad", "slot", "", "offset"]],
    }
    job = found["zswap-text"]
    assert job.named("after") == {"stored_pages": 12}
    assert (job.numbers("lens"), job.numbers("mm_stat")) == ([1, 2, 3], [4096, 17])
    assert "left" not in job


CPIO = next(((*of, "cpio") for of in ((), ("busybox",)) if shutil.which((*of, "cpio")[0])), None)


@pytest.mark.skipif(CPIO is None, reason="neither cpio nor busybox is installed")
def test_the_archive_is_one_that_cpio_unpacks(tmp_path: Path) -> None:
    assert CPIO is not None
    files = {"bin/helper": (0o755, b"\x7fELF"), "modules/zram.ko": (0o644, b"module" * 9)}
    archive = cpio(files, ("proc", "dev"))
    call = [*CPIO, "-i", "-d", *files, "proc"]
    subprocess.run(call, input=archive, cwd=tmp_path, check=True)
    for name, (mode, data) in files.items():
        assert (tmp_path / name).read_bytes() == data
        assert (tmp_path / name).stat().st_mode & 0o777 == mode
    assert (tmp_path / "proc").is_dir()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_the_helper_compiles_without_a_warning(tmp_path: Path) -> None:
    flags = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-result", "-O2")
    subprocess.run(["gcc", *flags, HELPER, "-o", tmp_path / "helper"], check=True)
    assert subprocess.run([tmp_path / "helper"], check=False).returncode == 2


def test_an_area_is_handed_over_with_its_holes_and_no_byte_beyond_its_size() -> None:
    asked = areas.cases(has_loop=True)
    data = areas.packed(asked)
    at = 0
    for case in asked:
        line, _, rest = data[at:].partition(b"\n")
        mode, size, flags, length, *holes = line.split()
        assert (mode.decode(), int(size), int(flags)) == (case.mode, case.image.size, case.flags)
        assert rest[: int(length)] == case.image.start[: case.image.size]
        assert bool(holes) == (case.alloc == "hole")
        at += len(line) + 1 + int(length)
    assert at == len(data)
    assert {case.mode for case in asked} == {"file", "loop", "tmpfs"}


def test_without_loop_devices_all_block_devices_are_the_one_disk() -> None:
    asked = areas.cases(has_loop=False)
    disks = [case for case in asked if case.mode == "disk"]
    assert len({case.image.size for case in disks}) == 1
    assert not any(case.mode == "loop" for case in asked)
    assert len(disks) == sum(case.mode == "loop" for case in areas.cases(has_loop=True))


def test_what_a_kernel_said_of_an_area_is_a_row_of_the_recordings() -> None:
    asked = [case for case in areas.cases(has_loop=True) if case.image.name == "good"][:2]
    said = Answers(
        {
            "answer": [["0", "0", "252", "-1"], ["1", "EINVAL", "0", "0"]],
            "log": [
                ["0", "Adding", "252k", "swap"],
                ["1", "------------[", "cut", "here", "]------------"],
                ["1", "UBSAN:", "array-index-out-of-bounds"],
                ["1", "---[", "end", "trace", "]---"],
                ["1", "Empty", "swap-file"],
            ],
        }
    )
    taken, refused = areas.answered("7.3", asked, said)
    assert (taken["errno"], taken["pages"], taken["prio"], taken["log"]) == (None, 63, -1, [])
    assert (refused["errno"], refused["pages"], refused["prio"]) == ("EINVAL", None, None)
    assert refused["log"] == ["Empty swap-file"]
    compared = areas.compare("7.3", [taken, refused], 1 << 30)
    assert [answer.equal for answer in compared] == [True, False]


def test_a_machine_without_qemu_skips_every_kernel_in_a_sentence_and_ends_well(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vm"],
        env={"PATH": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    assert all("skipped: missing here: sudo apt install -y qemu-system-x86" in x for x in lines)
