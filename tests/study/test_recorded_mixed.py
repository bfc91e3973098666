# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what incompressible pages cost, and what faults by writing do to slots, as 7.3.4 had it.

With pages that zswap keeps as they are a group has less memory, for they stay charged; without
writeback they cannot leave. A fault by reading keeps a page's slot, one by writing gives it back.
"""

from __future__ import annotations

import json
import lzma
from array import array
from typing import Any

import pytest
from conftest import CASES
from support.replays import PAGES, read_and_written, trace

from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.vmscan.lruvec import WRITES
from ghostswap.study import account
from ghostswap.study.band import Timing
from ghostswap.study.host import Group, Host
from ghostswap.study.machine import Machine

RAM = 320 << 20
CASE = json.loads(lzma.decompress((CASES / "replay-mixed.json.xz").read_bytes()))


@pytest.mark.parametrize(
    "row",
    CASE["rows"],
    ids=lambda row: "-".join(f"{row[key]}" for key in row if key in ("corpus", "memory_max", "wb")),
)
def test_a_mixed_memory_is_swapped_as_the_kernel_did(row: dict[str, Any]) -> None:
    group = Group(
        "process",
        source="recorded",
        memory_max=row["memory_max"],
        zswap_max=row.get("zmax"),
        zswap_writeback=row.get("wb") != 0,
    )
    host = Host(
        RAM,
        groups=(group,),
        kernel="7.3",
        design="classic",
        zswap_enabled=row["zswap"] == 1,
    )
    measured = array("H", CASE["lengths"][row["corpus"]])
    machine = Machine(host, [measured], [SwapArea("disk", "full", 4 * PAGES - 1)], Timing())
    memory, parts = machine.under_limits()
    memory.fill(0)
    assert memory.killed[0] == (row["phase"] == 0)
    if memory.killed[0]:
        return
    touches = trace("zipf")
    writes = read_and_written(touches)
    if "writes" in row:
        writes = bytes(WRITES * (page & 1) for page in touches)
    memory.touch(0, touches, writes)
    outcome = account.group(machine, parts.backend, 0, resident_pages=0)
    assert memory.events(0).pgmajfault == pytest.approx(row["majflt"], rel=0.03)
    assert outcome.swap_current / 4096 == pytest.approx(row["slots"], rel=0.03)
    assert outcome.zswap_incomp == pytest.approx(row["zswap_incomp"], rel=0.03)
    vmstat = parts.backend.vmstat
    for name in ("pswpin", "pswpout", "nrswpout"):
        assert getattr(vmstat, name) == pytest.approx(row[name], rel=0.03)
