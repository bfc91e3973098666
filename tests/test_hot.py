# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that hot modules are compiled all or none, only as their sources are, and to equals."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import ROOT

from ghostswap import hot

needs_compiled = pytest.mark.skipif(hot.obstacle() != "", reason=hot.obstacle())
PROBE = """
import sys
from ghostswap import hot
from ghostswap.mm.vmscan.memory import Memory
from ghostswap.study.replay import Replay
files = [sys.modules[name].__file__ for name in hot.MODULES]
print(hot.obstacle().partition(":")[0], {file.endswith(".py") for file in files}, sep="|")
"""
#: The slowest of them are half a second each where nothing is compiled.
HOSTS = 60


def answer(args: list[str], path: str, **environment: str) -> str:
    """What Python says to *args* with *path* in front of all others."""
    done = subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": path, "GHOSTSWAP_PURE": "", **environment},
        cwd=path.partition(":")[0],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def probe(package: Path, **environment: str) -> str:
    """Why the hot modules of *package* are not compiled, and whether each is Python."""
    return answer(["-c", PROBE], str(package.parent), **environment).strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, with the library that it has here."""
    return Path(shutil.copytree(ROOT / "ghostswap", tmp_path / "ghostswap"))


def test_the_list_of_hot_modules_is_that_of_the_pxd_files() -> None:
    pxd = {str(path.with_suffix(".py")) for path in (ROOT / "ghostswap").rglob("*.pxd")}
    assert set(hot.sources()) == pxd
    names = [name.rpartition(".")[2] for name in hot.MODULES]
    assert len(set(names)) == len(names), "the library has one PyInit_ of each"


def test_where_there_is_a_compiler_they_are_compiled() -> None:
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    if not shutil.which("gcc") or not headers.exists() or os.environ.get("GHOSTSWAP_PURE"):
        pytest.skip(hot.obstacle())
    assert hot.obstacle() == "", "pip install -v --editable . says why not"


@needs_compiled
def test_all_are_compiled_or_with_ghostswap_pure_none(package: Path) -> None:
    assert probe(package) == "|{False}"
    assert probe(package, GHOSTSWAP_PURE="1") == "not used|{True}"


@needs_compiled
@pytest.mark.parametrize("suffix", [".py", ".pxd"])
def test_once_a_source_is_changed_none_is_compiled(package: Path, suffix: str) -> None:
    source = Path(hot.sources(str(package))[-1]).with_suffix(suffix)
    source.write_text(source.read_text() + "\n# changed\n")
    assert probe(package) == "changed since they were compiled|{True}"


def test_without_the_library_all_are_python(package: Path) -> None:
    for library in package.glob("_hot.*"):
        library.unlink()
    assert probe(package) == "not compiled|{True}"


def test_a_library_that_does_not_load_is_as_none(package: Path) -> None:
    for library in package.glob("_hot.*"):
        library.unlink()
    Path(hot.library(str(package))).write_bytes(b"\x7fELF of another machine")
    why, _, are_python = probe(package).partition("|")
    assert why.startswith("the library does not load (")
    assert are_python == "{True}"


@needs_compiled
def test_whatever_the_host_the_outcome_is_the_same_compiled_and_not() -> None:
    seed = random.randrange(1_000_000)
    args, path = ["-m", "support.random_hosts", str(seed), str(HOSTS)], f"{ROOT}:{ROOT}/tests"
    how, *compiled = answer(args, path).splitlines()
    assert how == "compiled"
    why, *python = answer(args, path, GHOSTSWAP_PURE="1").splitlines()
    assert why.startswith("not used")
    assert len(python) == HOSTS
    for one, other in zip(compiled, python, strict=True):
        assert one == other
