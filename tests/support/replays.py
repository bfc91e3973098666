# SPDX-License-Identifier: GPL-2.0-or-later
"""What the recorded replays did: the lengths of their pages, and their touches."""

from __future__ import annotations

import functools
from array import array
from itertools import accumulate
from random import Random
from typing import Any

from conftest import load_case

from ghostswap.mm.vmscan.lruvec import READS_THEN_WRITES
from ghostswap.study.host import Group

PAGES, TOUCHES = 4096, 60_000


@functools.cache
def lengths(compressor: str) -> tuple[int, ...]:
    """What each page of their corpus compresses to."""
    rows = load_case("replay-lengths.json.xz")
    return next(tuple(row["lengths"]) for row in rows if row["comp"] == compressor)


def group_of(row: dict[str, Any], pages: int = PAGES) -> Group:
    """The process of a recorded *row*, which has so many *pages*, and its limits."""
    job = row["job"]
    limits = {key: int(job[key]) * pages // 100 * 4096 for key in ("zmax", "smax") if key in job}
    return Group(
        "process",
        source="recorded",
        memory_max=row["memory_max"],
        zswap_max=limits.get("zmax"),
        swap_max=limits.get("smax"),
        zswap_writeback=row["kernel"] == "6.1" or job.get("wb") != "0",
    )


@functools.cache
def trace(name: str) -> array[int]:
    """The touches of the recordings, which were made by these very lines."""
    match name:
        case "scan":
            return array("I", (number % PAGES for number in range(TOUCHES)))
        case "loop":
            return array("I", (number % 2457 for number in range(TOUCHES)))
    rng = Random("zipf-4096")
    perm = list(range(PAGES))
    rng.shuffle(perm)
    weights = list(accumulate(1 / k**0.8 for k in range(1, PAGES + 1)))
    chosen = rng.choices(range(PAGES), cum_weights=weights, k=TOUCHES)
    return array("I", (perm[number] for number in chosen))


def read_and_written(touches: array[int]) -> bytes:
    """What the recorded program did: it read every page, and wrote odd ones back."""
    return bytes(READS_THEN_WRITES * (page & 1) for page in touches)
