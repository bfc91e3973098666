# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts that differ in one limit, which is a size or a number of page frames."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ghostswap.cli.terminal.args import given
from ghostswap.errors import UsageError
from ghostswap.scenario.document import Document
from ghostswap.scenario.kinds import Path
from ghostswap.units import parse_limit


def with_limits(
    document: Document, context: click.Context, group: str, option: str, words: Sequence[str]
) -> list[Document]:
    """*document* with each of the limits *words* of *group* in turn.

    :param option: that they come from.
    :raises UsageError: for what is no limit, and for limits of both kinds.
    """
    limits = [parse_limit(word) for word in words]
    kinds = {limit.in_frames for limit in limits}
    if "cgroup_version" not in given(context) and len(kinds) > 1 and not document.path:
        raise UsageError(
            f"{option} has sizes and page frames, for different versions of cgroups",
            "give all as one or the other, or add --cgroup",
        )
    found = []
    for limit in limits:
        last = "limit_frames" if limit.in_frames else "memory_max"
        path: Path = ("group", group, last)
        others = [("group", group, other) for other in ("limit_frames", "memory_max")]
        changed = document.changed({path: limit.number}, option, without=others)
        if limit.in_frames and not document.path:
            changed.values.setdefault("cgroup_version", 1)
        found.append(changed)
    return found
