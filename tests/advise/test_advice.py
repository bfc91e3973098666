# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice is what simulations of the same memory say, and says what a host lacks."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.hosts import unpack, write

import ghostswap
from ghostswap.advise.advice import Advice
from ghostswap.advise.commands import commands
from ghostswap.advise.defaults import DEFAULTS
from ghostswap.advise.files import Installed, files
from ghostswap.advise.goal import Goal
from ghostswap.advise.options import Option
from ghostswap.cli.reports.host.advise_json import as_json
from ghostswap.cli.reports.host.advise_report import print_all
from ghostswap.cli.reports.pictured import figure_of
from ghostswap.cli.runs.host.advise import Asked, advise
from ghostswap.live.seen.tree import Tree
from ghostswap.pictures.draw import draw
from ghostswap.pictures.figures import Advised

GIB = 1 << 30
#: Text, zeros and what does not compress.
MEMORY = "synthetic:3000:text=50%,zero=10%,random"


def asked(
    root: str,
    source: str = MEMORY,
    *,
    ram: int = 4 * GIB,
    kernel: str | None = None,
    goal: Goal = "balanced",
    exact: bool = True,
) -> Advice:
    return advise(Asked(source, ram, kernel, goal, exact, 0, 1), Tree(root))[0]


def option(found: Advice, design: str, compressor: str) -> Option:
    return next(one for one in found.ranked if (one.design, one.compressor) == (design, compressor))


def setting(found: Advice, name: str) -> int | str:
    return next(one.value for one in found.settings if one.name == name)


@pytest.mark.parametrize(("design", "key"), [("classic", "size"), ("zram", "zram_disksize")])
def test_an_option_frees_what_a_simulation_of_that_size_does(
    design: str, key: str, tmp_path: Path
) -> None:
    found = asked(unpack("plain", tmp_path))
    for compressor in ("lz4", "zstd"):
        one = option(found, design, compressor)
        knobs = {key: one.size, "design": design, "compressor": compressor, "ram": 4 * GIB}
        outcome = ghostswap.simulate(MEMORY, kernel="6.18", max_pool_percent=100, **knobs)
        assert abs(one.freed - outcome.freed_bytes) <= 64  # the header's slot
        assert one.pool == outcome.pool_bytes
        assert one.freed_interval == (one.freed, one.freed)


def test_a_sample_says_where_the_whole_lies(tmp_path: Path) -> None:
    source = "synthetic:30000:text=50%,zero=10%,random"
    root = unpack("plain", tmp_path)
    whole = option(asked(root, source), "zram", "lz4")
    some = option(asked(root, source, exact=False), "zram", "lz4")
    assert some.outcome.drawn == 20_000
    low, high = some.freed_interval
    assert low < whole.freed < high
    assert high - low < 0.02 * whole.memory


def test_the_goal_decides(tmp_path: Path) -> None:
    root = str(tmp_path)
    memory = asked(root, kernel="6.18", goal="memory").choice
    latency = asked(root, kernel="6.18", goal="latency").choice
    disk = asked(root, kernel="6.18", goal="disk").choice
    assert memory.compressor == "zstd"
    assert latency.compressor != "zstd"
    assert latency.time is not None
    assert memory.time is not None
    assert latency.time.round_trip_us < memory.time.round_trip_us
    assert (disk.design, disk.disk) == ("zram", 0)


def test_an_area_has_room_to_grow_and_a_small_machine_a_bound(tmp_path: Path) -> None:
    found = asked(str(tmp_path), kernel="6.18", goal="disk", ram=GIB // 4)
    assert found.choice.size % (256 << 20) == 0
    assert found.choice.size >= found.memory * 1.5
    assert setting(found, "mem_limit") == GIB // 8, "256 MiB that do not compress are all of it"
    assert setting(asked(str(tmp_path), kernel="6.18", goal="disk"), "mem_limit") == 0


def test_a_pool_that_has_to_be_larger_is_given_more(tmp_path: Path) -> None:
    small = asked(str(tmp_path), kernel="6.18", ram=GIB // 4, goal="memory")
    assert small.choice.design == "classic"
    full = small.choice.pool * small.choice.size / small.memory
    percent = int(setting(small, "max_pool_percent"))
    assert percent == min(50, -(-int(100 * full) // (GIB // 4)))
    assert setting(asked(str(tmp_path), kernel="6.18", goal="memory"), "max_pool_percent") == 20


def test_other_sizes_refuse_or_cost(tmp_path: Path) -> None:
    found = asked(str(tmp_path), "synthetic:120000:zero=50%,text", kernel="6.18", exact=False)
    half, own, large, virtual = found.others
    assert half.refused == found.memory - half.size > 0  # type: ignore[operator]
    assert (own.refused, large.refused, virtual.refused) == (0, 0, 0)
    assert own.metadata < large.metadata
    assert virtual.size is None


def test_a_ghost_is_an_option_where_the_kernel_takes_one(tmp_path: Path) -> None:
    ghost = asked(str(tmp_path), kernel="ghost")
    assert {one.design for one in ghost.ranked} == {"classic", "zram", "ghost"}
    assert option(ghost, "ghost", "lz4").disk == 0
    assert "ghost" not in {one.design for one in asked(str(tmp_path), kernel="6.18").ranked}


# Defaults


@pytest.mark.parametrize(
    ("name", "ram", "size"),
    [
        ("zram-generator", 16, 4),
        ("zram-generator", 2, 1),
        ("Fedora 34", 4, 4),
        ("Fedora 34", 32, 8),
        ("Pop!_OS", 32, 16),
        ("ChromeOS", 4, 6),
        ("Arch (archinstall)", 4, 4),
        ("RHEL (anaconda)", 1, 2),
        ("RHEL (anaconda)", 16, 8),
        ("RHEL (anaconda)", 128, 4),
        ("Ubuntu", 8, 1),
    ],
)
def test_a_default_is_as_its_source_says(name: str, ram: int, size: int) -> None:
    rule = next(one for one in DEFAULTS if one.name == name)
    assert rule.size(ram * GIB, 20 * GIB) == size * GIB
    assert rule.source.startswith("https://")


def test_a_default_that_is_too_small_leaves_memory_where_it_is(tmp_path: Path) -> None:
    found = asked(str(tmp_path), "synthetic:400000:zero=90%,text", kernel="6.18", exact=False)
    small = next(one for one in found.defaults if one.rule.name == "Bottlerocket")
    large = next(one for one in found.defaults if one.rule.name == "Fedora 34")
    assert small.swapped == GIB < large.swapped == found.memory
    assert small.freed is not None
    assert large.freed is not None
    assert small.freed < large.freed


# Hosts


def test_what_the_kernel_lacks_comes_last(tmp_path: Path) -> None:
    found = asked(unpack("plain", tmp_path))
    lacking = [bool(one.lacks) for one in found.ranked]
    assert lacking == sorted(lacking)
    for one in found.ranked:
        if one.compressor == "zstd":
            assert one.lacks == "this kernel has no zstd"


def test_in_a_container_without_sys_the_best_is_named_all_the_same(tmp_path: Path) -> None:
    files = {"/proc/meminfo": "MemTotal: 4194304 kB\n", "/proc/swaps": "Filename\n"}
    found = asked(write(files, tmp_path))
    assert all(one.lacks for one in found.ranked)
    assert list(commands(found)) == []
    assert "/sys/kernel" in found.place.seen.unseen


@pytest.mark.parametrize(
    ("host", "without"),
    [
        ("both", "/"),
        ("both", "/sys"),
        ("both", "/proc"),
        ("both", "/proc/swaps"),
        ("both", "/sys/module/zswap"),
        ("both", "/sys/block"),
        ("both", "/sys/fs/cgroup"),
        ("plain", "-"),
    ],
)
def test_whatever_a_host_hides_the_rest_is_said(
    host: str, without: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "synthetic:300:text=50%,zero=10%,random"
    wanted = Asked(source, None, None, "balanced", exact=True, seed=0, jobs=1)
    found, opened = advise(wanted, Tree(unpack(host, tmp_path, without)))
    print_all(found, opened)
    said = capsys.readouterr().out
    assert "(synthetic:300:text=50%,zero=10%,random) it frees" in said
    assert "what others set by themselves" in said
    assert found.ranked[0].lacks == "" or "No option can be had here" in said
    assert json.loads(json.dumps(as_json(found, opened)))["options"]
    if without in ("/", "/sys", "/proc"):
        assert found.place.seen.unseen.keys() & {"/proc/meminfo", "/sys/kernel"}


def test_memory_of_which_nothing_is_gained_is_said_to_free_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = Asked("synthetic:300:random", GIB, "6.18", "disk", exact=True, seed=0, jobs=1)
    found, opened = advise(wanted, Tree(str(tmp_path)))
    print_all(found, opened)
    assert found.choice.freed < 0
    said = " ".join(capsys.readouterr().out.split())
    assert "it frees nothing, for pool and slots take " in said
    assert "it frees -" not in said


SCRIPTS = Installed(systemd=False, zram_generator=False, zramswap=False)


def test_scripts_switch_off_the_zram_that_is_replaced_and_on_again(tmp_path: Path) -> None:
    found = asked(unpack("both", tmp_path), goal="memory")
    assert found.choice.design == "classic"
    made = files(found, SCRIPTS)
    assert "    swapoff /dev/zram1\n" in made["apply.sh"]
    assert "    swapon --priority 100 /dev/zram1 ||" in made["undo.sh"]
    assert "swapoff /dev/zram1" in list(commands(found)), "as the printed commands do"


def test_scripts_leave_a_device_that_is_as_advised(tmp_path: Path) -> None:
    root = unpack("zram", tmp_path)
    (tmp_path / "sys/block/zram1/disksize").write_text(str(256 << 20))
    found = asked(root, goal="disk")
    assert (found.choice.design, found.choice.size) == ("zram", 256 << 20)
    script = files(found, SCRIPTS)["apply.sh"]
    assert "zramctl" not in script
    assert "swapoff" not in script
    assert "vm/page-cluster" in script


def test_what_is_set_already_is_not_set_again(tmp_path: Path) -> None:
    found = asked(unpack("zram", tmp_path), goal="disk")
    assert found.choice.design == "zram"
    now = {one.name: one.now for one in found.settings}
    assert now["compressor"] == "lzo-rle"
    assert now["disksize"] == 16 << 20
    lines = list(commands(found))
    assert any("zramctl --find" in line for line in lines)
    assert any(line.startswith("swapoff /dev/zram1") for line in lines)
    assert not any("modprobe" in line for line in lines)


# Pictures


def test_a_figure_is_of_the_advice_and_ends_where_all_has_left(tmp_path: Path) -> None:
    found = asked(
        str(tmp_path), "synthetic:30000:text=50%,zero=10%,random", kernel="6.18", exact=False
    )
    figure = figure_of(found)
    assert isinstance(figure, Advised)
    out, freed, low, high = figure.lines[0].points[-1]
    assert (out, freed, (low, high)) == (
        found.memory,
        found.choice.freed,
        found.choice.freed_interval,
    )
    assert figure.lines[0].points[0][1] == -found.choice.outcome.metadata.static_bytes
    assert {line.name.partition(",")[0] for line in figure.lines} == {"zram", "zswap over disk"}
    own = found.others[1]
    known = {size: (refused, slots) for size, refused, _, slots in figure.sizes}
    assert known[found.choice.size] == (own.refused, own.metadata)
    assert known[found.memory][0] == 0
    assert [row[1] for row in figure.sizes] == sorted(
        (row[1] for row in figure.sizes), reverse=True
    )
    assert "20,000 of 30,000 pages" in figure.source


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_same_advice_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    found = asked(str(tmp_path), kernel="6.18")
    assert draw(figure_of(found), kind) == draw(figure_of(found), kind)


# Scripts


@pytest.mark.parametrize("others", [False, True])
def test_the_directory_of_a_file_that_is_put_goes_with_it_unless_others_are_in_it(
    others: bool, tmp_path: Path
) -> None:
    found = files(asked(str(tmp_path), kernel="6.18"), SCRIPTS)
    put, back = (
        re.search(rf"^{name}\(\) {{\n.*?^}}\n", found[script], re.MULTILINE | re.DOTALL)
        for name, script in (("put", "apply.sh"), ("back", "undo.sh"))
    )
    assert put is not None
    assert back is not None
    goal, name = tmp_path / "goal", f"{tmp_path}/goal/made/file"[1:]
    goal.mkdir()
    (tmp_path / "scripts" / name).parent.mkdir(parents=True)
    (tmp_path / "scripts" / name).write_text("new")

    def run(text: str) -> None:
        subprocess.run(["sh", "-euc", text], cwd=tmp_path / "scripts", check=True)

    run(f"mkdir before\n{put[0]}put {name}\nput {name}\n")
    assert (goal / "made/file").read_text() == "new"
    if others:
        (goal / "made/other").touch()
    run(f"{back[0]}back {name}\n")
    assert [*goal.rglob("*")] == ([goal / "made", goal / "made/other"] if others else [])
