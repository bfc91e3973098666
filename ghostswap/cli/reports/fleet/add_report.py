# SPDX-License-Identifier: GPL-2.0-or-later
"""What was added to a store, for a person or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import note

_SCHEMA = 1


class Added(NamedTuple):
    """What became of files.

    :ivar added: how many hosts are new; *known*, how many were there.
    :ivar hosts: that are in the store now.
    :ivar failed: by path, why it was not added.
    """

    store: str
    added: int
    known: int
    hosts: int
    failed: Mapping[str, str]


def as_json(found: Added) -> dict[str, Any]:
    """All of it; its keys are stable."""
    return {
        "schema": _SCHEMA,
        "store": found.store,
        "hosts": found.hosts,
        "added": found.added,
        "known": found.known,
        "failed": [{"path": path, "why": why} for path, why in found.failed.items()],
    }


def print_all(found: Added) -> None:
    """Print for a person; who was not added stands on stderr."""
    known = f", {found.known} known before" if found.known else ""
    show.paragraph(f"{found.store}: {found.added} added{known}; {hosts(found.hosts)} in all")
    for path, why in found.failed.items():
        note(f"{path}: {why}", prefix="not added: ")


def hosts(number: int) -> str:
    """So many hosts, in words."""
    return "1 host" if number == 1 else f"{number} hosts"
