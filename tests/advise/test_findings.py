# SPDX-License-Identifier: GPL-2.0-or-later
"""What is found to be wrong on recorded hosts, and on those with a file or two of another kind.

That cures cure is tested on the running kernel: tests/kernel/test_status.py.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import pytest
from conftest import ROOT
from support.hosts import unpack, write

from ghostswap.advise import findings
from ghostswap.advise.finding import SEVERITIES, Finding
from ghostswap.area.judge import dangers
from ghostswap.live.seen.status import read
from ghostswap.live.seen.tree import Tree

Files = dict[str, str]
GENERATOR: Files = {
    "/usr/lib/systemd/system-generators/zram-generator": "",
    "/etc/systemd/zram-generator.conf": "[zram1]\ncompression-algorithm = lzo\n",
}
ZRAMSWAP: Files = {"/etc/systemd/system/multi-user.target.wants/zramswap.service": ""}


def found(name: str, directory: Path, files: Files | None = None) -> dict[str, Finding]:
    unpack(name, directory)
    root = write(files or {}, directory)
    return {one.id: one for one in findings.find(read(Tree(root)))}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", ["no-swap"]),
        ("cgroup1", ["no-swap"]),
        ("zswap", []),
        ("full", ["pool-limit"]),
        ("zram", ["page-cluster"]),
        ("both", ["zswap-over-zram", "zram-above-disk", "page-cluster"]),
    ],
)
def test_recorded_hosts(tmp_path: Path, name: str, expected: list[str]) -> None:
    assert list(found(name, tmp_path)) == expected


def test_the_worst_comes_first(tmp_path: Path) -> None:
    files = {"/etc/fstab": "/not/there none swap sw 0 0\n"}
    said = [one.severity for one in found("both", tmp_path, files).values()]
    assert said == sorted(said, key=SEVERITIES.index)
    assert said[0] == "critical"


def test_every_name_stands_for_one_thing() -> None:
    names = [row.id for row in findings.FINDINGS]
    assert len(names) == len(set(names))


def test_every_name_is_in_the_manual() -> None:
    page = (ROOT / "man" / "ghostswap-status.1").read_text()
    for row in findings.FINDINGS:
        assert f".It Cm {row.id}\n" in page, row.id


def test_dangers_that_are_found_are_those_of_validate() -> None:
    """A danger that is renamed must not be lost here."""
    source = Path(dangers.__file__).read_text()
    for name in findings.DANGERS:
        assert f'"{name}"' in source, name


def test_zswap_that_is_off_over_a_disk(tmp_path: Path) -> None:
    files = {"/sys/module/zswap/parameters/enabled": "N\n"}
    assert list(found("zswap", tmp_path, files)) == ["zswap-off"]


def test_a_full_pool_that_is_written_back_is_none(tmp_path: Path) -> None:
    unpack("full", tmp_path)
    vmstat = (tmp_path / "proc/vmstat").read_text().replace("zswpwb 0", "zswpwb 7")
    assert found("full", tmp_path, {"/proc/vmstat": vmstat}) == {}


def test_disk_above_zram_and_equal_to_it(tmp_path: Path) -> None:
    unpack("both", tmp_path)
    swaps = (tmp_path / "proc/swaps").read_text()
    equal = found("both", tmp_path, {"/proc/swaps": swaps.replace("\t1\n", "\t100\n")})
    assert "in turn" in equal["zram-below-disk"].why
    above = found("both", tmp_path, {"/proc/swaps": swaps.replace("\t1\n", "\t101\n")})
    assert "before the disk is full" in above["zram-below-disk"].why
    assert "zram-above-disk" not in above


def test_slots_that_are_nearly_gone(tmp_path: Path) -> None:
    unpack("zswap", tmp_path)
    swaps = (tmp_path / "proc/swaps").read_text().replace("13200", "32000")
    said = found("zswap", tmp_path, {"/proc/swaps": swaps})["slots-nearly-gone"]
    assert said.severity == "critical"
    assert "31.3 MiB of 32 MiB" in said.what


def test_a_name_that_a_terminal_would_obey_is_escaped(tmp_path: Path) -> None:
    swaps = (
        "Filename Type Size Used Priority\n/dev/zram1 partition 100 0 5\n/a\x1b[2J file 99 0 1\n"
    )
    said = found("both", tmp_path, {"/proc/swaps": swaps})["zram-above-disk"]
    assert "\x1b" not in said.what + said.cure
    assert "x1b" in said.what


# Compressors


@pytest.mark.parametrize(
    ("files", "why", "cure"),
    [
        (
            {"/proc/cmdline": "zswap.compressor=lzo-rle"},
            "came too late",
            "echo lzo-rle > /sys/module/zswap/parameters/compressor",
        ),
        (
            {"/proc/cmdline": "zswap.compressor=zstd"},
            "had no zstd",
            "modprobe crypto-zstd && echo zstd > /sys/module/zswap/parameters/compressor",
        ),
        (
            {"/etc/modprobe.d/zswap.conf": "options zswap compressor=lzo-rle"},
            "modprobe.d sets nothing",
            "echo lzo-rle > /sys/module/zswap/parameters/compressor",
        ),
    ],
)
def test_zswap_compresses_with_another(tmp_path: Path, files: Files, why: str, cure: str) -> None:
    said = found("zswap", tmp_path, files)["zswap-compressor"]
    assert why in said.why
    assert said.cure == cure


def test_zram_compresses_with_another(tmp_path: Path) -> None:
    said = found("zram", tmp_path, GENERATOR)["zram-compressor"]
    assert said.cure == "systemctl restart systemd-zram-setup@zram1.service"


def test_zram_has_not_the_compressor_that_is_asked_for(tmp_path: Path) -> None:
    conf = GENERATOR["/etc/systemd/zram-generator.conf"].replace("lzo", "zstd")
    files = {**GENERATOR, "/etc/systemd/zram-generator.conf": conf}
    said = found("zram", tmp_path, files)["zram-compressor"]
    assert "has no zstd" in said.why
    # The cure as it stands, but for where /etc is.
    command = said.cure.replace("/etc/", f"{tmp_path}/etc/")
    subprocess.run(["bash", "-ec", command], check=True)
    after = {one.id for one in findings.find(read(Tree(str(tmp_path))))}
    assert "zram-compressor" not in after


def test_two_tools_set_zram_up(tmp_path: Path) -> None:
    said = found("zram", tmp_path, {**GENERATOR, **ZRAMSWAP})["two-tools"]
    assert said.cure == "systemctl disable --now zramswap.service"
    assert "two-tools" not in found("zram", tmp_path / "one", GENERATOR)


@pytest.mark.skipif(which("systemctl") is None, reason="systemctl is not installed")
def test_disabling_one_of_two_tools_is_seen(tmp_path: Path) -> None:
    """The cure as it stands, but for where / is and for a service manager that must run."""
    unit = {"/usr/lib/systemd/system/zramswap.service": "[Install]\nWantedBy=multi-user.target\n"}
    said = found("zram", tmp_path, {**GENERATOR, **ZRAMSWAP, **unit})["two-tools"]
    command = said.cure.replace("systemctl", f"systemctl --root={tmp_path}").replace(" --now", "")
    wanted = tmp_path / "etc/systemd/system/multi-user.target.wants/zramswap.service"
    wanted.unlink()
    wanted.symlink_to("/usr/lib/systemd/system/zramswap.service")
    subprocess.run(["bash", "-ec", command], check=True, capture_output=True)
    assert "two-tools" not in {one.id for one in findings.find(read(Tree(str(tmp_path))))}


# Resuming


def test_resuming_where_all_swap_is_zram(tmp_path: Path) -> None:
    files = {"/sys/power/resume": "259:3\n", "/sys/power/resume_offset": "0\n"}
    said = found("zram", tmp_path, files)["resume-zram"]
    assert "259:3" in said.what
    assert "mkswap --file" in said.cure


def test_resuming_where_no_area_is(tmp_path: Path) -> None:
    files = {"/proc/cmdline": "resume=/dev/nothing", "/sys/power/resume": "0:0\n"}
    assert "resume-elsewhere" in found("zswap", tmp_path, files)
    off = {"/proc/cmdline": "resume=/dev/nothing noresume", "/sys/power/resume": "0:0\n"}
    assert "resume-elsewhere" not in found("zswap", tmp_path / "off", off)
