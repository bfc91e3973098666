# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap inspect``: every field explained, every other thing named in one sentence."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from conftest import Run, needs_root
from support.filesystems import mounted

from ghostswap.area.header.header import Header
from ghostswap.area.target.partition import SWAP_TYPES
from ghostswap.cli import app

#: Every key of a target in the JSON: public, and told by the man page.
KEYS = (
    *("path", "error", "kind", "type", "fstype", "offset", "partition", "page_size"),
    *("byte_order", "declared_size", "usable_pages", "usable_size", "size", "allocated", "mode"),
    *("uid", "gid", "header", "fields", "active", "slots_memory", "extents", "resume"),
    *("hibernation", "seen_by", "data"),
)


def area(path: Path, header: Header, size: int) -> Path:
    page = header.build()
    with path.open("wb") as file:
        file.write(page)
        file.truncate(max(size, len(page)))
    return path


def test_every_field_is_shown_with_its_place_bytes_and_meaning(run: Run, tmp_path: Path) -> None:
    header = Header(
        4096, "little", 255, sws_uuid=bytes(range(16)), sws_volume=b"spare".ljust(16, b"\0")
    )
    area(tmp_path / "a", header, 1 << 20)
    done = run("inspect", "a")
    assert done.returncode == 0
    assert "00010203-0405-0607-0809-0a0b0c0d0e0f" in done.stdout
    found = json.loads(run("inspect", "--json", "a").stdout)["targets"][0]
    assert [field["name"] for field in found["fields"]] == [f.name for f in header.fields()]
    for field in header.fields():
        assert field.name in done.stdout
    assert found["type"] == "full"
    assert found["header"]["last_page"] == 255
    assert found["header"]["sws_volume"] == "spare"
    assert (found["usable_pages"], found["declared_size"]) == (255, 1 << 20)


@pytest.mark.parametrize("page_size", [4096, 8192, 16384, 32768, 65536])
@pytest.mark.parametrize("order", ["little", "big"])
def test_page_size_and_byte_order_are_found(
    run: Run, tmp_path: Path, page_size: int, order: str
) -> None:
    area(tmp_path / "a", Header(page_size, order, 20), 0)  # type: ignore[arg-type]
    found = json.loads(run("inspect", "--json", "a").stdout)["targets"][0]
    assert (found["page_size"], found["byte_order"]) == (page_size, order)
    assert found["header"]["last_page"] == 20


def test_ghost_full_and_short_are_told_apart(run: Run, tmp_path: Path) -> None:
    header = Header(4096, "little", 99)
    for name, size in (("ghost", 4096), ("short", 8192), ("full", 100 * 4096), ("more", 1 << 20)):
        area(tmp_path / name, header, size)
    done = run("inspect", "--json", "ghost", "short", "full", "more")
    types = [target["type"] for target in json.loads(done.stdout)["targets"]]
    assert types == ["ghost", "short", "full", "full"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "is empty"),
        ("short", "too short for a swap header"),
        ("text", "not a swap area"),
        ("sparse", "not a swap area"),
        ("missing", "No such file or directory"),
        ("directory", "is a directory"),
        ("fifo", "is a FIFO"),
        ("socket", "is a socket"),
        ("/dev/null", "is a character device"),
    ],
)
def test_what_is_no_area_gets_one_sentence_and_the_others_are_still_shown(
    run: Run, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "short").write_bytes(b"x" * 100)
    (tmp_path / "text").write_bytes(b"x" * 100_000)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(100 << 30)
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        area(tmp_path / "good", Header(4096, "little", 99), 4096)
        done = run("inspect", name, "good")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert "ghost swapfile" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_unreadable_file_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to others
        directory = Path(name)
        directory.chmod(0o755)
        path = area(directory / "a", Header(4096, "little", 99), 4096)
        assert app.run(["inspect", str(path)]) == 0  # as root, so that all is imported
        path.chmod(0o600)
        os.seteuid(65534)  # in this process, for nobody may not run root's Python
        try:
            status = app.run(["inspect", str(path)])
        finally:
            os.seteuid(0)
    assert status == 1
    assert capfd.readouterr().err == f"ghostswap: {path}: cannot open: Permission denied\n"


def test_hostile_labels_and_names_never_reach_the_terminal_raw(run: Run, tmp_path: Path) -> None:
    header = Header(4096, "little", 99, sws_volume=b"\x1b[31mred\xff\x07".ljust(16, b"\0"))
    area(tmp_path / "a\x1b[2J\n", header, 4096)
    for args in ((), ("--json",), ("--hexdump",)):
        done = run("inspect", *args, "a\x1b[2J\n")
        assert done.returncode == 0
        assert "\x1b" not in done.stdout
        assert "\x07" not in done.stdout
    assert "\\x1b[31mred" in run("inspect", "a\x1b[2J\n").stdout


def test_hexdump_shows_the_whole_page_with_runs_folded(run: Run, tmp_path: Path) -> None:
    area(tmp_path / "a", Header(4096, "little", 99), 4096)
    lines = run("inspect", "--hexdump", "a").stdout.splitlines()
    assert "00000400  01 00 00 00 63 00 00 00  00 00 00 00 00 00 00 00  |....c...........|" in lines
    assert lines[-1] == "00001000"
    assert "*" in lines


def test_a_pipe_gets_whole_lines_without_colour(run: Run, tmp_path: Path) -> None:
    area(tmp_path / "a", Header(4096, "little", 99), 4096)
    out = run("inspect", "a", env={"COLUMNS": "40"}).stdout
    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())
    assert "left to boot loaders and disk labels; swap never uses it" in out


def inspected(run: Run, *args: str) -> dict[str, Any]:
    """The one target of ``inspect --json``."""
    done = run("inspect", "--json", *args)
    assert done.returncode == 0, done.stderr
    (target,) = json.loads(done.stdout)["targets"]
    assert isinstance(target, dict)
    return target


def suspended(path: Path, sig: bytes = b"S1SUSPEND\0") -> Path:
    page = bytearray(Header(4096, "little", 99).build())
    page[-40:] = b"".join(
        (bytes(4), b"\x78\x56\x34\x12", (70).to_bytes(8, "little"), b"\4\0\0\0", b"SWAPSPACE2", sig)
    )
    path.write_bytes(page.ljust(100 * 4096, b"\0"))
    return path


def test_the_keys_of_the_json_are_these(run: Run, tmp_path: Path) -> None:
    area(tmp_path / "a", Header(4096, "little", 99), 4096)
    found = inspected(run, "a")
    assert tuple(found) == KEYS
    assert set(found["resume"]) == {"device", "offset", "command_line", "reason", "notes"}
    assert found["seen_by"][0].keys() == {"tool", "sees", "says"}
    image = inspected(run, str(suspended(tmp_path / "s")))["hibernation"]
    assert set(image) == {
        *("signature", "writer", "orig_sig", "image_offset", "flags", "crc32", "hw_sig"),
        "consequences",
    }
    assert (image["image_offset"], image["crc32"]) == (70 * 4096, 0x12345678)
    assert image["consequences"].keys() == {"resume", "swapon", "mkswap"}


def test_a_ghost_is_told_to_have_no_data_pages_and_so_no_resume_offset(
    run: Run, tmp_path: Path
) -> None:
    area(tmp_path / "a", Header(4096, "little", 99), 4096)
    text = run("inspect", "--data", "a").stdout
    assert "none: a ghost has no data pages: there is no place on disk" in text
    assert "libblkid does not look for swap in less than 40 KiB" in text
    assert inspected(run, "--data", "a")["data"]["missing_pages"] == 99


def test_an_area_at_an_offset_is_read_there(run: Run, tmp_path: Path) -> None:
    page = Header(16384, "big", 9).build()
    (tmp_path / "image").write_bytes(bytes(3 << 20) + page.ljust(10 * 16384, b"\0"))
    found = inspected(run, "--offset", "3M", "image")
    assert (found["offset"], found["size"], found["type"]) == (3 << 20, 10 * 16384, "full")
    assert found["page_size"] == 16384
    done = run("inspect", "--offset", "1T", "image")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "offset 1099511627776 is not in it" in done.stderr


@pytest.mark.skipif(which("sgdisk") is None, reason="sgdisk is not installed")
def test_scan_finds_the_areas_of_a_disk_image_by_itself(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(64 << 20)
    parts = ["-n", "1:2048:+8M", "-t", "1:8200", "-c", "1:spare", "-n", "2:0:+4M", "-t", "2:8200"]
    subprocess.run(["sgdisk", *parts, tmp_path / "disk"], check=True, capture_output=True)
    with (tmp_path / "disk").open("r+b") as file:
        file.seek(1 << 20)
        file.write(Header(4096, "little", 2047, sws_uuid=bytes(range(16))).build())
    done = run("inspect", "--scan", "--json", "disk")
    assert done.returncode == 1
    found, failed = json.loads(done.stdout)["targets"]
    part = found["partition"]
    assert (part["number"], part["name"], part["type"]) == (1, "spare", SWAP_TYPES[1])
    assert (found["offset"], found["size"], found["type"]) == (1 << 20, 8 << 20, "full")
    assert found["resume"]["command_line"] == f"resume=UUID={found['header']['sws_uuid']}"
    assert failed["error"].startswith("partition 2, for swap by its type: not a swap area")
    assert "partition 1 (gpt, type" in run("inspect", "--scan", "disk").stdout
    plain = run("inspect", "disk")
    assert plain.returncode == 1
    assert "'ghostswap inspect --scan disk' looks into the partitions" in plain.stderr
    assert run("inspect", "--scan", "--offset", "1M", "disk").returncode == 2


def test_scan_of_what_is_no_disk_says_so_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"x" * 100_000)
    done = run("inspect", "--scan", "text")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    area(tmp_path / "a", Header(4096, "little", 99), 1 << 20)
    assert inspected(run, "--scan", "a")["partition"] is None


@pytest.mark.parametrize("sig", [b"S1SUSPEND\0", b"S2SUSPEND\0", b"ULSUSPEND\0", b"LINHIB0001"])
def test_a_hibernation_image_is_told_with_what_would_become_of_it(
    run: Run, tmp_path: Path, sig: bytes
) -> None:
    suspended(tmp_path / "a", sig)
    text = run("inspect", "a").stdout
    name = sig.rstrip(b"\0").decode()
    assert f"holds a hibernation image, {name}" in text
    for line in ("written by", "resume", "swapon", "mkswap"):
        assert re.search(rf"^  {line}  +\S", text, re.M), line


def test_version_0_tells_its_usable_pages(run: Run, tmp_path: Path) -> None:
    bitmap = bytearray(4086)
    bitmap[:3] = b"\xfe\xff\x7f"
    (tmp_path / "a").write_bytes((bytes(bitmap) + b"SWAP-SPACE").ljust(1 << 20, b"\0"))
    found = inspected(run, "a")
    assert (found["header"]["version"], found["usable_pages"]) == (0, 22)
    assert "version 0" in run("inspect", "a").stdout


def test_data_counts_and_bytes_are_plain(run: Run, tmp_path: Path) -> None:
    page = Header(4096, "little", 99).build()
    (tmp_path / "a").write_bytes(page + b"x" * 4096 * 10 + bytes(4096 * 89))
    assert inspected(run, "--data", "a")["data"] == {
        "zero_pages": 89,
        "nonzero_pages": 10,
        "missing_pages": 0,
    }
    text = run("inspect", "--data", "--bytes", "a").stdout
    assert "10 hold something (40960 bytes), 89 are zero" in text
    described = text[: text.index("field ")]
    assert "KiB" not in described


def test_extents_are_summed_always_and_listed_on_request(run: Run, tmp_path: Path) -> None:
    area(tmp_path / "a", Header(4096, "little", 99), 100 * 4096)
    found = inspected(run, "a")
    if found["extents"] is None:
        pytest.skip(f"{found['fstype']} does not tell extents")
    assert found["extents"]["hole_bytes"] == 99 * 4096
    assert "list" not in found["extents"]
    (extent,) = inspected(run, "--extents", "a")["extents"]["list"]
    assert (extent["logical"], extent["length"]) == (0, 4096)
    assert re.search(r"extent +logical +physical", run("inspect", "--extents", "a").stdout)


def test_a_file_in_a_thousand_pieces_is_listed_whole(run: Run, tmp_path: Path) -> None:
    with mounted("ext4", tmp_path) as point:
        with (point / "a").open("wb") as file:
            file.write(Header(4096, "little", 9999).build())
            for piece in range(1, 2500):
                file.seek(piece * 8192)
                file.write(b"x" * 4096)
            file.truncate(10000 * 4096)
        found = inspected(run, "--extents", str(point / "a"))["extents"]
        assert found["count"] == len(found["list"]) == 2500
        text = run("inspect", "--extents", str(point / "a")).stdout
        assert f"{found['holes']} holes" in text
        assert re.search(r"^ *2499 ", text, re.M)


@needs_root
@pytest.mark.usefixtures("kernel_lock")
def test_an_active_area_is_told_with_its_use_and_priority(run: Run, tmp_path: Path) -> None:
    with mounted("ext4", tmp_path, mkfs=("-b", "4096")) as point:
        path = point / "swap"
        path.touch(0o600)
        with path.open("r+b") as file:
            file.write(Header(4096, "little", 255).build().ljust(1 << 20, b"\0"))
        assert inspected(run, str(path))["active"] is None
        done = subprocess.run(
            ["swapon", "--priority", "7", path], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no swap here: {done.stderr.strip()}")
        try:
            # By another name, as it may have been switched on.
            link = tmp_path / "link"
            link.symlink_to(path)
            found = inspected(run, str(link))["active"]
            text = run("inspect", str(path)).stdout
        finally:
            subprocess.run(["swapoff", path], check=True)
    assert (found["path"], found["type"], found["priority"]) == (str(path), "file", 7)
    assert (found["size"], found["used"]) == (255 * 4096, 0)
    assert re.search(r"^active +yes: 0 B of 1020 KiB used, priority 7, type file$", text, re.M)


@pytest.mark.parametrize("width", [80, 40])
def test_a_narrow_terminal_gets_lines_that_fit_and_no_colour_where_none_is_wanted(
    tmp_path: Path, width: int
) -> None:
    suspended(tmp_path / "a")
    command = [sys.executable, "-m", "ghostswap", "inspect", "--extents", "a"]
    leader, follower = pty.openpty()
    size = {"COLUMNS": str(width), "LINES": "50", "TERM": "xterm-256color", "NO_COLOR": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=follower, stderr=follower, env={**os.environ, **size}
    ) as process:
        os.close(follower)
        pieces = []
        while select.select([leader], [], [], 60)[0]:
            try:
                pieces.append(os.read(leader, 65536))
            except OSError:  # EIO: the other side is closed
                break
    os.close(leader)
    assert process.returncode == 0
    text = b"".join(pieces).decode()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "").splitlines()
    assert max(map(len, lines)) <= width
    assert "hibernation image" in lines
