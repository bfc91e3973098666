# SPDX-License-Identifier: GPL-2.0-or-later
"""mkswap's rarer options, and those that util-linux does not have."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Run, needs_mkfs_ext4, needs_mkswap, needs_root

from ghostswap.area.header import header

UUID = "4c08e1cd-3c82-46bf-a55b-0c3270d6dfeb"


@needs_root
def test_check_lists_the_pages_of_a_device_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 20))
    attached = subprocess.run(
        ["losetup", "--find", "--show", image], capture_output=True, text=True, check=False
    )
    if attached.returncode:
        pytest.skip(attached.stderr)
    device = attached.stdout.strip()
    try:
        os.truncate(image, 512 << 10)  # what lies behind cannot be read any more
        done = run("mkswap", "--check", "-U", UUID, device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "128 bad pages")
    found = header.parse(image.read_bytes())
    assert (found.last_page, found.nr_badpages) == (255, 128)
    assert found.badpages == tuple(range(128, 256))


def test_keep_takes_uuid_and_label_to_another_page_size(run: Run, tmp_path: Path) -> None:
    (tmp_path / "area").write_bytes(bytes(1 << 20))
    run("mkswap", "-U", UUID, "-L", "spare", "area")
    done = run("mkswap", "--keep", "-p", "16384", "area")
    assert done.returncode == 0
    assert f"LABEL=spare, UUID={UUID}" in done.stdout
    found = header.parse((tmp_path / "area").read_bytes())
    assert (found.page_size, found.uuid, found.label) == (16384, UUID, "spare")
    (tmp_path / "empty").write_bytes(bytes(1 << 20))
    assert run("mkswap", "--keep", "empty").returncode == 1


@pytest.mark.parametrize("order", ["little", "big"])
def test_bad_pages_stand_in_the_byte_order_of_the_header(
    run: Run, tmp_path: Path, order: header.ByteOrder
) -> None:
    (tmp_path / "area").write_bytes(bytes(1 << 20))
    assert run("mkswap", "-e", order, "--bad-pages", "7-9,3", "area").returncode == 0
    written = (tmp_path / "area").read_bytes()
    numbers = [int.from_bytes(written[at : at + 4], order) for at in range(1536, 1552, 4)]
    assert numbers == [3, 7, 8, 9]
    assert header.parse(written).badpages == (3, 7, 8, 9)
    for wrong in ("0", "256", "9-7", "x"):
        assert run("mkswap", "--bad-pages", wrong, "area").returncode in (1, 2)
    assert (tmp_path / "area").read_bytes() == written


@pytest.mark.parametrize("kind", [(), ("--ghost",), ("--file",)])
def test_a_new_area_has_the_bad_pages_that_one_in_place_has(
    run: Run, tmp_path: Path, kind: tuple[str, ...]
) -> None:
    new = ("mkswap", *kind, "--size", "1M", "-U", UUID)
    done = run(*new, "--bad-pages", "5,7-9", "new")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "4 bad pages")
    (tmp_path / "area").write_bytes(bytes(1 << 20))
    run("mkswap", "-U", UUID, "--bad-pages", "5,7-9", "area")
    assert (tmp_path / "new").read_bytes()[:4096] == (tmp_path / "area").read_bytes()[:4096]
    for wrong in ("0", "256", "1-250"):
        assert run(*new, "--bad-pages", wrong, "other").returncode == 1
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("ghost", [(), ("--ghost",)])
@pytest.mark.parametrize("option", [("--offset", "4096"), ("--check",)])
def test_a_ghost_is_refused_what_it_has_no_room_for(
    run: Run, tmp_path: Path, ghost: tuple[str, ...], option: tuple[str, ...]
) -> None:
    """Whether --ghost says that it is one, or --size of a file that is not there."""
    done = run("mkswap", *ghost, "--size", "1M", *option, "new")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option[0]} does not go with a ghost" in done.stderr
    assert not (tmp_path / "new").exists()


def test_check_of_a_file_that_is_to_be_made_is_said_to_do_nothing(run: Run) -> None:
    done = run("mkswap", "--file", "--size", "1M", "--check", "new")
    assert done.returncode == 0
    assert "checking bad blocks from swap file is not supported" in done.stderr


@pytest.mark.parametrize("path", [".", "/dev/null"])
def test_no_ghost_is_advised_where_none_can_be(run: Run, path: str) -> None:
    done = run("mkswap", "--size", "1M", path)
    assert done.returncode == 1
    assert "not a file or block device" in done.stderr
    assert "--ghost" not in done.stderr


@needs_mkfs_ext4
def test_what_lies_before_the_offset_stays(run: Run, tmp_path: Path) -> None:
    """mkswap of util-linux wipes the file system there."""
    image = tmp_path / "image"
    image.write_bytes(bytes(16 << 20))
    subprocess.run(["mkfs.ext4", "-q", "-F", image, "8M"], check=True)
    before = image.read_bytes()
    assert run("mkswap", "-q", "-o", str(8 << 20), "image").returncode == 0
    after = image.read_bytes()
    assert after[: 8 << 20] == before[: 8 << 20]
    assert header.parse(after[8 << 20 :]).last_page == 2047
    assert run("mkswap", "-o", str(17 << 20), "image").returncode == 1
    assert run("mkswap", "-F", "-s", "64K", "-o", "131072", "new").returncode == 1
    assert not (tmp_path / "new").exists()


@needs_mkfs_ext4
def test_a_dry_run_says_what_would_be_wiped_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(16 << 20))
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    before = image.read_bytes()
    done = run("mkswap", "--dry-run", "--json", "image")
    found = json.loads(done.stdout)
    assert found["dry_run"]
    assert "ext4" in " ".join(found["warnings"])
    assert image.read_bytes() == before
    assert "write the header" in run("mkswap", "-n", "image").stdout
    assert run("mkswap", "-n", "--size", "1G", "new").returncode == 0
    assert not (tmp_path / "new").exists()


def test_tmpfs_is_refused_before_anything_is_created(run: Run) -> None:
    directory = Path("/dev/shm")
    if not directory.is_dir():
        pytest.skip("no tmpfs at /dev/shm")
    target = directory / f"ghostswap-{os.getpid()}"
    done = run("mkswap", "--file", "--size", "1M", str(target))
    assert done.returncode == 1
    assert "tmpfs cannot hold swap" in done.stderr
    assert not target.exists()


def test_room_is_looked_for_first(run: Run, tmp_path: Path) -> None:
    done = run("mkswap", "--file", "--size", "8T", "huge")
    assert done.returncode == 1
    assert "are free on its file system" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", ["--lock", "--lock=nonblock", "--lock=0"])
def test_lock_modes(run: Run, tmp_path: Path, mode: str) -> None:
    (tmp_path / "area").write_bytes(bytes(1 << 20))
    assert run("mkswap", mode, "area").returncode == 0
    assert run("mkswap", "--lock=maybe", "area").returncode == 2
    assert run("mkswap", "area", env={"LOCK_BLOCK_DEVICE": "maybe"}).returncode == 2


@needs_mkswap
@pytest.mark.parametrize("blocks", [40, 41, 43, 44, 45, 1 << 64])
def test_blocks_count_as_whole_pages_as_mkswap_counts_them(
    run: Run, tmp_path: Path, blocks: int
) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for path in (theirs, ours):
        path.write_bytes(bytes(40 << 10))
    upstream = subprocess.run(
        ["mkswap", "-U", UUID, theirs, str(blocks)], capture_output=True, check=False
    )
    done = run("mkswap", "-U", UUID, "ours", str(blocks))
    assert bool(done.returncode) == bool(upstream.returncode)
    assert ours.read_bytes() == theirs.read_bytes()
