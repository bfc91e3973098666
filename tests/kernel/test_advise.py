# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap advise --emit`` on the running kernel: applied, filled, as predicted, and undone."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, needs_root
from support.running import needs_exact, needs_zram, needs_zswap

from ghostswap.advise.advice import Advice
from ghostswap.area.target.target import active_swaps
from ghostswap.cli.runs.host.advise import Asked, advise
from ghostswap.live.seen.status import read
from ghostswap.live.seen.tree import Tree
from ghostswap.live.zswap import MADV_PAGEOUT
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source

SOURCE = "synthetic:3000:text"
ZSWAP = Path("/sys/module/zswap/parameters")
pytestmark = [needs_root, pytest.mark.usefixtures("kernel_lock")]


def state() -> dict[str, str]:
    """All that applying may change."""
    files = [*ZSWAP.glob("*"), Path("/proc/sys/vm/swappiness"), Path("/proc/sys/vm/page-cluster")]
    files += (Path("/proc/swaps"), Path("/etc/fstab"))
    found = {str(path): path.read_text() for path in files if path.exists()}
    for top in ("/etc/tmpfiles.d", "/etc/sysctl.d", "/etc/systemd"):
        for path in sorted(Path(top).rglob("*")):
            if path.is_file():
                found[str(path)] = path.read_text()
    found["/sys/block"] = " ".join(sorted(os.listdir("/sys/block")))
    found["room"] = str(os.path.lexists(read(Tree()).room.path))
    return found


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Path]:
    """Where --emit is to write; whatever it did is undone."""
    if "/" in Path("/proc/swaps").read_text():
        pytest.skip("swap is in use here")
    tool = tmp_path / "ghostswap"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m ghostswap "$@"\n')
    tool.chmod(0o755)
    before = state()
    yield tmp_path / "scripts"
    if (tmp_path / "scripts" / "before").exists():
        script(tmp_path / "scripts", "undo.sh")
    assert state() == before


def script(directory: Path, name: str) -> None:
    tool = {"GHOSTSWAP": str(directory.parent / "ghostswap")}
    call = [str(directory / name)]
    done = subprocess.run(
        call, env={**os.environ, **tool}, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def advised(goal: str) -> Advice:
    return advise(Asked(SOURCE, None, None, goal, True, 0, 1), Tree())[0]  # type: ignore[arg-type]


def numbers(path: str) -> dict[str, int]:
    return Tree().numbers(path)


def fill() -> mmap.mmap:
    """The memory that was advised on, pushed out."""
    memory = mmap.mmap(-1, 3000 * PAGE_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    buffer = bytearray(len(memory))
    with open_source(SOURCE) as source:
        assert source.readinto(memoryview(buffer)) == len(buffer)
    memory[:] = buffer
    for _ in range(10):
        memory.madvise(MADV_PAGEOUT)
        time.sleep(0.1)
    return memory


def is_set(found: Advice) -> None:
    """All that was advised is so now."""
    for setting in found.settings:
        assert not setting.is_new, setting


def emit(run: Run, directory: Path, *more: str) -> dict[str, Any]:
    """Write the files; the option that was chosen, for times are not the same twice."""
    done = run("advise", "--pages", SOURCE, "--exact", "--json", "--emit", str(directory), *more)
    assert done.returncode == 0, done.stderr
    best: dict[str, Any] = json.loads(done.stdout)["options"][0]
    return best


def checked(run: Run, directory: Path) -> dict[str, Any]:
    done = run("advise", "--check", str(directory), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def changed(found: dict[str, Any]) -> list[str]:
    return [one["name"] for one in found["settings"] if not one["is_kept"]]


def reasons(found: dict[str, Any]) -> list[str]:
    return [one["id"] for one in found["reasons"]]


def test_zswap_is_set_filled_and_taken_back(run: Run, scripts: Path, tmp_path: Path) -> None:
    compressor = needs_zswap(tmp_path)
    before = state()
    choice = emit(run, scripts, "--goal", "memory")
    assert state() == before, "nothing is changed yet"
    if choice["design"] != "classic":
        pytest.skip(f"{choice['design']} is advised here")
    needs_exact(choice["compressor"], "zswap")
    assert compressor
    script(scripts, "apply.sh")
    again = advised("memory")
    is_set(again)
    early = checked(run, scripts)
    assert (early["verdict"], changed(early)) == ("too-early", [])
    held = numbers("/proc/meminfo")
    with fill():
        now = numbers("/proc/meminfo")
        full = checked(run, scripts)
        (ZSWAP / "max_pool_percent").write_text("7")
        other = checked(run, scripts)
        (ZSWAP / "max_pool_percent").write_text("20")
    assert (full["verdict"], changed(full)) == ("as-predicted", [])
    for name, field in (("stored_bytes", "Zswapped"), ("pool_bytes", "Zswap")):
        assert abs(full["now"][name] - now[field]) <= 64 * PAGE_SIZE, "others may swap too"
    for name in ("stored_bytes", "pool_bytes", "freed_bytes"):
        assert abs(full["now"][name] - full["predicted"][name]) <= 64 * PAGE_SIZE, name
    assert (other["verdict"], changed(other)) == ("not-as-advised", ["max_pool_percent"])
    assert [one["what"] for one in other["reasons"] if one["id"] == "setting"] == [
        "max_pool_percent is 7, and 20 was advised"
    ]
    others = now["Zswapped"] - held["Zswapped"] - 3000 * PAGE_SIZE  # pages that did not fill it
    assert 0 <= others <= 64 * PAGE_SIZE
    room = others and others + 32 * PAGE_SIZE  # theirs, in zspages that they may begin
    assert 0 <= now["Zswap"] - held["Zswap"] - choice["pool_bytes"] <= room
    script(scripts, "apply.sh")  # once more changes nothing
    is_set(advised("memory"))
    script(scripts, "undo.sh")
    assert state() == before
    undone = checked(run, scripts)
    assert (undone["verdict"], reasons(undone)[:2]) == (
        "not-as-advised",
        ["not-applied", "area-off"],
    )


def test_zram_is_set_filled_and_taken_back(run: Run, scripts: Path) -> None:
    needs_zram("lzo-rle")
    before = state()
    choice = emit(run, scripts, "--goal", "disk")
    assert choice["design"] == "zram"
    needs_exact(choice["compressor"], "zram")
    script(scripts, "apply.sh")
    (area,) = active_swaps()
    name = area.path.removeprefix("/dev/")
    with open(area.path, "rb") as device:  # mkswap's page may not be written yet
        os.fsync(device.fileno())
    held = next(one for one in read(Tree()).zram if one.name == name)
    assert held.compressor == choice["compressor"]
    assert held.disksize == choice["size_bytes"]
    with fill():
        now = next(one for one in read(Tree()).zram if one.name == name)
        full = checked(run, scripts)
        Path("/proc/sys/vm/page-cluster").write_text("5")
        other = checked(run, scripts)
    assert (full["verdict"], changed(full)) == ("as-predicted", [])
    pool = now.counters["mem_used_total"]
    assert abs(full["now"]["pool_bytes"] - pool) <= 64 * PAGE_SIZE, "others may swap too"
    assert abs(full["now"]["freed_bytes"] - full["predicted"]["freed_bytes"]) <= 64 * PAGE_SIZE
    assert (other["verdict"], changed(other)) == ("not-as-advised", ["vm.page-cluster"])
    stored = now.counters["orig_data_size"] - held.counters["orig_data_size"]
    others = stored - 3000 * PAGE_SIZE  # pages that did not fill it
    assert 0 <= others <= 64 * PAGE_SIZE
    # The header's page is there before, and takes a zspage of a class that may be shared.
    taken = now.counters["mem_used_total"] - held.counters["mem_used_total"]
    assert abs(taken - choice["pool_bytes"]) <= 4 * PAGE_SIZE + others
    script(scripts, "undo.sh")
    assert state() == before


def test_zram_that_is_on_makes_way_for_zswap_and_comes_back(run: Run, scripts: Path) -> None:
    needs_zram("lzo-rle")
    call = ["zramctl", "--find", "--size", "64M"]
    path = subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()
    try:
        subprocess.run(["mkswap", path], check=True, capture_output=True)
        subprocess.run(["swapon", "--priority", "77", path], check=True)
        before = state()
        choice = emit(run, scripts, "--goal", "memory")
        if choice["design"] != "classic":
            pytest.skip(f"{choice['design']} is advised here")
        script(scripts, "apply.sh")
        assert path not in [area.path for area in active_swaps()]
        assert "other-area" not in reasons(checked(run, scripts))
        subprocess.run(["swapon", path], check=True)
        (named,) = (one for one in checked(run, scripts)["reasons"] if one["id"] == "other-area")
        assert (named["breaks"], path in named["what"]) == ("advice", True)
        script(scripts, "apply.sh")
        assert path not in [area.path for area in active_swaps()]
        script(scripts, "undo.sh")
        assert state() == before
    finally:
        if path in [area.path for area in active_swaps()]:
            subprocess.run(["swapoff", path], check=True)
        reset(path)


def reset(path: str) -> None:
    """Empty the zram device at *path*; the first stays, as it was there."""
    name = path.removeprefix("/dev/")
    subprocess.run(["udevadm", "settle"], check=False)
    Path(f"/sys/block/{name}/reset").write_text("1")
    if name != "zram0":
        Path("/sys/class/zram-control/hot_remove").write_text(name.removeprefix("zram"))


@pytest.mark.parametrize(("goal", "design"), [("memory", "classic"), ("disk", "zram")])
def test_the_commands_that_are_printed_set_it_as_they_are(
    run: Run, scripts: Path, goal: str, design: str
) -> None:
    if design == "zram":
        needs_zram("lzo-rle")
    before = state()
    asked = ("advise", "--pages", SOURCE, "--exact", "--json", "--goal", goal)
    found = json.loads(run(*asked).stdout)
    assert found["choice"]["design"] == design
    path = f"{scripts.parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    try:
        for command in found["commands"]:
            subprocess.run(["sh", "-euc", command], env={"PATH": path}, cwd="/", check=True)
        now = {one["name"]: one["now"] for one in json.loads(run(*asked).stdout)["settings"]}
        for one in found["settings"]:
            value = one["value"]
            if one["name"] == "area":
                value -= PAGE_SIZE  # for its header
            assert now[one["name"]] == value, one
    finally:
        for area in active_swaps():
            subprocess.run(["swapoff", area.path], check=True)
            if area.path.startswith("/dev/zram"):
                reset(area.path)
            else:
                os.unlink(area.path)
        for name, text in before.items():
            if name.startswith((str(ZSWAP), "/proc/sys")):
                Path(name).write_text(text)
    assert state() == before


def test_what_systemd_and_its_tools_say_of_the_files(run: Run, tmp_path: Path) -> None:
    emit(run, tmp_path / "disk", "--goal", "memory")
    for unit in (tmp_path / "disk").rglob("*.swap"):
        if shutil.which("systemd-analyze"):
            done = subprocess.run(
                ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            path = next(
                line[5:] for line in unit.read_text().splitlines() if line.startswith("What=")
            )
            call = ["systemd-escape", "--path", "--suffix=swap", path]
            name = subprocess.run(call, capture_output=True, text=True, check=True).stdout
            assert unit.name == name.strip()
    for config in (tmp_path / "disk").rglob("tmpfiles.d/*"):
        if shutil.which("systemd-tmpfiles"):
            root = tmp_path / "root"
            place = root / str(ZSWAP)[1:]
            place.mkdir(parents=True)
            for name in ("enabled", "compressor", "max_pool_percent"):
                (place / name).write_text("")
            subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}", config], check=True)
            assert (place / "enabled").read_text() == "Y"
            assert (place / "max_pool_percent").read_text() == "20"
    for name in ("apply.sh", "undo.sh"):
        subprocess.run(["sh", "-n", tmp_path / "disk" / name], check=True)


def test_zram_generator_takes_its_file(run: Run, tmp_path: Path) -> None:
    generator = "/usr/lib/systemd/system-generators/zram-generator"
    if not os.path.exists(generator):
        pytest.skip("zram-generator is not installed")
    needs_zram("lzo-rle")
    emit(run, tmp_path / "root", "--goal", "disk")
    config = tmp_path / "root/etc/systemd/zram-generator.conf"
    (tmp_path / "root/proc").mkdir()
    (tmp_path / "root/proc/meminfo").write_text(Path("/proc/meminfo").read_text())
    (tmp_path / "root/proc/cmdline").write_text("")
    made = tmp_path / "made"
    made.mkdir()
    done = subprocess.run(
        [generator, made, made, made],
        env={**os.environ, "ZRAM_GENERATOR_ROOT": str(tmp_path / "root")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    unit = made / "dev-zram0.swap"
    assert "Priority=100" in unit.read_text()
    assert "zram-size = 256" in config.read_text()
