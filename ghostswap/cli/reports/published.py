# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap overhead --published``: what others measured, never mixed with what is simulated."""

from __future__ import annotations

from typing import NamedTuple

from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json

_VSWAP_V2 = "Nhat Pham, RFC v2, 29 April 2025 (20250429233848.3093350-1)"
_VSWAP_V6 = "Nhat Pham, v6, 5 May 2026 (20260505153854.1612033-1)"
_STE_V2 = "Nhat Pham, RFC v2, 12 June 2026 (20260612193738.2183968-1)"
_TABLE_P4 = "Kairui Song, swap table phase 4, v5, 17 May 2026"
_AS_IS = "SeongJae Park, August 2025: mm/zswap: store incompressible page as-is"


class Figure(NamedTuple):
    """One measurement: what was run, and what it came to before and after the change named.

    :ivar source: message-id, or who and when.
    """

    change: str
    workload: str
    measure: str
    before: str
    after: str
    source: str


FIGURES = (
    Figure(
        "virtual swap RFC v2",
        "swapoff of 32 GB, half full, 128 GB mapped",
        "real",
        "25.54 s",
        "11.69 s",
        _VSWAP_V2,
    ),
    Figure("virtual swap RFC v2", "the same", "sys", "11.48 s", "9.96 s", _VSWAP_V2),
    Figure(
        "virtual swap RFC v2",
        "usemem 16 x 2 GB, memory.max 16 G",
        "sys",
        "341.09 s",
        "373.01 s",
        _VSWAP_V2,
    ),
    Figure(
        "virtual swap RFC v2",
        "kernel build, 52 workers, 3 G, zswap",
        "sys",
        "655.16 s",
        "695.23 s",
        _VSWAP_V2,
    ),
    Figure(
        "virtual swap v5",
        "usemem 52 x 300 MB on 16 GB, zram",
        "sys",
        "396.4 s",
        "511.9 s",
        _VSWAP_V6,
    ),
    Figure("virtual swap v6", "the same", "sys", "396.4 s", "390.7 s", _VSWAP_V6),
    Figure(
        "virtual swap v6", "memhog 48 GB on 16 GB, zram", "real", "80.50 s", "80.64 s", _VSWAP_V6
    ),
    Figure(
        "swap table edition RFC v2",
        "usemem 56 GB on 32 GB, zswap",
        "free",
        "7821 ms",
        "6646 ms",
        _STE_V2,
    ),
    Figure(
        "swap table edition RFC v2",
        "kernel build, 3 GB",
        "sys",
        "814.25 s",
        "809.35 s",
        _STE_V2,
    ),
    Figure(
        "swap table phase 4", "1 TB swap device, idle", "memory used", "805 MB", "277 MB", _TABLE_P4
    ),
    Figure(
        "swap table phase 4", "kernel build, 8 G + 12 G zram", "sys", "4774 s", "4642 s", _TABLE_P4
    ),
    Figure(
        "zswap stores incompressible pages as they are (6.18)",
        "1.5 GB, a third random, memory.high 1350 MiB",
        "pswpin",
        "772038",
        "340967",
        _AS_IS,
    ),
)


def emit(as_json: bool) -> None:
    """Print the table."""
    if as_json:
        emit_json({"schema": 1, "published": [figure._asdict() for figure in FIGURES]})
        return
    show.heading("measured by others, on their machines; nothing of it is simulated here")
    show.table(
        ("change", "workload", "measure", "before", "after", "source"),
        [(f.change, f.workload, f.measure, f.before, f.after, f.source) for f in FIGURES],
        right=("before", "after"),
    )
