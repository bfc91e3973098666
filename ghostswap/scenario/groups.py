# SPDX-License-Identifier: GPL-2.0-or-later
"""The groups of a document, and whether they can be as they are written."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from ghostswap import kernels
from ghostswap.errors import UsageError
from ghostswap.mm.swap.tiers import Tiers
from ghostswap.pages import open_source
from ghostswap.pages import split_spec as split_source
from ghostswap.scenario import kinds
from ghostswap.scenario.document import Document
from ghostswap.scenario.kinds import Path, join, show, suggest
from ghostswap.scenario.lookup import of_group
from ghostswap.study.host import Group, Host


def read_groups(document: Document, table: dict[str, Any], host: Host) -> tuple[Group, ...]:
    """The groups in *table*, of a *host* whose other keys are read.

    :raises TargetError: where a source or trace cannot be opened.
    :raises UsageError: where one is none, or there is none that has memory.
    """
    with document.at(("tiers",)):
        tiers = Tiers()
        tiers.write(host.tiers)
    of_tiers = {tier.name: kinds.one_of("max", "0").check for tier in tiers.active}
    checks = {name: key.kind.check for name, key in of_group().items()}
    groups: dict[str, Group] = {}
    for name, values in table.items():
        key = ("group", name)
        with document.at(key):
            _check_name(name)
        _check_nesting(document, name, values)
        read = document.read(key, values, checks)
        _check_group(document, key, read, host)
        if "swap_tiers_max" in read:
            document.read((*key, "swap_tiers_max"), read["swap_tiers_max"], of_tiers, "tier")
        if "source" in read:
            with document.at((*key, "source")):
                read["source"] = _find_sources(document, (*key, "source"), read["source"])
        if "touches" in read:
            with document.at((*key, "touches")):
                read["touches"] = _find_trace(document, (*key, "touches"), read["touches"])
        groups[name] = Group(name, **read)
    _check_parents(document, groups, host)
    _check_stdin(document, groups.values())
    if all(group.source is None for group in groups.values()):
        raise document.fail(
            ("group",), "no group has a source of memory", 'add [group.NAME] with source = "…"'
        )
    return tuple(groups.values())


def _check_name(name: str) -> None:
    """Refuse what is no name of a cgroup's directory."""
    kinds.text(name)
    if name in (".", "..") or "/" in name or "\n" in name or len(os.fsencode(name)) > 255:
        raise UsageError(f"{show(name)} is no cgroup's name", "choose a name without /")


def _check_nesting(document: Document, name: str, values: Any) -> None:
    """Refuse a group inside of a group, which looks as if it were its child."""
    inner = values.items() if isinstance(values, dict) else ()
    for key, value in inner:
        if isinstance(value, dict) and key not in of_group():
            raise document.fail(
                ("group", name, key),
                "groups are not nested here",
                f"write [{join(('group', key))}] and in it parent = {show(name)}",
            )


def _check_group(document: Document, key: Path, values: Mapping[str, Any], host: Host) -> None:
    """Refuse what the kernel does not have, and keys that mean nothing as the others are."""
    keys = of_group()
    for name in values:
        if host.cgroup_version == 1 and keys[name].needs_v2:
            cure = "leave it out"
            if document.is_option((*key, name)):
                cure = "add --cgroup 2, or leave it out; a limit in page frames means version 1"
            raise document.fail((*key, name), "cgroup version 1 has no such limit", cure)
    if "zswap_writeback" in values and not kernels.get(host.kernel).zswap.has_writeback_knob:
        raise document.fail(
            (*key, "zswap_writeback"),
            f"Linux {host.kernel} has no memory.zswap.writeback",
            "it came with 6.8",
        )
    if "limit_frames" in values and "memory_max" in values:
        raise document.fail(
            (*key, "limit_frames"), "memory_max is given too", "leave out one of the two"
        )
    for name, need in (
        ("touches", "source"),
        ("write_ratio", "touches"),
        ("changed_ratio", "touches"),
    ):
        if name in values and need not in values:
            wanted = "--touches" if document.is_option((*key, name)) else need
            raise document.fail((*key, name), f"there is no {need}", f"add {wanted}")


def _check_parents(document: Document, groups: Mapping[str, Group], host: Host) -> None:
    """Refuse parents that are not there, that are below their own children, or have processes."""
    for name, group in groups.items():
        key = ("group", name, "parent")
        if group.parent is None:
            continue
        if group.parent not in groups:
            raise document.fail(
                key, f"there is no group {show(group.parent)}", suggest(group.parent, groups)
            )
        if host.cgroup_version == 2 and groups[group.parent].source is not None:
            raise document.fail(
                key,
                f"{group.parent} has a process, and so no groups below it in cgroup version 2",
                "move its source to a group of its own below it",
            )
    rooted: set[str] = set()
    for name in groups:
        above: dict[str, None] = {}
        at: str | None = name
        while at is not None and at not in rooted:
            if at in above:
                raise document.fail(
                    ("group", at, "parent"),
                    f"{at} is above itself",
                    "let one of them have no parent",
                )
            above[at] = None
            at = groups[at].parent
        rooted |= above.keys()


def _check_stdin(document: Document, groups: Collection[Group]) -> None:
    """Refuse a second use of standard input; but groups may have the same memory."""
    first = next(
        (("group", group.name, "source") for group in groups if "-" in group.sources), None
    )
    for group in groups:
        if group.touches and _split_trace(group.touches)[1] == "-":
            key = ("group", group.name, "touches")
            if first is not None:
                raise document.fail(
                    key,
                    f"standard input is read by {document.name(first)} already",
                    "write one of them to a file and name that",
                )
            first = key


def _find_sources(
    document: Document, key: Path, source: str | tuple[str, ...]
) -> str | tuple[str, ...]:
    """What is the memory, each of it as :func:`_find_source` finds it."""
    if isinstance(source, str):
        return _find_source(document, key, source)
    return tuple(_find_source(document, key, spec) for spec in source)


def _find_source(document: Document, key: Path, spec: str) -> str:
    """The source *spec*, seen from where ghostswap runs; of a file's it is tried to open it."""
    if not document.is_of_file(key):  # it may be a pipe; who measures it opens it, and soon
        return spec
    before, path = split_source(spec)
    if path:
        spec = before + document.from_here(key, path)
    with open_source(spec):
        return spec


def _find_trace(document: Document, key: Path, spec: str) -> str:
    """The trace *spec*, seen from where ghostswap runs; it can be opened."""
    kind, path = _split_trace(spec)
    if kind and path not in ("", "-"):
        spec = f"{kind}:{document.from_here(key, path)}"
    if document.is_of_file(key):
        from ghostswap.pages.trace import open_trace

        open_trace(spec)
    return spec


def _split_trace(spec: str) -> tuple[str, str]:
    from ghostswap.pages.trace import split_spec  # which a group without touches does without

    return split_spec(spec)
