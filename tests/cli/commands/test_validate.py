# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap validate``: swapon(2)'s answer for every target: errno, log line and cure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run

from ghostswap.area.header.header import NATIVE, Header, parse_as
from ghostswap.area.header.layout import TUXONICE
from ghostswap.kernels import KERNELS


def test_the_ghost_of_the_readme_is_refused_by_6_18(run: Run) -> None:
    assert run("mkswap", "--size", "64G", "-q", "g").returncode == 0
    done = run("validate", "g", "--kernel", "6.18")
    assert done.returncode == 1
    assert "Swap area shorter than signature indicates" in done.stdout
    assert "EINVAL" in done.stdout
    taken = run("validate", "g", "--kernel", "ghost", "--ram", "8G")
    assert taken.returncode == 0
    assert "16777215 pages" in taken.stdout


def test_json_has_a_row_a_target_and_a_verdict_a_kernel_in_order(run: Run) -> None:
    run("mkswap", "--size", "64G", "-q", "g")
    run("mkswap", "--file", "--size", "1M", "-q", "f")
    names = ["f", "missing", "g", "/"]
    done = run("validate", "--json", "--kernel", "ghost,6.12", "-k", "6.18", *names)
    assert done.returncode == 1
    targets = json.loads(done.stdout)["targets"]
    assert [target["path"] for target in targets] == names
    for target in targets:
        assert [v["kernel"] for v in target["verdicts"]] == ["ghost", "6.12", "6.18"]
        for verdict in target["verdicts"]:
            assert set(verdict) == {
                *("kernel", "accepted", "errno", "log", "reason", "cure", "pages"),
            }
            assert verdict["accepted"] == (verdict["pages"] is not None)
            assert verdict["accepted"] == (verdict["reason"] is None)
    full, missing, ghost, root = (target["verdicts"] for target in targets)
    assert [v["pages"] for v in full] == [255, 255, 255]
    assert missing[0]["errno"] == "ENOENT"
    assert [v["accepted"] for v in ghost] == [True, False, False]
    assert root[0]["errno"] == "EISDIR"


def test_an_area_at_an_offset_is_judged_as_a_device(run: Run, tmp_path: Path) -> None:
    run("mkswap", "--file", "--size", "1M", "-q", "f")
    area = (tmp_path / "f").read_bytes()
    (tmp_path / "image").write_bytes(bytes(10000) + area)
    done = run("validate", "--json", "-k", "6.18", "--offset", "10000", "image")
    assert done.returncode == 0
    (target,) = json.loads(done.stdout)["targets"]
    assert (target["offset"], target["partition"]) == (10000, None)
    assert target["verdicts"][0]["pages"] == 255
    assert "image, from byte 10000 on" in run("validate", "--offset", "10000", "image").stdout
    beyond = run("validate", "--json", "-k", "6.18", "--offset", "1G", "image")
    assert beyond.returncode == 1
    (verdict,) = json.loads(beyond.stdout)["targets"][0]["verdicts"]
    assert verdict["reason"] == "offset 1073741824 is not in it: it has 1058576 bytes"


@pytest.mark.skipif(shutil.which("sgdisk") is None, reason="sgdisk is not installed")
def test_scan_judges_the_partitions_that_are_or_should_be_swap(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(64 << 20)
    parts = ["-n", "1:2048:+8M", "-t", "1:8200", "-n", "2:0:+4M", "-n", "3:0:+4M", "-t", "3:8200"]
    subprocess.run(["sgdisk", *parts, tmp_path / "disk"], check=True, capture_output=True)
    done = run("mkswap", "-q", "--offset", str(1 << 20), "disk", str(8 << 10))
    assert done.returncode == 0
    done = run("validate", "--json", "-k", "6.18", "--scan", "disk")
    assert done.returncode == 1
    first, third = json.loads(done.stdout)["targets"]
    assert (first["partition"]["number"], third["partition"]["number"]) == (1, 3)
    assert first["verdicts"][0]["pages"] == 2047
    assert third["verdicts"][0]["errno"] == "EINVAL"
    assert "disk, partition 1 (gpt, type" in run("validate", "--scan", "disk").stdout
    subprocess.run(
        ["sgdisk", "-d", "1", "-d", "3", tmp_path / "disk"], check=True, capture_output=True
    )
    (nothing,) = json.loads(run("validate", "--json", "--scan", "disk").stdout)["targets"]
    assert nothing["verdicts"][0]["reason"] == "no swap area in any of its 1 partitions"


def test_all_kernels_can_be_asked(run: Run) -> None:
    run("mkswap", "--file", "--size", "1M", "-q", "f")
    found = json.loads(run("validate", "--json", "-k", "all", "f").stdout)
    assert [v["kernel"] for v in found["targets"][0]["verdicts"]] == list(KERNELS)


def test_a_sparse_file_is_refused_as_a_file_and_taken_as_a_block_device(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "s").write_bytes(b"")
    os.truncate(tmp_path / "s", 1 << 20)
    run("mkswap", "-q", "s")
    done = run("validate", "--json", "-k", "6.18", "s")
    verdict = json.loads(done.stdout)["targets"][0]["verdicts"][0]
    assert verdict["log"] == f"swapon: file {tmp_path}/s has unallocated extents"
    assert "fallocate" in verdict["cure"]
    assert run("validate", "-k", "6.18", "--as", "block", "s").returncode == 0
    assert run("validate", "-k", "6.18", "--as", "tmpfs", "s").returncode == 1


def test_memory_of_the_judging_machine_decides_on_giant_ghosts(run: Run) -> None:
    run("mkswap", "--size", "15T", "-q", "g")
    done = run("validate", "--json", "-k", "ghost", "--ram", "1G", "g")
    verdict = json.loads(done.stdout)["targets"][0]["verdicts"][0]
    assert verdict["errno"] == "ENOMEM"
    assert "vmalloc error" in verdict["log"]


def test_warnings_stand_beside_the_verdict(run: Run, tmp_path: Path) -> None:
    run("mkswap", "--file", "--size", "1M", "-q", "f")
    (tmp_path / "f").chmod(0o644)
    (tmp_path / "copy").write_bytes((tmp_path / "f").read_bytes())
    (tmp_path / "copy").chmod(0o600)
    done = run("validate", "--json", "-k", "6.18", "f", "copy")
    assert done.returncode == 0, "a warning is no refusal"
    original, copy = json.loads(done.stdout)["targets"]
    owner = [] if os.geteuid() == 0 else ["insecure-owner"]
    assert [w["name"] for w in original["warnings"]] == ["insecure-mode", *owner]
    assert [w["name"] for w in copy["warnings"]] == [*owner, "duplicate-uuid"]
    for warning in original["warnings"] + copy["warnings"]:
        assert set(warning) == {"name", "what", "danger", "cure"}
        assert all(warning.values())
    text = run("validate", "-k", "6.18", "f").stdout
    assert "0644" in text
    assert "chmod 0600 f" in text


def test_the_judging_machine_may_be_another_one(run: Run) -> None:
    """A header for 4 KiB pages, on a Raspberry Pi 5 and on a big-endian machine."""
    run("mkswap", "--file", "--size", "1M", "--pagesize", "4096", "-q", "f")
    pi = run("validate", "-k", "all", "--pagesize", "16K", "f")
    assert pi.returncode == 1
    assert "Unable to find swap-space signature" in pi.stdout
    assert "--pagesize 16384 f" in pi.stdout
    other = "big" if sys.byteorder == "little" else "little"
    z = run("validate", "-k", "6.18", "--pagesize", "4096", "--endianness", other, "f")
    assert z.returncode == 0
    assert f"{sys.byteorder} endian" in z.stdout


GOOD = Header(4096, NATIVE, 15, sws_volume=b"keep me".ljust(16, b"\0"), sws_uuid=bytes(range(16)))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("insecure-mode", GOOD),
        ("longer-than-declared", GOOD._replace(last_page=12)),
        ("byte-order", GOOD._replace(byte_order="big" if NATIVE == "little" else "little")),
        ("second-signature", GOOD._replace(page_size=8192)),
        ("hibernation-image", GOOD._replace(magic=b"S1SUSPEND\0")),
        ("hibernation-image", GOOD._replace(bootbits=TUXONICE.ljust(1024, b"\0"))),
    ],
)
def test_the_cure_cures(run: Run, tmp_path: Path, name: str, head: Header) -> None:
    data = bytearray(head.build().ljust(16 * 4096, b"\xaa"))
    if name == "second-signature":
        data[:4096] = GOOD.build()
    (tmp_path / "f").write_bytes(data)
    (tmp_path / "f").chmod(0o644 if name == "insecure-mode" else 0o600)
    judge = ("validate", "--json", "-k", "6.18", "--pagesize", "4096", "f")

    def warnings() -> dict[str, str]:
        (found,) = json.loads(run(*judge).stdout)["targets"]
        return {w["name"]: w["cure"] for w in found["warnings"] if w["name"] != "insecure-owner"}

    before = warnings()
    assert list(before) == [name]
    command = before[name].rpartition(": ")[2]
    command = command.replace("ghostswap", f"{sys.executable} -m ghostswap")
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert warnings() == {}
    after = parse_as((tmp_path / "f").read_bytes(), 4096)
    assert (after.label, after.sws_uuid) == ("keep me", GOOD.sws_uuid)


def test_hostile_labels_do_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    head = Header(4096, "little", 15, sws_volume=b"\x1b[31m\n\xff".ljust(16, b"\0"))
    (tmp_path / "f").write_bytes(head.build().ljust(16 * 4096, b"\xaa"))
    done = run("validate", "--as", "block", "--pagesize", "4096", "f")
    assert "label" in done.stdout
    assert "\x1b" not in done.stdout


def test_all_kernels_are_all_whatever_else_is_named_and_each_judges_once(run: Run) -> None:
    def judges(*args: str) -> list[str]:
        (target,) = json.loads(run("validate", "--json", *args, "g").stdout)["targets"]
        return [verdict["kernel"] for verdict in target["verdicts"]]

    every = judges("-k", "all")
    assert len(every) > 2
    assert judges("-k", "all,6.1") == judges("-k", "6.1", "-k", "all") == every
    assert judges("-k", "6.6,6.1,6.6") == ["6.6", "6.1"]


def test_no_name_is_shown_as_that(run: Run) -> None:
    assert run("validate", "").stdout.splitlines()[0] == '""'


@pytest.mark.parametrize(
    "args",
    [
        ("--kernel", "5.4"),
        ("--kernel", "all,5.4"),
        ("--flags", "x"),
        ("--ram", "lots"),
        ("--pagesize", "5000"),
        ("--endianness", "middle"),
        ("--scan", "--offset", "1M"),
        ("--as", "file", "--offset", "1M"),
    ],
)
def test_wrong_usage_exits_2(run: Run, args: tuple[str, ...]) -> None:
    done = run("validate", *args, "g")
    assert done.returncode == 2
    assert args[0] in done.stderr
