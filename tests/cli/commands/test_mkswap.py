# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap mkswap``: the bytes are mkswap's, and nothing is lost that was not named."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import Run, needs_mkswap, needs_root

from ghostswap import kernels
from ghostswap.units import format_size

UUID = "4c08e1cd-3c82-46bf-a55b-0c3270d6dfeb"


@needs_mkswap
@pytest.mark.parametrize("page_size", [4096, 16384, 65536])
def test_a_ghost_is_what_mkswap_f_writes_into_an_empty_file(
    run: Run, tmp_path: Path, page_size: int
) -> None:
    done = run(
        *("mkswap", "--size", "64G", "-U", UUID, "-L", "spare", "-p", str(page_size), "ours")
    )
    assert done.returncode == 0
    theirs = tmp_path / "theirs"
    theirs.touch(0o600)
    theirs.chmod(0o600)
    blocks = str(64 << 20)
    subprocess.run(
        ["mkswap", "-f", "-q", "-U", UUID, "-L", "spare", "-p", str(page_size), theirs, blocks],
        check=True,
    )
    ours = tmp_path / "ours"
    assert ours.read_bytes() == theirs.read_bytes()
    assert ours.stat().st_size == page_size
    assert ours.stat().st_mode & 0o7777 == 0o600
    assert ours.stat().st_nlink == 1
    assert os.listdir(tmp_path) == ["ours", "theirs"] or set(os.listdir(tmp_path)) == {
        "ours",
        "theirs",
    }


@needs_mkswap
def test_in_place_formats_as_mkswap_does(run: Run, tmp_path: Path) -> None:
    pages = os.urandom(4096) * 32
    for name in ("ours", "theirs"):
        (tmp_path / name).write_bytes(pages)
        (tmp_path / name).chmod(0o600)
    done = run("mkswap", "-U", UUID, "ours")
    theirs = subprocess.run(
        ["mkswap", "-U", UUID, "theirs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.returncode == 0
    assert done.stdout == theirs.stdout
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_file_makes_a_full_area_with_every_block_on_disk(run: Run, tmp_path: Path) -> None:
    done = run("mkswap", "--file", "--size", "1M", "-U", UUID, "full")
    assert done.returncode == 0
    assert done.stdout == (
        f"Setting up swapspace version 1, size = 1020 KiB (1044480 bytes)\nno label, UUID={UUID}\n"
    )
    info = (tmp_path / "full").stat()
    assert (info.st_size, info.st_mode & 0o7777) == (1 << 20, 0o600)
    assert info.st_blocks * 512 >= 1 << 20


def test_the_two_lines_name_the_ghost_and_stderr_says_who_takes_it(run: Run) -> None:
    done = run("mkswap", "--size", "8G", "-U", UUID, "-L", "x", "g")
    assert done.stdout == (
        "Setting up ghost swapspace version 1, size = 8 GiB (8589930496 bytes)\n"
        f"LABEL=x, UUID={UUID}\n"
    )
    assert "no released kernel takes a ghost swapfile" in done.stderr
    assert run("mkswap", "--size", "8G", "-q", "quiet").stderr == ""


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_ghost_comes_with_its_costs_and_with_what_works_today(
    run: Run, tmp_path: Path, dry_run: bool
) -> None:
    """And the command that is printed makes it, with the same names."""
    made = run("mkswap", "--size", "4M", "-L", "x", *(["--dry-run"] if dry_run else []), "my ghost")
    assert "its 1024 slots take " in made.stderr
    works = re.search("An area that works today: ghostswap (.*)$", made.stderr, re.MULTILINE)
    assert works is not None
    command = shlex.split(works[1])
    assert command == [
        "mkswap",
        *([] if dry_run else ["--keep"]),
        "--file",
        "--size",
        "4M",
        "my ghost",
    ]
    assert run(*command).returncode == 0
    assert run("validate", "-k", "6.1,6.18,7.3", "my ghost").returncode == 0
    assert (tmp_path / "my ghost").stat().st_size == 4 << 20
    label = json.loads(run("label", "--json", "my ghost").stdout)["sws_volume"]
    assert label == ("" if dry_run else "x")


def test_slots_cost_what_the_running_kernel_takes_for_them(run: Run) -> None:
    made = json.loads(run("mkswap", "--size", "4G", "-p", "4096", "--json", "g").stdout)
    kernel, _ = kernels.nearest(os.uname().release)
    assert made["slots_memory"] == (1 << 20) * sum(
        field.slot_bytes for field in kernel.metadata.slot_maps
    )
    (target,) = json.loads(run("inspect", "--json", "g").stdout)["targets"]
    assert target["slots_memory"] == made["slots_memory"]
    assert f"take {format_size(made['slots_memory'])} of memory" in run("inspect", "g").stdout
    full = json.loads(run("mkswap", "--file", "--size", "1M", "--json", "f").stdout)
    assert full["slots_memory"] is None


def test_json_tells_what_was_made(run: Run) -> None:
    made = json.loads(run("mkswap", "--size", "8G", "-U", UUID, "--json", "g").stdout)
    assert (made["action"], made["last_page"], made["page_size"]) == ("ghost", 0x1FFFFF, 4096)
    assert (made["sws_uuid"], made["path"]) == (UUID, "g")


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (("--size", "36K", "new"), 1, "swap area needs to be at least 40 KiB"),
        (("--size", "16T", "new"), 1, "more than a swap area can have"),
        (("--size", "12x", "new"), 2, "invalid size"),
        (("--size", "1G", "there"), 2, "--ghost --force makes it a ghost"),
        (("--ghost", "--size", "1G", "there"), 1, "--force turns it into a ghost"),
        (("--ghost", "there"), 2, "--ghost needs --size"),
        (("--file", "--size", "40K", "there"), 1, "would cut it"),
        (("--file", "new"), 2, "its --size is needed"),
        (("--ghost", "--file", "--size", "1G", "new"), 2, "exclude each other"),
        (("new",), 1, "No such file or directory"),
        (("there", "1000000"), 1, "is larger than device size"),
        (("link",), 1, "is a symbolic link"),
        (("--size", "1G", "dangling"), 1, "is a symbolic link"),
        (("--uuid", "nonsense", "there"), 2, "not a UUID"),
        (("--keep", "there"), 1, "there is no UUID or label to keep"),
        (("--keep", "old"), 1, "is a swap area of version 0"),
        (("--label", "a\x1b[31m", "there"), 2, "control characters"),
        (("--pagesize", "5000", "there"), 2, "bad page size"),
        (("--size", "1G", "missing/new"), 1, "No such file or directory"),
        (("directory",), 1, "is a directory"),
        (("fifo",), 1, "is a FIFO"),
        (("/dev/null",), 1, "is a character device"),
        ((), 2, "TARGET"),
    ],
)
def test_refusals_say_what_is_wrong_and_change_nothing(
    run: Run, tmp_path: Path, args: tuple[str, ...], status: int, said: str
) -> None:
    there = tmp_path / "there"
    there.write_bytes(os.urandom(65536))
    (tmp_path / "old").write_bytes(b"\xff" * 4086 + b"SWAP-SPACE" + bytes(61440))
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    before, names = there.read_bytes(), sorted(os.listdir(tmp_path))
    done = run("mkswap", *args)
    assert done.returncode == status
    assert said in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stdout == ""
    assert there.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == names


def test_force_follows_links_cuts_files_and_makes_ghosts(run: Run, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(bytes(1 << 20))
    (tmp_path / "link").symlink_to("there")
    assert run("mkswap", "--force", "--file", "--size", "512K", "link").returncode == 0
    assert there.stat().st_size == 512 << 10
    assert run("mkswap", "--force", "--ghost", "--size", "1T", "link").returncode == 0
    assert (there.stat().st_size, there.stat().st_mode & 0o7777) == (4096, 0o600)
    assert (tmp_path / "link").is_symlink()


def test_long_options_may_be_abbreviated_and_follow_the_target(run: Run, tmp_path: Path) -> None:
    assert run("mkswap", "g", "--siz", "1G", "--qui").returncode == 0
    assert (tmp_path / "g").stat().st_size == 4096
    done = run("mkswap", "other", "--siz", "1G", "--f")
    assert done.returncode == 2
    assert "'--f' is ambiguous: --file, --force" in done.stderr


@needs_mkswap
def test_labels_are_cut_between_characters(run: Run, tmp_path: Path) -> None:
    done = run("mkswap", "--size", "1G", "--label", "é" * 8, "g")
    assert done.returncode == 0
    assert "Label was truncated." in done.stderr
    assert (tmp_path / "g").read_bytes()[1052:1068] == ("é" * 7).encode().ljust(16, b"\0")


@needs_root
def test_an_area_in_use_is_never_touched(run: Run, tmp_path: Path, kernel_lock: None) -> None:  # noqa: ARG001
    area = tmp_path / "area"
    subprocess.run(["fallocate", "-l", "1M", area], check=True)
    area.chmod(0o600)
    subprocess.run(["mkswap", "-q", area], check=True)
    before = area.read_bytes()
    if subprocess.run(["swapon", area], check=False, capture_output=True).returncode:
        pytest.skip("swapon does not work here")
    try:
        for args in (("area",), ("--force", "area"), ("-f", "--ghost", "--size", "1G", "area")):
            done = run("mkswap", *args)
            assert done.returncode == 1
            assert "area" in done.stderr
            assert "swap" in done.stderr or "busy" in done.stderr
    finally:
        subprocess.run(["swapoff", area], check=True)
    assert area.read_bytes() == before
