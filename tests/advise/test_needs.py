# SPDX-License-Identifier: GPL-2.0-or-later
"""What else the memory needs is made of the same figures: an image, groups' limits, waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import CASES
from support.hosts import unpack, write

from ghostswap.advise.advice import Advice
from ghostswap.advise.commands import commands
from ghostswap.advise.files import Installed, files
from ghostswap.advise.goal import Goal
from ghostswap.advise.needs.groups import GroupLimit, GroupLimits
from ghostswap.cli.runs.host.advise import Asked, advise
from ghostswap.live.seen.tree import Tree

MIB, GIB = 1 << 20, 1 << 30
MEMORY = "synthetic:3000:text=50%,zero=10%,random"


def asked(root: str, *, ram: int = GIB, kernel: str | None = "6.18", goal: Goal = "disk") -> Advice:
    return advise(Asked(MEMORY, ram, kernel, goal, exact=True, seed=0, jobs=1), Tree(root))[0]


# To hibernate


def test_an_image_finds_no_place_in_zram(tmp_path: Path) -> None:
    found = asked(str(tmp_path))
    one = found.hibernation
    assert found.choice.design == "zram"
    assert (one.image, one.slots, one.disk) == (GIB * 2 // 5, 0, 0)
    assert not one.fits


def test_over_zswap_pages_that_left_have_slots_that_the_image_cannot_have(tmp_path: Path) -> None:
    found = asked(str(tmp_path), goal="memory")
    one = found.hibernation
    assert found.choice.design == "classic"
    assert one.slots == found.memory == 3000 * 4096
    assert one.need == one.image + found.memory
    assert (one.disk, one.fits) == (256 * MIB, False)
    small = asked(str(tmp_path), goal="memory", ram=GIB // 2).hibernation
    assert small.fits, "2/5 of 512 MiB and the slots are less than the area of 256 MiB"


def test_the_pool_is_in_the_image(tmp_path: Path) -> None:
    found = asked(str(tmp_path), ram=8 * MIB)
    assert found.hibernation.image == found.choice.pool > 8 * MIB * 2 // 5


def test_the_kernel_says_how_large_an_image_is_or_makes_none(tmp_path: Path) -> None:
    files = {"/proc/meminfo": "MemTotal: 1048576 kB\n", "/sys/power/image_size": f"{100 * MIB}\n"}
    told = asked(write(files, tmp_path / "told"), kernel=None).hibernation
    assert (told.image, told.lacks) == (100 * MIB, "")
    none = asked(unpack("plain", tmp_path / "none"), kernel=None).hibernation
    assert none.lacks == "this kernel does not hibernate"
    assert not none.fits


# To compress once more


def test_recompression_saves_at_most_what_the_best_compressor_does(tmp_path: Path) -> None:
    found = asked(str(tmp_path))
    zram = {one.compressor: one.pool for one in found.ranked if one.design == "zram"}
    one = next(one for one in found.settings if one.name == "recomp_algorithm")
    assert found.choice.compressor != "zstd"
    assert zram["zstd"] < zram[found.choice.compressor]
    assert one.because.startswith("zstd would save ")
    assert (one.value, one.is_new) == ("none", False)


# Groups, and their part of the pool


def of_desktop(root: str, ram: int, **more: str) -> Advice:
    source = str(CASES / "profiles" / "desktop.gsp")
    wanted = Asked(source, ram, "6.18", "memory", exact=False, seed=0, jobs=1, **more)
    return advise(wanted, Tree(root))[0]


def test_groups_that_have_room_in_the_pool_need_no_limit(tmp_path: Path) -> None:
    found = of_desktop(str(tmp_path), 8 * GIB)
    assert [one.name for one in found.limits.groups] == [
        "cgroup:/desktop/browser",
        "cgroup:/desktop/editor",
        "cgroup:/desktop/shell",
    ]
    assert [one.memory // 4096 for one in found.limits.groups] == [247113, 16744, 10443]
    assert {one.value for one in found.limits.groups} == {"max"}
    assert not any("zswap.max" in line for line in commands(found))


def test_what_groups_take_adds_up_to_what_all_of_it_does(tmp_path: Path) -> None:
    found = of_desktop(str(tmp_path), 8 * GIB)
    together = sum(one.compressed for one in found.limits.groups)
    assert abs(together - found.choice.outcome.compressed_bytes) < 0.001 * together


def test_where_the_pool_is_short_the_group_that_takes_most_is_limited(tmp_path: Path) -> None:
    found = of_desktop(str(tmp_path), GIB // 2)
    assert found.choice.design == "classic"
    browser, _, shell = found.limits.groups
    percent = next(one.value for one in found.settings if one.name == "max_pool_percent")
    assert isinstance(percent, int)
    part = GIB // 2 * percent // 100 * browser.memory // found.memory
    assert browser.limit is not None
    assert part - 4096 <= browser.limit <= part
    assert browser.limit < browser.compressed * 1.5
    assert shell.limit is None, "it takes less than its part"
    lines = list(commands(found))
    path = "/sys/fs/cgroup/desktop/browser/memory.zswap.max"
    assert f"echo {browser.limit} > {path}" in lines
    scripts = files(found, Installed(systemd=False, zram_generator=False, zramswap=False))
    assert f"write {browser.limit} {path}" in scripts["apply.sh"]
    assert f"rewrite {path}" in scripts["undo.sh"]
    assert "desktop/shell" not in scripts["apply.sh"]


@pytest.mark.parametrize(
    ("version", "name", "line"),
    [
        (253, "cgroup:/system.slice/db.service", "MemoryZSwapMax=4096"),
        (253, "cgroup:/user.slice", "MemoryZSwapMax=4096"),
        (252, "cgroup:/system.slice/db.service", "ExecStartPost=+/bin/sh -c 'echo 4096 > "),
        (252, "cgroup:/user.slice", None),
        (256, "cgroup:/lxc/db", None),
    ],
)
def test_a_unit_is_limited_by_what_its_systemd_knows(
    version: int, name: str, line: str | None, tmp_path: Path
) -> None:
    found = of_desktop(str(tmp_path), GIB // 2)
    group = found.limits.groups[0]._replace(name=name, limit=4096)
    found = found._replace(limits=GroupLimits((group,), ""))
    here = Installed(systemd=True, zram_generator=False, zramswap=False, version=version)
    made = files(found, here)
    del made["etc/systemd/system/swapfile.swap"]
    texts = [text for path, text in made.items() if path.startswith("etc/systemd/system/")]
    assert len(texts) == (line is not None)
    if line is not None:
        assert line in texts[0]
        assert texts[0].startswith("[S")
        assert f"# {group.because}" in texts[0]


@pytest.mark.parametrize(
    ("name", "path", "unit"),
    [
        ("cgroup:/system.slice/db.service", "/system.slice/db.service", "db.service"),
        ("cgroup:/sys/fs/cgroup/user.slice", "/user.slice", "user.slice"),
        ("cgroup:db@1.service", "", "db@1.service"),
        ("cgroup:/lxc/db", "/lxc/db", ""),
        ("cgroup:/../../etc/db", "", ""),
        ("cgroup:/a\nb.service", "", ""),
        ("cgroup:/a b$(id).service", "/a b$(id).service", ""),
        ("host", "", ""),
        ("", "", ""),
    ],
)
def test_a_name_out_of_a_profile_is_a_path_and_a_unit_where_it_is_plain(
    name: str, path: str, unit: str
) -> None:
    one = GroupLimit(name, 1, 1, 1, "", "")
    assert (one.path, one.unit) == (path, unit)


def test_version_1_of_cgroups_has_no_such_limit(tmp_path: Path) -> None:
    root = unpack("plain", tmp_path)
    source = str(CASES / "profiles" / "database.gsp")
    wanted = Asked(source, GIB // 4, None, "memory", exact=False, seed=0, jobs=1)
    found = advise(wanted, Tree(root))[0]
    assert found.place.seen.cgroups.version == 1
    assert found.limits.wanted == ()
    if found.choice.design == "classic":
        assert "version 1" in found.limits.lacks


# Work


def test_what_waits_is_what_the_curve_has_where_so_much_is_freed(tmp_path: Path) -> None:
    found = of_desktop(str(tmp_path), GIB, touches="zipf:0.8@200k")
    work = found.work
    assert work is not None
    assert (work.curve.pages, work.curve.touches) == (274300, 200_000)
    for option in found.ranked:
        quarter, half, _ = work.waits(option)
        for one, share in ((quarter, 4), (half, 2)):
            assert one.swapped is not None
            assert one.freed == found.memory // share
            assert abs(option.freed_at(one.swapped) - one.freed) <= 1
            assert one.major_faults == work.curve.major_faults(274300 - -(-one.swapped // 4096))
        assert (quarter.major_faults or 0) < (half.major_faults or 0)
    by = {one.compressor: work.waits(one)[1] for one in found.ranked if one.design == "zram"}
    assert (by["zstd"].major_faults or 0) < (by["lz4"].major_faults or 0), "less has to leave"


def test_what_cannot_be_freed_makes_nobody_wait(tmp_path: Path) -> None:
    wanted = Asked("synthetic:2000:random", GIB, "6.18", "disk", True, 0, 1, "uniform@10k")
    found = advise(wanted, Tree(str(tmp_path)))[0]
    assert found.work is not None
    zram = next(one for one in found.ranked if one.design == "zram")
    assert [one.swapped for one in found.work.waits(zram)] == [None, None, None]
