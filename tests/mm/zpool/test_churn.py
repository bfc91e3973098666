# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects where objects go after frees: the pool's size at every sample of a recorded churn.

A pool that is only filled looks right whatever the order of its lists; here it does not.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.machine import in_order
from support.recorded import has_writeback, runs

from ghostswap import kernels
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.slots_cache import SlotsReturn
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.zswap.zswap import Zswap


def sample(zswap: Zswap) -> list[int]:
    found = zswap.debugfs()
    return [found[name] for name in ("stored_pages", "pool_total_size", "pool_limit_hit")]


def replay(zswap: Zswap, row: dict[str, Any], lengths: list[int]) -> list[list[int]]:
    """The recording's steps, as its "doc" tells them."""
    slots, pages = SlotsReturn(zswap.kernel.swap.slots_returned), row["pages"]
    for slot in range(pages):
        zswap.store(slot, lengths[slot])
    samples = [sample(zswap)]
    kept, x, next_slot = set(range(pages)), 1, pages
    for number in range(row["rounds"]):
        for _ in range(32):
            x = (x * 1103515245 + 12345) % 2**31
            if x % pages in kept:
                kept.remove(x % pages)
                for slot in slots.free(x % pages):
                    zswap.invalidate(slot)
        samples.append(sample(zswap))
        for page in range(16 * number, 16 * number + 16):
            zswap.store(next_slot, lengths[page % pages])
            next_slot += 1
        samples.append(sample(zswap))
    return samples


@pytest.mark.parametrize(("row", "lengths"), runs("churn.json.xz", "max_pool_percent"))
def test_every_sample_of_a_churned_pool_is_the_kernels(
    row: dict[str, Any], lengths: list[int]
) -> None:
    zswap = Zswap(
        kernels.get(row["kernel"]),
        row["MemTotal"] * 1024,
        in_order(SwapArea("ghost", "ghost"), kernel=row["kernel"]),
        int(row["max_pool_percent"]),
        zpool=row["zpool"],
        cgroups=[Cgroup(zswap_writeback=has_writeback(row))],
    )
    assert replay(zswap, row, lengths) == row["samples"]
    if "classes" in row:
        in_use = [
            [c.index, c.size, c.pages_per_zspage, c.obj_allocated, c.obj_used, c.pages_used]
            for c in zswap.classes()
            if c.pages_used
        ]
        assert in_use == row["classes"]
