# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that the hot modules are compiled all or none, and only as their sources are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from conftest import ROOT

from ghostswap import hot

TESTS = ROOT / "tests"
needs_compiled = pytest.mark.skipif(hot.obstacle() != "", reason=hot.obstacle())
PROBE = """
import sys
from ghostswap import hot
from ghostswap.study.replay import Replay
names = [path.removesuffix(".py").partition("/ghostswap/")[2] for path in hot.sources()]
files = [sys.modules["ghostswap." + name.replace("/", ".")].__file__ for name in names]
print(hot.obstacle().partition(":")[0], {file.endswith(".py") for file in files}, sep="|")
"""


def probe(package: Path, **environment: str) -> str:
    """Whether the hot modules of *package* are compiled: why not, and whether any is Python."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, "PYTHONPATH": str(package.parent), "GHOSTSWAP_PURE": "", **environment},
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, with the library that it has here."""
    return Path(shutil.copytree(ROOT / "ghostswap", tmp_path / "ghostswap"))


def test_every_hot_module_is_one_that_a_replay_needs() -> None:
    assert len(hot.sources()) > 20
    assert all(os.path.exists(path) for path in hot.sources())


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
    for library in package.glob("_hot-*"):
        library.unlink()
    assert probe(package) == "not compiled|{True}"


def test_a_library_that_does_not_load_is_as_none(package: Path) -> None:
    for library in package.glob("_hot-*"):
        library.unlink()
    Path(hot.library(str(package))).write_bytes(b"\x7fELF of another machine")
    assert probe(package) == "the library does not load|{True}"
    assert EXTENSION_SUFFIXES[0] in hot.library()
