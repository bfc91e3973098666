# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects how often pages come back: replays under cgroup v2 limits that real kernels recorded.

6.1 repeats itself. Later ones go by statistics that are up to two seconds old, so they do not,
unless something has them flushed: reading memory.stat, a memory.zswap.max, up to 7.2 zswap's
shrinker. Elsewhere one of the moments of the flush that are tried must come near. Near is within
3 % of a recorded run, or inside the spread of all.
"""

from __future__ import annotations

import functools
import json
from array import array
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import load_case
from support.replays import group_of, lengths, read_and_written, trace

from ghostswap import kernels
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.study.band import Timing
from ghostswap.study.host import Host
from ghostswap.study.machine import Machine

RAM = 256 << 20
SLOTS = 3 * 4096

#: Areas by the job's ``area``, the one used first in front.
AREAS = {
    "disk": ("full",),
    "ghost": ("ghost",),
    "ghosthi": ("ghost", "full"),
    "diskhi": ("full", "ghost"),
    "equal": ("full", "ghost"),
}
#: Faults between flushes, and before the first, where 6.12 flushes by the clock: every 2 s, of
#: which the recorded machine needed some 180 us a fault.
FLUSHES = ((0, 0), (9000, 4500), (9000, 6300))
TOLERANCE = 0.03
#: Rows whose recorded runs all have more faults: the one CPU of the recorded machine kept
#: translations whose accessed bits reclaim had cleared. They lie where some touches are unseen.
UNSEEN = (
    ("6.1", "75", "1", None, None),
    ("6.12", "75", "0", None, "100"),
    ("6.12", "50", "1", "disk", None),
)


@dataclass(frozen=True)
class Run:
    """What came of a replay: phase and majflt as in the recordings."""

    phase: int
    majflt: int
    swapped: int


def replay(
    row: dict[str, Any], flush_every: int, flush_first: int, *, one_cpu: bool = False
) -> Run:
    essence = {key: value for key, value in row.items() if key != "runs"}
    essence["job"] = {key: value for key, value in row["job"].items() if key != "poll"}
    return _replay(json.dumps(essence), flush_every, flush_first, one_cpu)


@functools.cache
def _replay(row_json: str, flush_every: int, flush_first: int, one_cpu: bool) -> Run:
    row = json.loads(row_json)
    job, pages = row["job"], row["pages"]
    kinds = AREAS[job.get("area", "disk")]
    prios = (5, 5) if job.get("area") == "equal" else (10, 5)
    areas = [SwapArea(kind, kind, SLOTS, prio) for kind, prio in zip(kinds, prios, strict=False)]
    host = Host(
        RAM,
        groups=(group_of(row, pages),),
        kernel=row["kernel"],
        design="ghost" if "ghost" in kinds else "classic",
        zswap_enabled=job["zswap"] == "1",
        shrinker_enabled=job.get("shr") == "1" and row["kernel"] != "6.1",
    )
    timing = Timing(flush_every, flush_first, one_cpu)
    measured = array("H", lengths("zstd"))[:pages]
    machine = Machine(host, [measured], areas, timing)
    memory, parts = machine.under_limits()
    vmstat, zswap = parts.backend.vmstat, parts.zswap
    memory.fill(0)
    swapped = vmstat.pswpout + (zswap.counters.zswpout if zswap else 0)
    if memory.killed[0]:
        return Run(0, 0, swapped)
    touches = trace(job["trace"])
    memory.touch(0, touches, read_and_written(touches))
    return Run(1 if memory.killed[0] else 2, memory.events(0).pgmajfault, swapped)


def rows(phase: int) -> list[Any]:
    """Rows whose runs were killed while filling, or (*phase* 2) not."""
    return [
        pytest.param(row, id="-".join((row["kernel"], *map("".join, row["job"].items()))))
        for row in load_case("replay.json.xz")
        if (row["runs"][0]["phase"] == 0) == (phase == 0)
    ]


def is_repeatable(row: dict[str, Any]) -> bool:
    job = row["job"]
    return (
        row["kernel"] == "6.1"
        or job["trace"] == "scan"
        or "poll" in job
        or ("shr" in job and kernels.get(row["kernel"]).vmscan.shrinker_flushes)
        or job.get("zmax", "0") != "0"
    )


@pytest.mark.parametrize("row", rows(0))
def test_a_group_without_a_way_out_is_killed_when_it_was(row: dict[str, Any]) -> None:
    ours = replay(row, 0, 0)
    for run in row["runs"]:
        assert ours.phase == run["phase"]
        if row["job"].get("area") != "equal":  # there 2,048 here and 1,614 there: it gave up sooner
            # The lengths are zstd 1.5.2's: where they fill a limit, 1.5.7's fill one page more.
            by_lengths = "zmax" in row["job"] and kernels.get(row["kernel"]).zstd.version == "1.5.7"
            assert run["zswpout"] + run["pswpout"] - ours.swapped in range(1 + by_lengths)


def is_unseen(row: dict[str, Any]) -> bool:
    job = row["job"]
    key = (row["kernel"], job["mem"], job["zswap"], job.get("area"), job.get("poll"))
    return (
        job["trace"] == "zipf" and not job.keys() & {"zmax", "smax", "wb", "shr"} and key in UNSEEN
    )


@pytest.mark.parametrize("row", rows(2))
def test_major_faults_are_the_recorded_ones(row: dict[str, Any]) -> None:
    flushes = FLUSHES[:1] if is_repeatable(row) else FLUSHES
    ours = [replay(row, every, first) for every, first in flushes]
    done = [run.majflt for run in ours if run.phase == 2]
    recorded = [run["majflt"] for run in row["runs"] if run["phase"] == 2]
    if recorded:
        least, most = min(recorded) * (1 - TOLERANCE), max(recorded) * (1 + TOLERANCE)
        if is_unseen(row):
            unseen = replay(row, 0, 0, one_cpu=True)
            assert max(done) < least
            assert most < unseen.majflt
        else:
            assert any(least <= majflt <= most for majflt in done)
    for run in row["runs"]:
        if run["phase"] != 2:
            assert run["oom_kind"] == "stale"
            assert any(ours_run.phase == 1 for ours_run in ours)
