# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in a profile, for a person or as JSON."""

from __future__ import annotations

from typing import Any

from ghostswap.cli.terminal import show
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS
from ghostswap.pages.profiles.format import VERSION, Group, Profile
from ghostswap.units import format_size


def as_json(path: str, profile: Profile, size: int) -> dict[str, Any]:
    """All of it but the measures, of which there are sums."""
    return {
        "path": path,
        "type": "profile",
        "version": VERSION,
        "size": size,
        "kernel": profile.kernel,
        "machine": profile.machine,
        "mem_total": profile.mem_total,
        "seed": profile.seed,
        "columns": [{"compressor": one.key, "error": one.error or None} for one in profile.columns],
        "groups": [
            {
                "name": group.name or None,
                "memory": group.memory,
                "population": group.population,
                "drawn": group.drawn,
                "kept": group.kept,
                "left": group.left,
                "columns": [_sums(group, number) for number in range(len(profile.columns))],
            }
            for group in profile.groups
        ],
    }


def _sums(group: Group, number: int) -> dict[str, int]:
    """Pages by kind, and the bytes of those that compress."""
    measures = group.measures[number]
    lengths = [one % SAME for one in measures if ZEROS < one < INCOMPRESSIBLE]
    return {
        "zero_pages": measures.count(ZEROS),
        "same_filled_pages": sum(SAME < one < INCOMPRESSIBLE for one in measures),
        "incompressible_pages": measures.count(INCOMPRESSIBLE),
        "compressed_bytes": sum(lengths),
    }


def show_profile(path: str, profile: Profile, size: int) -> None:
    """Print what a profile of *size* bytes has."""
    kept = sum(group.kept for group in profile.groups)
    each = f", {size / kept:.1f} bytes a page" if kept else ""
    show.heading(f"{path}: a profile of memory, version {VERSION}, {format_size(size)}{each}")
    show.facts(
        [
            ("kernel", f"{profile.kernel} ({profile.machine})"),
            ("memory", format_size(profile.mem_total)),
            ("lot", f"seed {profile.seed}"),
            *(
                ("compressor", one.key + (f": estimate: {one.error}" if one.error else ""))
                for one in profile.columns
            ),
        ]
    )
    columns = ("group", "pages", "measured", "zero", *(one.key for one in profile.columns))
    rows = [
        (
            group.name or str(number),
            str(group.population),
            str(group.kept),
            str(group.measures[0].count(ZEROS)),
            *(_mean(_sums(group, place), group) for place in range(len(profile.columns))),
        )
        for number, group in enumerate(profile.groups, 1)
    ]
    show.table(columns, rows, right=columns[1:])
    for group in profile.groups:
        left = ", ".join(f"{pages} {why}" for why, pages in group.left.items())
        show.facts([(group.memory, left)] if left else [(group.memory, "nothing was left out")])


def _mean(sums: dict[str, int], group: Group) -> str:
    """The mean length of a page that is not zeros, in percent of a page."""
    pages = group.kept - sums["zero_pages"]
    size = sums["compressed_bytes"] + sums["incompressible_pages"] * PAGE_SIZE
    return f"{100 * size / (pages * PAGE_SIZE):.1f} %" if pages else "-"
