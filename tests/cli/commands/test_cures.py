# SPDX-License-Identifier: GPL-2.0-or-later
"""Every cure that ``validate`` prints is run, exactly as it is printed: after it all is well.

After a refusal's cure the area is accepted. After a warning's cure that warning is gone, and an
area that was accepted still is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_root
from support.filesystems import mounted
from support.images import PAGE, Image, generated, mutated, write
from support.signatures import ISO9660, LUKS2
from support.swapon import loop, make_area

from ghostswap.area.header.header import NATIVE, SWAP_SPACE, Header, pack_badpages
from ghostswap.area.header.layout import TUXONICE
from ghostswap.cli import app

#: What a printed command starts with. Others are for the machine, and not for the area.
COMMAND = re.compile(
    r"(?:^|: )((?:ghostswap|chmod|chown|chattr|fallocate|cp|rm|mount|btrfs|blockdev) .*)$"
)
RANDOM_AREAS = 80
KERNELS = ("6.18", "7.3")

Judge = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _ghostswap_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the command is found by the name that is printed; and work in *tmp_path*."""
    place = tmp_path / "bin"
    place.mkdir()
    script = place / "ghostswap"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ghostswap "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def judge(capsys: pytest.CaptureFixture[str]) -> Judge:
    """What ``validate --json`` says of one target."""

    def call(*args: str) -> dict[str, Any]:
        capsys.readouterr()
        assert app.run(["validate", "--json", *args]) in (0, 1)
        (found,) = json.loads(capsys.readouterr().out)["targets"]
        assert isinstance(found, dict)
        return found

    return call


def command_in(cure: str | None) -> str:
    """The command that a cure ends in, ``""`` where it is words only."""
    found = COMMAND.search(cure or "")
    return "" if found is None else found[1]


def accepted(found: dict[str, Any]) -> bool:
    return all(verdict["accepted"] for verdict in found["verdicts"])


def names(found: dict[str, Any]) -> list[str]:
    return [warning["name"] for warning in found["warnings"]]


def obey(command: str) -> None:
    """Run what is printed, as it stands."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stderr}"


def obey_here(command: str) -> None:
    """The same without new processes where it is but ghostswap, for there are many."""
    import shlex

    for step in command.split(" && "):
        words = shlex.split(step)
        if words[0] == "ghostswap":
            assert app.run(words[1:]) == 0, step
        else:
            subprocess.run(words, check=True)


def all_cures_cure(
    judge: Judge, make: Callable[[], object], args: tuple[str, ...], run: Callable[[str], None]
) -> int:
    """Make the area, judge it, run one cure; and so for each that is printed.

    :return: how many were run.
    """
    make()
    before = judge(*args)
    cures = {("", verdict["cure"]) for verdict in before["verdicts"] if not verdict["accepted"]}
    cures |= {(warning["name"], warning["cure"]) for warning in before["warnings"]}
    ran = 0
    for name, cure in sorted(cures):
        command = command_in(cure)
        if not command:
            continue
        make()
        run(command)
        ran += 1
        after = judge(*args)
        if name:
            assert names(after).count(name) < names(before).count(name), command
            assert accepted(after) or not accepted(before), command
        else:
            assert accepted(after), (command, after)
    return ran


IMAGES = [*generated(), *map(mutated, range(RANDOM_AREAS))]


@pytest.mark.parametrize("kind", ["file", "block"])
def test_every_cure_of_many_areas_cures(judge: Judge, kind: str) -> None:
    """And each area that is refused has one, but for ghosts larger than the disk."""
    area = Path("area")
    area.touch(0o600)
    ran = 0
    for number, image in enumerate(IMAGES):
        kernel = KERNELS[number % len(KERNELS)]
        args = ("--as", kind, "-k", kernel, "--pagesize", str(PAGE), "area")
        write(area, image)
        (verdict,) = judge(*args)["verdicts"]
        if not verdict["accepted"] and not command_in(verdict["cure"]):
            assert verdict["reason"].startswith("a ghost swapfile: it declares "), image.name
            assert verdict["cure"].endswith("where there is room for one")
        ran += all_cures_cure(judge, lambda image=image: write(area, image), args, obey_here)
    assert ran > len(IMAGES)


@pytest.mark.parametrize("where", ["offset", "partition"])
def test_cures_of_an_area_inside_an_image_leave_the_rest_alone(judge: Judge, where: str) -> None:
    """With 5 MiB before it, which are somebody else's, and 3 MiB behind a partition."""
    if where == "partition" and shutil.which("sgdisk") is None:
        pytest.skip("sgdisk is not installed")
    start, size = 5 << 20, 4 << 20
    before, behind = os.urandom(start), os.urandom(3 << 20) if where == "partition" else b""
    disk = Path("disk")
    disk.write_bytes(before + bytes(size) + behind)
    if where == "partition":
        first, last = start // 512, (start + size) // 512 - 1
        part = ["-Z", "-o", "-n", f"1:{first}:{last}", "-t", "1:8200"]
        subprocess.run(["sgdisk", *part, disk], check=True, capture_output=True)
    template = disk.read_bytes()

    def make(image: Image) -> None:
        there = size if behind else min(image.size, size)
        data = image.start[: image.size].ljust(there, b"\0")[:there]
        disk.write_bytes(template[:start] + data + template[start + size :])

    place = ("--offset", str(start)) if where == "offset" else ("--scan",)
    ran = 0
    for image in [image for image in IMAGES if image.size >= 10 * PAGE][::8]:
        args = (*place, "-k", "7.3", "--pagesize", str(PAGE), "disk")
        ran += all_cures_cure(judge, lambda image=image: make(image), args, obey_here)
        now = disk.read_bytes()
        assert now[:start] == template[:start]
        assert now[start + size :] == template[start + size :]
    assert ran > 10


GOOD = Header(PAGE, NATIVE, 63, sws_uuid=bytes(range(16)), sws_volume=b"keep".ljust(16, b"\0"))
SWAP16K = (16384 - 10, b"SWAPSPACE2")


def patched(*patches: tuple[int, bytes], head: Header = GOOD, pages: int = 64) -> bytes:
    data = bytearray(head.build().ljust(pages * PAGE, b"\xaa"))
    for offset, new in patches:
        data[offset : offset + len(new)] = new
    return bytes(data)


def bad(*pages: int) -> Header:
    return GOOD._replace(nr_badpages=len(pages), badpages_raw=pack_badpages(pages, NATIVE))


OTHER = "big" if NATIVE == "little" else "little"
#: Areas for one cure each, run by a shell: as (bytes, arguments, what the cure is for).
AREAS: dict[str, tuple[bytes, tuple[str, ...], str]] = {
    "empty": (b"", (), ""),
    "one byte": (b"x", (), ""),
    "a page of nothing": (bytes(PAGE), (), ""),
    "text": (b"text " * 20000, (), ""),
    "ghost": (GOOD._replace(last_page=255).build(), (), ""),
    "tiny ghost": (GOOD._replace(last_page=1).build(), (), ""),
    "short": (patched(head=GOOD._replace(last_page=99)), (), ""),
    "very short": (patched(head=GOOD._replace(last_page=99), pages=3), (), ""),
    "16 KiB pages": (GOOD._replace(page_size=16384).build().ljust(1 << 20, b"\0"), (), ""),
    "for 16 KiB pages": (patched(), ("--pagesize", "16K"), ""),
    "version 0": (b"\xfe".ljust(4086, b"\0") + SWAP_SPACE + bytes(1 << 20), (), ""),
    "suspended": (patched(head=GOOD._replace(magic=b"S1SUSPEND\0")), (), "hibernation-image"),
    "S1SUSPENDx": (patched(head=GOOD._replace(magic=b"S1SUSPENDx")), (), ""),
    "TuxOnIce": (patched(head=GOOD._replace(magic=TUXONICE + b"\1\2")), (), ""),
    "TuxOnIce in front": (patched((0, TUXONICE)), (), "hibernation-image"),
    "bad pages": (patched(head=bad(3, 4, 9)), (), ""),
    "bad page twice": (patched(head=bad(3, 3, 9)), ("--as", "block"), "duplicate-bad-pages"),
    "bad page twice, 7.3": (patched(head=bad(3, 3, 9)), ("--as", "block", "-k", "7.3"), ""),
    "bad pages outside": (patched(head=bad(3, 99)), ("--as", "block"), ""),
    "all bad": (patched(head=bad(*range(1, 64))), ("--as", "block"), ""),
    "underflow": (patched(head=bad(*[3] * 64)), ("--as", "block"), "bad-pages-underflow"),
    "label": (
        patched(head=GOOD._replace(sws_volume=b"a\x1b[31m\xffred".ljust(16, b"\0"))),
        (),
        "label",
    ),
    "no end of label": (patched(head=GOOD._replace(sws_volume=b"x" * 16)), (), "label"),
    "nothing of label": (
        patched(head=GOOD._replace(sws_volume=b"\1".ljust(16, b"\0"))),
        (),
        "label",
    ),
    "other order": (patched(head=GOOD._replace(byte_order=OTHER)), (), "byte-order"),
    "for the other order": (patched(), ("--endianness", OTHER), "byte-order"),
    "longer": (patched(pages=80), (), "longer-than-declared"),
    "second swap": (patched(SWAP16K), (), "second-signature"),
    "iso9660": (patched(ISO9660), (), "second-signature"),
    "LUKS2": (patched(LUKS2), (), "second-signature"),
    "two more": (patched(LUKS2, ISO9660), (), "second-signature"),
}


@needs_root  # an area of an ordinary user's is to be given to root
@pytest.mark.parametrize("name", AREAS)
def test_the_cure_cures_in_a_shell(judge: Judge, name: str) -> None:
    data, args, what = AREAS[name]
    area = Path("area")

    def make() -> None:
        area.unlink(missing_ok=True)
        area.write_bytes(data)
        area.chmod(0o600)

    call = ("-k", "6.18", "--pagesize", str(PAGE), *args, "area")
    make()
    found = judge(*call)
    assert what in names(found) if what else not accepted(found)
    assert all_cures_cure(judge, make, call, obey) > 0
    if GOOD.build()[1036:1068] == data[1036:1068] and not what:
        make()
        obey(command_in(found["verdicts"][0]["cure"]))
        assert area.read_bytes()[1036:1068] == data[1036:1068], "UUID and label are kept"


@pytest.mark.parametrize(
    "name", ["-f", "two words", "it's", 'a"b', "a\x1b[31m", "a\nb", "ü", "\udcff", "a\\b", "$x"]
)
def test_the_cure_cures_whatever_the_name(judge: Judge, name: str) -> None:
    Path(name).write_bytes(b"x" * PAGE * 20)
    Path(name).chmod(0o600)
    found = judge("-k", "6.18", "--", name)
    command = command_in(found["verdicts"][0]["cure"])
    assert command.isprintable()
    obey(command)
    assert accepted(judge("-k", "6.18", "--", name))


def test_a_link_is_cured_where_it_leads(judge: Judge) -> None:
    Path("there").write_bytes(b"x" * PAGE * 20)
    Path("there").chmod(0o600)
    Path("link").symlink_to("there")
    obey(command_in(judge("-k", "6.18", "link")["verdicts"][0]["cure"]))
    assert accepted(judge("-k", "6.18", "link"))
    assert Path("link").is_symlink()


@pytest.mark.skipif(shutil.which("sfdisk") is None, reason="sfdisk is not installed")
@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_a_disk_image_is_told_to_be_one_and_its_partitions_are_pointed_at(
    judge: Judge, label: str
) -> None:
    with open("disk", "wb") as file:
        file.truncate(64 << 20)
    kind = "82" if label == "dos" else "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
    table = f"label: {label}\nstart=2048, size=16384, type={kind}\nstart=20480, type=L\n"
    table = table.replace(
        "type=L", "type=83" if label == "dos" else "type=0FC63DAF-8483-4772-8E79-3D69D8477DE4"
    )
    subprocess.run(["sfdisk", "-q", "disk"], input=table, text=True, check=True)
    (verdict,) = judge("-k", "6.18", "disk")["verdicts"]
    assert verdict["reason"].startswith(f"it holds a {label} partition table; no SWAPSPACE2")
    assert verdict["cure"] == "look into its partitions: ghostswap validate --scan disk"
    inside = judge("-k", "6.18", "--scan", "disk")
    assert (inside["offset"], inside["partition"]["number"]) == (1 << 20, 1)
    obey(command_in(inside["verdicts"][0]["cure"]))
    obey(command_in(verdict["cure"]))  # all of it is accepted now: exit status 0
    pages = [verdict["pages"] for verdict in judge("-k", "6.18", "--scan", "disk")["verdicts"]]
    assert pages == [(8 << 20) // PAGE - 1]


@pytest.mark.parametrize("fstype", ["ext2", "ext4", "xfs", "btrfs"])
def test_what_is_there_instead_of_swap_is_named_before_it_is_formatted(
    judge: Judge, fstype: str
) -> None:
    if shutil.which(f"mkfs.{fstype}") is None:
        pytest.skip(f"mkfs.{fstype} is not installed")
    with open("image", "wb") as file:
        file.truncate(320 << 20)
    # As people put it before dm-crypt: a small one that only carries a label.
    small = ("-b", "1024", "image", "1M") if fstype == "ext2" else ("image",)
    subprocess.run([f"mkfs.{fstype}", "-q", "-L", "cryptswap", *small], check=True)
    (verdict,) = judge("-k", "6.18", "--as", "block", "image")["verdicts"]
    assert verdict["reason"].startswith(f"it holds {fstype} (named cryptswap); no SWAPSPACE2")
    assert "this destroys what it holds" in verdict["cure"]
    obey(command_in(verdict["cure"]))
    assert accepted(judge("-k", "6.18", "--as", "block", "image"))


def holes(path: Path) -> None:
    make_area(path, 64, allocate=False)


def no_header_and_holes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(64 * PAGE)
    path.chmod(0o600)


def plain(path: Path) -> None:
    make_area(path, 64)


def written(path: Path) -> None:
    path.write_bytes(patched())
    path.chmod(0o600)


def chattr(flag: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        plain(path)
        subprocess.run(["chattr", flag, path], check=True)

    return make


def cloned(path: Path) -> None:
    written(path)
    subprocess.run(["cp", "--reflink=always", path, f"{path}.clone"], check=True)


def cloned_with_holes(path: Path) -> None:
    cloned(path)
    subprocess.run(
        ["fallocate", "--punch-hole", "--offset", "65536", "--length", "65536", path], check=True
    )


def small(path: Path) -> None:
    path.write_bytes(b"x")
    path.chmod(0o600)


def compressed(path: Path) -> None:
    path.touch(0o600)
    subprocess.run(["btrfs", "property", "set", path, "compression", "zstd"], check=True)
    with path.open("r+b") as file:
        file.write(GOOD.build().ljust(64 * PAGE, b"\0"))
        os.fsync(file.fileno())


def nocow(path: Path) -> None:
    path.touch(0o600)
    subprocess.run(["chattr", "+C", path], check=True)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, 64 * PAGE)
        file.write(GOOD.build())


FILES: dict[str, tuple[str, tuple[str, ...], Callable[[Path], None]]] = {
    "ext4, holes": ("ext4", (), holes),
    "ext4, no header and holes": ("ext4", (), no_header_and_holes),
    "ext4, immutable": ("ext4", (), chattr("+i")),
    "ext4, append only": ("ext4", (), chattr("+a")),
    "ext4, small": ("ext4", (), small),
    "xfs, holes": ("xfs", (), holes),
    "xfs, shared blocks": ("xfs", (), cloned),
    "xfs, shared blocks and holes": ("xfs", (), cloned_with_holes),
    "btrfs, copy on write": ("btrfs", (), written),
    "btrfs, holes": ("btrfs", (), holes),
    "btrfs, small": ("btrfs", (), small),
    "btrfs, compressed": ("btrfs", (), compressed),
    "btrfs, shared blocks": ("btrfs", (), cloned),
    "btrfs, two copies": ("btrfs", ("-d", "dup"), nocow),
    "btrfs, two copies and copy on write": ("btrfs", ("-d", "dup"), written),
}


@needs_root
@pytest.mark.parametrize("name", FILES)
def test_the_cure_cures_on_a_real_file_system(judge: Judge, tmp_path: Path, name: str) -> None:
    fstype, mkfs, make = FILES[name]
    with mounted(fstype, tmp_path, mkfs=mkfs) as point:
        path = point / "swap file"
        make(path)
        os.sync()
        (verdict,) = judge("-k", "6.18", str(path))["verdicts"]
        assert not verdict["accepted"]
        obey(command_in(verdict["cure"]))
        assert accepted(judge("-k", "6.18", str(path))), verdict["cure"]


@needs_root
def test_a_read_only_mount_is_remounted(judge: Judge, tmp_path: Path) -> None:
    with mounted("ext4", tmp_path) as point:
        plain(point / "swap")
        subprocess.run(["mount", "-o", "remount,ro", point], check=True)
        (verdict,) = judge("-k", "6.18", str(point / "swap"))["verdicts"]
        assert verdict["errno"] == "EROFS"
        obey(command_in(verdict["cure"]))
        assert accepted(judge("-k", "6.18", str(point / "swap")))


@needs_root
def test_mode_owner_and_read_only_devices_are_cured(judge: Judge, tmp_path: Path) -> None:
    area = tmp_path / "area"
    area.write_bytes(patched())
    for change, name in (
        (lambda: area.chmod(0o666), "insecure-mode"),
        (lambda: os.chown(area, 1, 1), "insecure-owner"),
    ):
        change()
        found = judge("-k", "6.18", "area")
        (warning,) = (row for row in found["warnings"] if row["name"] == name)
        obey(command_in(warning["cure"]))
        assert name not in names(judge("-k", "6.18", "area"))
    with loop(area, "--read-only") as device:
        (warning,) = judge("-k", "6.18", device)["warnings"]
        assert warning["name"] == "read-only-device"
        assert command_in(warning["cure"]) == f"blockdev --setrw {device}"


def test_two_with_one_uuid_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        Path(name).write_bytes(patched())
        Path(name).chmod(0o600)

    def second() -> dict[str, Any]:
        app.run(["validate", "--json", "-k", "6.18", "first", "second"])
        found = json.loads(capsys.readouterr().out)["targets"][1]
        assert isinstance(found, dict)
        return found

    capsys.readouterr()
    (warning,) = (row for row in second()["warnings"] if row["name"] == "duplicate-uuid")
    obey(command_in(warning["cure"]))
    assert "duplicate-uuid" not in names(second())
