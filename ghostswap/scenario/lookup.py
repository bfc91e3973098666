# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys by where they stand: in a table, in a group, at a path of a document."""

from __future__ import annotations

from ghostswap.scenario.key import NAME, Key
from ghostswap.scenario.keys import KEYS
from ghostswap.scenario.kinds import Path


def inside(table: str) -> dict[str, Key]:
    """The keys right inside of *table*, by their last names; of the host itself where ``""``."""
    prefix = f"{table}." if table else ""
    return {
        rest: key
        for name, key in KEYS.items()
        if name.startswith(prefix) and "." not in (rest := name[len(prefix) :])
    }


def of_group() -> dict[str, Key]:
    """The keys of a group."""
    return inside(f"group.{NAME}")


def at(path: Path) -> Key | None:
    """The key that stands at *path* of a document; ``None`` where none does."""
    words = [part for part in path if isinstance(part, str)]
    if words[0] == "group" and len(words) == 3:
        words[1] = NAME
    return KEYS.get(".".join(words))
