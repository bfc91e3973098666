# SPDX-License-Identifier: GPL-2.0-or-later
"""The house: imports point one way, and each library lives in its room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ghostswap"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {"cli", "mm", "area", "pages"}
#: Which rooms a room may look into, beside itself.
BELOW = {"cli": {"mm", "area", "pages"}, "mm": {"area", "pages"}, "area": set(), "pages": set()}
#: Which files may import a library that is kept in its place.
PLACES = {
    "click": lambda path: path.parts[0] == "cli",
    "rich": lambda path: path.parts[0] == "cli",
    "construct": lambda path: (
        str(path) in ("area/layout.py", "area/disk_layout.py", "area/header.py", "pages/core.py")
    ),
}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = path.relative_to(PACKAGE)
    room = own.parts[0] if own.parts[0] in ROOMS else None
    for name in imported(path):
        head, *rest = name.split(".")
        if head == "ghostswap" and rest[0] in ROOMS and room is not None:
            assert rest[0] == room or rest[0] in BELOW[room], f"{own} imports {name}"
        if head in PLACES:
            assert PLACES[head](own), f"{own} imports {name}"


@pytest.mark.parametrize(
    "call", [["--version"], ["--help"], ["completion", "bash"], ["mkswap", "--help"]]
)
def test_start_up_imports_neither_rich_nor_construct(call: list[str]) -> None:
    code = (
        "import sys; from ghostswap.__main__ import main; sys.argv[1:] = sys.argv[1:]\n"
        "status = main()\n"
        "print([m for m in ('rich', 'construct', 'lz4') if m in sys.modules], file=sys.stderr)\n"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *call], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout
