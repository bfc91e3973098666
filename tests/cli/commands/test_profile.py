# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap profile``: whoever has the profile gets what they would get of the memory."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from support.corpora import ladder, text

KERNEL = ("--kernel", "6.18")


def result(run: Run, *args: str) -> dict[str, Any]:
    done = run(*args, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def without_names(found: dict[str, Any]) -> dict[str, Any]:
    """What is the same of memory and of its profile."""
    for source in (found["source"], *found["sources"]):
        del source["name"]
    return found


@pytest.mark.parametrize("sample", ["100%", "500"])
@pytest.mark.parametrize(
    "command",
    [
        ("simulate", "--compressor", "lz4"),
        ("simulate", "--compressor", "zstd", "--design", "zram"),
        ("simulate", "--compressor", "lzo-rle", "--design", "classic"),
        ("compare", "--compressor", "zstd"),
    ],
)
def test_of_a_source_and_of_its_profile_all_is_equal(
    run: Run, tmp_path: Path, command: tuple[str, ...], sample: str
) -> None:
    (tmp_path / "memory").write_bytes(text() + ladder() + bytes(1 << 20))
    made = run("profile", "-o", "it.gsp", "--pages", "memory", "--sample", sample, *KERNEL)
    assert made.returncode == 0, made.stderr
    args = (*command, *KERNEL, "--ram", "1G")
    of_source = result(run, *args, "--pages", "memory", "--sample", sample)
    of_profile = result(run, *args, "--pages", "it.gsp")
    assert without_names(of_profile) == without_names(of_source)
    if command[0] == "simulate":
        assert bool(of_source["intervals"]) == (sample != "100%")


def test_nothing_of_the_memory_is_in_the_file(run: Run, tmp_path: Path) -> None:
    """A secret in a process, its name and its number: none of them, in any form."""
    secret = secrets.token_hex(2048)
    keep = f"keep = [{secret!r} + str(n) for n in range(500)]"
    code = f"import sys; {keep}; print(flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout
        child.stdout.readline()
        spec = f"pid:{child.pid}"
        done = run("profile", "-o", "it.gsp", "--pages", spec, "--json")
        assert done.returncode == 0, done.stderr
        data = (tmp_path / "it.gsp").read_bytes()
        found = json.loads(done.stdout)
        kept = found["groups"][0]["kept"]
        assert kept > 500
        assert len(data) <= 12 * kept
        for word in (secret[:16].encode(), spec.encode(), b"python", os.uname().nodename.encode()):
            assert word not in data
        assert found["groups"][0]["name"] is None
        named = result(run, "profile", "-o", "named.gsp", "--pages", spec, "--names")
        assert named["groups"][0]["name"] == spec
    finally:
        child.communicate()


def test_two_profiles_become_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(text())
    (tmp_path / "b").write_bytes(ladder())
    for name in "ab":
        assert run("profile", "-o", f"{name}.gsp", "--pages", name, *KERNEL).returncode == 0
    made = result(run, "profile", "-o", "both.gsp", "--pages", "a.gsp", "--pages", "b.gsp", *KERNEL)
    assert [group["kept"] for group in made["groups"]] == [1024, 2048]
    (tmp_path / "both").write_bytes(text() + ladder())
    args = ("simulate", *KERNEL, "--compressor", "zstd", "--ram", "1G", "--pages")
    assert without_names(result(run, *args, "both.gsp")) == without_names(
        result(run, *args, "both")
    )
    shown = result(run, "inspect", "both.gsp")["targets"][0]
    assert shown["groups"] == made["groups"]
    assert "profile of memory" in run("inspect", "both.gsp").stdout


def test_samples_of_unlike_density_are_weighed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(text() * 2)
    (tmp_path / "b").write_bytes(ladder() * 4)
    for name, sample in (("a", "50%"), ("b", "10%")):
        done = run("profile", "-o", f"{name}.gsp", "--pages", name, "--sample", sample, *KERNEL)
        assert done.returncode == 0, done.stderr
    both = ("--pages", "a.gsp", "--pages", "b.gsp")
    assert run("profile", "-o", "both.gsp", *both, *KERNEL).returncode == 0
    (tmp_path / "both").write_bytes(text() * 2 + ladder() * 4)
    args = ("simulate", *KERNEL, "--ram", "1G", "--pages")
    found, true = result(run, *args, "both.gsp"), result(run, *args, "both")
    assert found["pages"] == true["pages"] == 10240
    low, high = found["intervals"]["zswap.pool_total_size"]
    assert low <= true["zswap"]["pool_total_size"] <= high
    assert high - low < 0.2 * true["zswap"]["pool_total_size"]


@pytest.mark.parametrize(
    "command",
    [
        ("replay", "--limit", "2M", "--touches", "uniform@5000"),
        ("compare", "--limit", "2M", "--touches", "uniform@5000"),
        ("replay", "--touches", "uniform@5000", "--curve=2M"),
        ("replay", "--touches", "uniform@5000", "--curve"),
        ("simulate", "--touches", "uniform@5000", "--limit", "2M"),
        ("simulate", "--design", "zram", "--recompress", "zstd"),
    ],
)
@pytest.mark.parametrize("sample", ["100%", "10%"])
def test_a_workload_takes_a_profile_as_the_memory(
    run: Run, tmp_path: Path, command: tuple[str, ...], sample: str
) -> None:
    (tmp_path / "memory").write_bytes(text() + ladder())
    made = run("profile", "-o", "it.gsp", "--pages", "memory", "--sample", sample, *KERNEL)
    assert made.returncode == 0, made.stderr
    of_source = result(run, *command, *KERNEL, "--pages", "memory", "--sample", sample)
    of_profile = result(run, *command, *KERNEL, "--pages", "it.gsp")
    assert without_names(of_profile) == without_names(of_source)
    assert of_source["source"]["sampled_pages"] == (3072 if sample == "100%" else 308)


def test_groups_of_a_host_have_profiles_for_memory(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(text())
    (tmp_path / "b").write_bytes(bytes(1 << 20) + ladder())
    for name, sample in (("a", "100%"), ("b", "20%")):
        args = ("profile", "-o", f"{name}.gsp", "--pages", name, "--sample", sample)
        assert run(*args, *KERNEL).returncode == 0
    (tmp_path / "host.toml").write_text(
        'ram = "64M"\nkernel = "6.18"\n'
        '[group.a]\nsource = "a.gsp"\ntouches = "uniform@3000"\nmemory_max = "3M"\n'
        '[group.b]\nsource = ["b.gsp", "a.gsp"]\ntouches = "zipf:0.8@3000"\nmemory_max = "8M"\n'
    )
    found = result(run, "replay", "host.toml")
    assert [group["pages"] for group in found["groups"]] == [1024, 256 + 2048 + 1024]
    # b.gsp has zeros in one page of nine; they are drawn as others are, and the kernel's zeromap
    # has those that are out.
    assert found["held"]["zero"] > 100
    assert [source["sampled_pages"] for source in found["sources"]] == [1024, 461]


def test_folios_of_pages_that_nobody_has_side_by_side_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "memory").write_bytes(text())
    args = ("profile", "-o", "it.gsp", "--pages", "memory", "--sample", "10%")
    assert run(*args, *KERNEL).returncode == 0
    done = run("simulate", *KERNEL, "--pages", "it.gsp", "--set", "folio_order=2")
    assert done.returncode == 2
    assert "--sample 100%" in done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("verify", "--pages", "it.gsp"), "no pages"),
        (("simulate", "--pages", "it.gsp", "--compressor", "deflate"), "not of deflate"),
        (("simulate", "--pages", "cut.gsp"), "is cut short, or was changed"),
        (("inspect", "cut.gsp"), "is cut short, or was changed"),
        (("profile", "-o", "memory", "--pages", "it.gsp"), "is no profile"),
    ],
)
def test_what_a_profile_cannot_do_is_said(
    run: Run, tmp_path: Path, args: tuple[str, ...], words: str
) -> None:
    (tmp_path / "memory").write_bytes(text())
    assert run("profile", "-o", "it.gsp", "--pages", "memory").returncode == 0
    (tmp_path / "cut.gsp").write_bytes((tmp_path / "it.gsp").read_bytes()[:-3])
    done = run(*args)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "memory").read_bytes() == text()
