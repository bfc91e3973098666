# SPDX-License-Identifier: GPL-2.0-or-later
"""The hosts of a store, for a person or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ghostswap.cli.reports.fleet.add_report import hosts
from ghostswap.cli.terminal import show
from ghostswap.fleet.figures import Column, Host
from ghostswap.page import PAGE_SIZE
from ghostswap.units import format_size

_SCHEMA = 1
#: A host, and what its memory is by each compressor.
Row = tuple[Host, Sequence[Column]]


def as_json(store: str, rows: Sequence[Row]) -> dict[str, Any]:
    """All of it but the classes; its keys are stable."""
    return {
        "schema": _SCHEMA,
        "store": store,
        "hosts": [
            {
                "name": host.name,
                "id": host.id,
                "kernel": host.kernel,
                "machine": host.machine,
                "mem_total": host.mem_total,
                "pages": host.pages,
                "measured_pages": host.measured,
                "columns": [
                    {
                        "compressor": one.compressor,
                        "error": one.error or None,
                        "zero_pages": one.figures.zero,
                        "same_filled_pages": one.figures.same,
                        "incompressible_pages": one.figures.incompressible,
                        "compressed_bytes": one.figures.compressed,
                        "ratio": round(one.figures.ratio, 4),
                    }
                    for one in columns
                ],
            }
            for host, columns in rows
        ],
    }


def print_all(store: str, rows: Sequence[Row]) -> None:
    """Print for a person: a line a host."""
    show.heading(f"{store}: {hosts(len(rows))}")
    names = list(dict.fromkeys(one.compressor for _, columns in rows for one in columns))
    columns = ("host", "has", "in use", *names)
    show.table(columns, [_row(host, of, names) for host, of in rows], right=columns[1:])
    if rows:
        show.paragraph("below a compressor: bytes of memory for one of zsmalloc")


def _row(host: Host, columns: Sequence[Column], names: Sequence[str]) -> tuple[str, ...]:
    ratios = {one.compressor: f"{one.figures.ratio:.2f}" for one in columns}
    return (
        host.name,
        format_size(host.mem_total),
        format_size(host.pages * PAGE_SIZE),
        *(ratios.get(name, "-") for name in names),
    )
