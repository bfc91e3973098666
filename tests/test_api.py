# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what scripts call: it says what the commands say, and its examples are true."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run

import ghostswap
from ghostswap import api
from ghostswap.errors import GhostswapError, TargetError, UsageError


def test_the_package_offers_what_the_module_does() -> None:
    assert set(ghostswap.__all__) == set(api.__all__)
    assert all(getattr(ghostswap, name) is getattr(api, name) for name in api.__all__)
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        ghostswap.guess  # noqa: B018  # asked for on purpose


def test_importing_it_costs_nothing_else() -> None:
    code = (
        "import ghostswap, sys; print(sorted(m for m in sys.modules if m.startswith('ghostswap')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['ghostswap', 'ghostswap.hot']\n"


def test_simulate_says_what_the_command_says(run: Run) -> None:
    spec = "synthetic:3000:text,zero,random"
    done = run("simulate", "--pages", spec, "--design", "classic", "--kernel", "6.12", "--json")
    said = json.loads(done.stdout)
    found = ghostswap.simulate(spec, design="classic", kernel="6.12")
    assert found.zswap == {name: said["zswap"][name] for name in found.zswap}
    assert found.vmstat == {name: said["vmstat"][name] for name in found.vmstat}
    assert found.freed_bytes == said["freed_bytes"]


def test_replay_says_what_the_command_says(run: Run) -> None:
    spec, touches = "synthetic:2000:text", "zipf:0.8@20000"
    options = ("--limit", "4M", "--kernel", "6.12", "--design", "zram", "--json")
    done = run("replay", "--pages", spec, "--touches", touches, *options)
    found = ghostswap.replay(spec, touches, 4 << 20, kernel="6.12", design="zram")
    assert found.vmstat["pgmajfault"] == json.loads(done.stdout)["vmstat"]["pgmajfault"] > 0


def test_profiles_are_memory_and_so_are_samples(run: Run, tmp_path: Path) -> None:
    spec, path = "synthetic:4000:text,zero,random", str(tmp_path / "some.gsp")
    options = ("--pages", spec, "--sample", "25%", "--kernel", "6.12")
    assert run("profile", "-o", path, *options).returncode == 0
    said = json.loads(run("simulate", *options, "--json").stdout)
    found = ghostswap.simulate(path, kernel="6.12")
    assert found.drawn == 1000
    assert {name: [*ends] for name, ends in found.intervals.items()} == said["intervals"] != {}
    touched = ghostswap.replay(path, "zipf:0.8@5000", 12 << 20, kernel="6.12")
    assert (touched.pages, touched.drawn) == (4000, 1000)
    assert touched.vmstat["pgmajfault"] > 0


def test_areas_are_read_and_judged(run: Run, tmp_path: Path) -> None:
    run("mkswap", "--size", "1M", "--label", "mine", "area")
    path = str(tmp_path / "area")
    assert ghostswap.inspect(path).header.last_page == 255
    verdict = ghostswap.judge(path, kernel="6.12", ram=1 << 30)
    assert not verdict.accepted
    assert verdict.refusal is not None
    assert verdict.refusal.errno == "EINVAL"
    assert ghostswap.judge(path, kernel="ghost", ram=1 << 30).pages == 255
    found = ghostswap.simulate("synthetic:100:text", [path], kernel="6.12")
    assert [(area.path, area.inuse_pages) for area in found.areas] == [(path, 100)]


def test_pages_are_measured() -> None:
    found = ghostswap.measure("synthetic:50:random", "lz4")
    assert len(found) == 50
    assert min(found) >= 4096


def test_what_cannot_be_is_refused_with_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(TargetError):
        ghostswap.inspect(str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="unknown kernel"):
        ghostswap.judge(str(tmp_path), kernel="2.4")
    with pytest.raises(GhostswapError):
        ghostswap.measure(str(tmp_path / "gone"))
