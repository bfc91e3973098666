# SPDX-License-Identifier: GPL-2.0-or-later
"""What libraries import and hardly a command uses is not loaded, until somebody uses it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from ghostswap.area.header.header import Header

#: Modules that cost much: a debugger's base, OpenSSL, compressors, exact numbers.
DEAR = {"bdb", "_hashlib", "textwrap", "bz2", "decimal", "difflib"}


def python(code: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    "args", [["inspect", "--json", "area"], ["validate", "--kernel", "6.18", "--json", "area"]]
)
def test_a_command_loads_none_of_them(args: list[str], tmp_path: Path) -> None:
    path = tmp_path / "area"
    path.write_bytes(Header(4096, "little", 9).build().ljust(10 * 4096, b"\0"))
    code = """
import sys
from ghostswap.__main__ import _main
_main()
print(*sys.modules)
"""
    *_, modules = python(code, *args[:-1], str(path)).splitlines()
    assert set(modules.split()) & DEAR == set()
    assert {"construct", "click"} <= set(modules.split()), "which import some of them"


def test_one_that_is_asked_for_something_is_the_module_itself() -> None:
    code = """
import sys
from ghostswap.cli.spared import spare
spare()
import hashlib, traceback
assert "_hashlib" not in sys.modules
print(hashlib.sha256(b"swap").hexdigest())
from traceback import format_exception_only
print(*format_exception_only(ValueError("as ever")), end="")
assert sys.modules["hashlib"] is not hashlib and sys.modules["hashlib"].sha256 is hashlib.sha256
"""
    assert python(code).splitlines() == [
        hashlib.sha256(b"swap").hexdigest(),
        "ValueError: as ever",
    ]


def test_one_that_is_loaded_already_is_left_alone() -> None:
    code = """
import sys, hashlib
from ghostswap.cli.spared import spare
spare()
print(sys.modules["hashlib"] is hashlib)
"""
    assert python(code) == "True\n"
