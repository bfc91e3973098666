# SPDX-License-Identifier: GPL-2.0-or-later
"""Which fields of each kernel's row a recording of that very kernel can catch, and which none can.

A field that no recorded case asks for can be wrong without a red test. The table below names them
all; a new recording shortens it. What is asked for is not yet proven, but what is not asked for is
surely unprotected. tests/kernel/ goes beyond it for the kernel that runs.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from area.judge.test_rules import GUEST, area_of
from conftest import load_case
from mm.zpool.test_churn import replay as churn
from mm.zswap import test_limit as limit
from study import test_recorded as recorded
from study import test_recorded_mglru as recorded_mglru
from support.asked import all_fields, listening
from support.machine import filling, in_order
from support.recorded import runs

from ghostswap import codecs, kernels
from ghostswap.area.judge.rules import judge
from ghostswap.kernels.rules import MglruRules
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.study.band import Timing

#: Cases that are run of those that are alike; the others ask for the same.
EACH = 2

#: What no recorded case of any kernel asks for.
NOWHERE = {
    "metadata.zram_entry_actime",
    "swap.mthp",
    "swap.rotational",
    "vmscan.flush_every",
    "vmscan.flushes_late",
    "vmscan.lru_gen_enabled",
    "zram.attributes",
    "zram.recompresses_by_one",
    "zsmalloc.shown_groups",
    "zswap.has_writeback_knob",
    "zswap.parameters",
    "zswap.stores_folios",
}
#: What the first form of MGLRU, which promotes at once, has no use for.
OF_LATER_MGLRU = {
    "vmscan.mglru.activates_all_refaults",
    "vmscan.mglru.gains",
    "vmscan.mglru.workingset_tier",
}
#: By kernel, where something of it was recorded; of a kernel that is not here, all is unprotected.
UNPROTECTED = {
    "6.1": NOWHERE
    | {
        "vmscan.shrinker_flushes",
        "zswap.writeback_step",
        *(f"vmscan.mglru.{field}" for field in MglruRules._fields),
    },
    "6.12": NOWHERE | OF_LATER_MGLRU | {"swap.rations_first"},
    "6.18": NOWHERE | {"swap.rations_first"},
    # A turn that goes on after an aging ends at a cluster in any case.
    "7.3": NOWHERE | {"swap.rations_first", "vmscan.mglru.stops_at_cluster"},
}
#: Of these only swapon(2) was asked, and these fields decided what it said.
ONLY_SWAPON = ("7.1", "ghost")
BY_SWAPON = {"swapon.checks", "swapon.ghost", "metadata.slot_maps"}

Row = dict[str, Any]


def _swapon(row: Row) -> None:
    judge(area_of(row), kernels.get(row["kernel"]), GUEST, row["flags"])


def _fill(row: Row) -> None:
    zram = row["design"] == "zram"
    areas = [] if zram else [SwapArea("imagined", "full")]
    options = {"design": "zram"} if zram else {"zpool": row["zpool"]}
    stored = filling(row["kernel"], areas, compressor=row["comp"], **options)
    stored.add(array("H", row["lens"]))
    stored.outcome()
    if row["comp"] in codecs.names():  # as the codecs' own test does, which compares lengths
        codecs.get(row["comp"], row["kernel"], row["design"])


def _churn(row: Row) -> None:
    swap = in_order(SwapArea("ghost", "ghost"), kernel=row["kernel"])
    percent = int(row["max_pool_percent"])
    zpool = row["zpool"]
    churn(
        Zswap(kernels.get(row["kernel"]), row["MemTotal"] * 1024, swap, percent, zpool=zpool),
        row,
        row["lens"],
    )


def _limit(row: Row) -> None:
    limit.run(row, row["lens"])


def _replay(row: Row) -> None:
    recorded.replay(row, 4000, 2000)  # moments that no other test has, whose answers are kept


def _generations(row: Row) -> None:
    recorded_mglru.replay(row, Timing(tlb=1))  # likewise: a TLB that no other test has


def _with_lengths(case: str) -> list[Row]:
    return [{**row, "lens": lengths} for row, lengths in (param.values for param in runs(case))]


KINDS: tuple[tuple[Callable[[Row], None], list[Row], tuple[str, ...]], ...] = (
    (_swapon, load_case("swapon.json.xz"), ("mode", "errno")),
    (_fill, load_case("kernel-fills.json.xz"), ("design", "zpool", "comp")),
    (_churn, _with_lengths("churn.json.xz"), ("zpool",)),
    (_limit, _with_lengths("limit.json.xz"), ("zpool", "how", "source")),
    (_replay, load_case("replay.json.xz"), ()),
    (_generations, load_case("mglru.json.xz"), ("zswap",)),
)


def asked(name: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the recorded cases of kernel *name* ask its row for."""
    found: set[str] = set()
    monkeypatch.setitem(kernels.KERNELS, name, listening(kernels.get(name), found))
    for run, rows, alike in KINDS:
        done: Counter[tuple[Any, ...]] = Counter()
        for row in rows:
            kind = tuple(row.get(key) for key in alike) + tuple(row.get("job", ()))
            if row["kernel"] == name and done[kind] < EACH:
                done[kind] += 1
                run(row)
    return found


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_fields_without_a_recording_are_these(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = all_fields(kernels.get(name))
    unprotected = everything - asked(name, monkeypatch)
    if name in ONLY_SWAPON:
        assert everything - unprotected == BY_SWAPON
    else:
        assert unprotected == UNPROTECTED.get(name, everything)
