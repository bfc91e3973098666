# SPDX-License-Identifier: GPL-2.0-or-later
"""``KEY=VALUE`` on a command line, which takes every key of a scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ghostswap.errors import UsageError
from ghostswap.scenario import kinds
from ghostswap.scenario.document import Document
from ghostswap.scenario.key import Key
from ghostswap.scenario.keys import KEYS
from ghostswap.scenario.kinds import Kind, Path, join, show, suggest
from ghostswap.scenario.lookup import at, inside, of_group

#: The group of the one process that options describe.
PROCESS = "process"

_WORD = r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'"""
_PLACE = r"\[[0-9]{1,4}\]"
_PART = rf"(?:{_WORD})(?:{_PLACE})?"
_ASSIGNMENT = re.compile(rf"({_PART}(?:\.{_PART})*)=(.*)", re.DOTALL)
_TIER = kinds.one_of("max", "0")


def assign(document: Document, text: str) -> None:
    """Put what ``KEY=VALUE`` says into *document*.

    :param text: where KEY is as in a scenario. One of a group may stand alone where only one group
        has memory; ``area.KEY`` is of all areas, ``area[1].KEY`` of the first.
    :raises UsageError: where it is no assignment, or there is no such key.
    """
    found = _ASSIGNMENT.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--set {show(text)}: no KEY=VALUE", "write it as in --set zswap.max_pool_percent=10"
        )
    name, value = found[1], found[2]
    option = f"--set {name}"
    for path, kind in _resolve(document, name, option):
        document.set(path, kind.read(value), option)


def _resolve(document: Document, name: str, option: str) -> Iterator[tuple[Path, Kind]]:
    """The places that *name* means, and what each takes."""
    path: Path = tuple(_parts(name, option))
    if (len(path) == 1 and path[0] in of_group()) or path[0] == "swap_tiers_max":
        path = ("group", _only_group(document, option), *path)
    if path[0] == "area" and len(path) == 2:
        areas = document.values.get("area", ())
        if not areas:
            raise UsageError(f"{option}: there is no area", "area[1].type=full imagines one")
        key = _known(path, option)
        for number in range(len(areas)):
            yield ("area", number, *path[1:]), key.kind
        return
    if path[:1] == ("group",) and len(path) == 4 and path[2] == "swap_tiers_max":
        yield path, _TIER
        return
    yield path, _known(path, option).kind


def _parts(name: str, option: str) -> Iterator[str | int]:
    for part in re.finditer(rf"({_WORD})({_PLACE})?", name):
        yield part[1].strip("\"'")
        if part[2] is not None:
            number = int(part[2].strip("[]"))
            if not number:
                raise UsageError(f"{option}: there is no area 0", "the first is area[1]")
            yield number - 1


def _known(path: Path, option: str) -> Key:
    """The key at *path*.

    :raises UsageError: where there is none.
    """
    key = at(path)
    is_place = any(isinstance(part, int) for part in path)
    if key is None or (is_place and (path[0] != "area" or len(path) != 3)):
        known = [*KEYS, *of_group(), *(f"area[1].{name}" for name in inside("area"))]
        raise UsageError(f"{option}: unknown key", suggest(join(path), known))
    return key


def _only_group(document: Document, option: str) -> str:
    """The group that is meant where none is named."""
    if not document.path:
        return PROCESS
    groups = document.values.get("group")
    names: list[str] = []
    if isinstance(groups, dict):
        names += (
            name for name, keys in groups.items() if isinstance(keys, dict) and "source" in keys
        )
    if len(names) != 1:
        raise UsageError(
            f"{option}: {len(names)} groups of {document.path} have memory",
            "name the one that is meant: --set group.NAME.KEY=VALUE",
        )
    return names[0]
