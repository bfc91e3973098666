# SPDX-License-Identifier: GPL-2.0-or-later
"""What else the memory needs is made of the same figures: an image, groups' limits, waits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import CASES
from support.hosts import unpack, write

from ghostswap.advise.advice import Advice
from ghostswap.advise.commands import commands
from ghostswap.advise.files import Installed, files, installed
from ghostswap.advise.goal import GOALS, Goal
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


def of_desktop(root: str, ram: int, *, goal: Goal = "memory", touches: str | None = None) -> Advice:
    source = str(CASES / "profiles" / "desktop.gsp")
    wanted = Asked(source, ram, "6.18", goal, False, 0, 1, touches)
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
    assert f"[ ! -e {path} ] || echo {browser.limit} > {path}" in lines, "it may be elsewhere"
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
    ("path", "version"),
    [
        ("usr/lib/systemd/libsystemd-shared-256.6-1.fc41.so", 256),
        ("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so", 257),
        ("usr/lib/arm-linux-gnueabihf/systemd/libsystemd-shared-252.so", 252),
        ("usr/lib/systemd/libsystemd-core-256.so", 0),
    ],
)
def test_systemd_has_its_version_in_the_name_of_its_library(
    path: str, version: int, tmp_path: Path
) -> None:
    write({f"/{path}": ""}, tmp_path)
    assert installed(Tree(str(tmp_path))).version == version


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemd is not installed")
def test_the_version_is_the_one_that_systemd_here_says() -> None:
    said = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True)
    assert installed(Tree()).version == int(said.stdout.split()[1])


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


def test_where_no_cgroups_are_seen_none_is_told_to_be_limited(tmp_path: Path) -> None:
    source = str(CASES / "profiles" / "desktop.gsp")
    wanted = Asked(source, GIB // 2, None, "memory", exact=False, seed=0, jobs=1)
    found = advise(wanted, Tree(unpack("both", tmp_path, "/sys/fs/cgroup")))[0]
    if found.choice.design == "classic":
        assert found.limits.lacks == "no cgroups with a limit of memory are seen here"
    assert not any("zswap.max" in line for line in commands(found))


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


def test_work_that_stays_in_a_hot_part_makes_the_densest_the_best(tmp_path: Path) -> None:
    touches = "hot:5%:99.9%@100k"
    wanted = Asked("synthetic:3000:text", GIB, "6.18", "latency", True, 0, 1, touches)
    found = advise(wanted, Tree(str(tmp_path)))[0]
    assert found.choice.compressor == "zstd"
    assert found.work is not None
    half = found.work.waits(found.choice)[1]
    assert half.major_faults is not None
    assert half.major_faults < 500, "one touch in a thousand is outside"
    assert found.without_work.compressor != "zstd", "it takes longest for a page"


def test_work_that_goes_everywhere_makes_a_quick_one_the_best(tmp_path: Path) -> None:
    everywhere = of_desktop(str(tmp_path), GIB, goal="balanced", touches="uniform@200k")
    assert everywhere.choice.compressor != "zstd"
    compressor = next(one for one in everywhere.settings if one.name == "compressor")
    assert f"{everywhere.choice.wait_us:.2g} us a touch" in compressor.because
    assert "touches" in compressor.otherwise


def test_a_touch_waits_for_the_faults_that_freeing_half_makes(tmp_path: Path) -> None:
    found = of_desktop(str(tmp_path), GIB, goal="memory", touches="zipf:0.8@200k")
    assert found.work is not None
    for option in found.ranked:
        half = found.work.waits(option)[1]
        assert half.seconds is not None
        assert option.wait_us == pytest.approx(half.seconds * 1e6 / 200_000)


def test_where_half_cannot_be_freed_all_has_left(tmp_path: Path) -> None:
    wanted = Asked("synthetic:2000:text=40%,random", GIB, "6.18", "disk", True, 0, 1, "uniform@10k")
    found = advise(wanted, Tree(str(tmp_path)))[0]
    assert found.work is not None
    for option in found.ranked:
        assert found.work.waits(option)[1].swapped is None
        assert option.time is not None
        all_of_it = found.work.curve.major_faults(1) * option.time.round_trip_us / 10_000
        assert option.wait_us == pytest.approx(all_of_it)


def test_goals_weigh_waits_in_their_order() -> None:
    assert GOALS["latency"].wait > GOALS["balanced"].wait > GOALS["memory"].wait > 0
