# SPDX-License-Identifier: GPL-2.0-or-later
"""The house: every arrow between its rooms points down, and each library lives in its room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ghostswap"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: The rooms from the top down. A room may look into those below it that its row names; the ground
#: (modules right in ghostswap/) is open to all.
MAY_IMPORT: dict[str, str] = {
    "api": "scenario study codecs kernels pages area/judge area/header area/target",
    "cli/app": "cli/terminal",
    "cli/commands": "cli/runs cli/reports cli/options cli/terminal fleet scenario advise claims"
    " designs codecs kernels area/disk area/make area/judge area/header area/target",
    "cli/runs": "cli/reports cli/options cli/terminal pictures fleet scenario advise claims live"
    " live/seen study designs codecs kernels pages pages/profiles pages/source executor area/disk"
    " area/make area/judge area/header area/target",
    "cli/reports": "cli/terminal pictures fleet scenario advise live/seen study designs codecs"
    " mm/zpool mm/swap kernels pages pages/profiles pages/source area/disk area/judge area/header"
    " area/target",
    "cli/options": "cli/terminal pictures scenario kernels pages pages/source",
    "cli/terminal": "pictures area/target",
    "pictures": "study mm/zpool kernels",
    "fleet": "advise study designs codecs mm/zpool kernels pages/profiles executor",
    "scenario": "study designs codecs mm/swap kernels pages area/header area/target",
    "advise": "live/seen study designs codecs mm/zswap kernels",
    "claims": "study designs codecs mm/swap kernels pages",
    "live": "live/seen study codecs mm/zpool mm/zswap mm/zram mm/swap kernels pages"
    " pages/processes pages/source area/make area/judge area/header area/target",
    "live/seen": "kernels area/disk area/judge area/header area/target",
    "study": "designs codecs mm/zpool mm/zswap mm/zram mm/swap mm/vmscan mm/memcontrol kernels"
    " pages pages/profiles pages/source executor area/header area/target",
    "designs": "codecs mm/zpool mm/zswap mm/zram mm/swap mm/vmscan mm/memcontrol mm/columns kernels"
    " pages",
    "codecs": "mm/zpool mm/columns kernels pages/source",
    "mm/vmscan": "mm/memcontrol mm/swap mm/noted_lists mm/columns kernels",
    "mm/zswap": "mm/memcontrol mm/zpool mm/noted_lists mm/columns kernels",
    "mm/zram": "mm/zpool mm/columns kernels",
    "mm/memcontrol": "mm/swap",
    "mm/swap": "mm/columns kernels",
    "mm/zpool": "mm/columns kernels",
    "mm/noted_lists": "mm/columns",
    "mm/columns": "",
    "pages": "pages/dumps pages/processes pages/profiles pages/source",
    "pages/dumps": "pages/profiles pages/source",
    "pages/processes": "pages/source",
    "pages/profiles": "pages/source",
    "pages/source": "",
    "executor": "",
    "area/make": "area/judge area/header area/target",
    "area/disk": "area/header area/target",
    "area/judge": "area/header area/target kernels",
    "area/header": "area/target",
    "area/target": "",
    "kernels": "",
}
#: Where the ground leads up.
DOORS = {"__main__.py": "ghostswap.cli.app", "__init__.py": "ghostswap.api"}
#: Which files may import a library that is kept in its place.
PLACES = {
    "click": lambda path: path.parts[0] == "cli",
    "rich": lambda path: path.parts[0] == "cli",
    "matplotlib": lambda path: path.parts[0] == "pictures",
    "pyarrow": lambda path: path.parts[0] == "fleet",
    "distributed": lambda path: path.parts[0] == "executor",
    "construct": lambda path: path.parts[0] == "pages" or path.parts[0] == "area",
}


def module_of(path: Path) -> str:
    """The dotted name of the module in the file at *path*."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


NAMES = {module_of(path) for path in MODULES}


def room_of(name: str) -> str | None:
    """The room of module *name*; ``None`` for the ground and for the doors of a storey."""
    parts = name.split(".")[1:]
    fitting = ["/".join(parts[:2]), "/".join(parts[:1])]
    return next((room for room in fitting if room in MAY_IMPORT), None)


def imported(path: Path) -> set[str]:
    """Every module that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they point"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in NAMES else str(node.module))
    return found


def test_the_rooms_are_a_tower() -> None:
    rooms = list(MAY_IMPORT)
    for room, below in MAY_IMPORT.items():
        for other in below.split():
            assert rooms.index(other) > rooms.index(room), f"{room} looks up to {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = path.relative_to(PACKAGE)
    name = module_of(path)
    room = room_of(name)
    for other in imported(path):
        head, _, rest = other.partition(".")
        if head in PLACES:
            assert PLACES[head](own), f"{own} imports {head}"
        if head != "ghostswap" or other == name:
            continue
        goal = room_of(other)
        if room is None:
            assert goal is None or DOORS.get(str(own)) == other, (
                f"the ground ({own}) imports {other}"
            )
        elif goal not in (None, room):
            assert goal in MAY_IMPORT[room].split(), f"{own} imports {other}"
        else:
            assert rest or other == "ghostswap"


def test_every_room_has_a_door_that_says_what_lives_there() -> None:
    for folder in {path.parent for path in MODULES}:
        lines = (ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or "").split(
            "\n"
        )
        assert 1 <= len(lines) <= 6, f"{folder}: {len(lines)} lines"


def test_a_room_can_be_seen_at_once() -> None:
    for folder in {path.parent for path in MODULES}:
        assert len([path for path in MODULES if path.parent == folder]) <= 14, folder


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
