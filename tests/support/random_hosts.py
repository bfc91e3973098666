# SPDX-License-Identifier: GPL-2.0-or-later
"""Random hosts, and all that came of each: run as a script, one line of JSON a host.

``python -m support.random_hosts SEED COUNT``; two runs of it are compared, so it draws by the seed
alone.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterator
from dataclasses import asdict
from random import Random
from typing import Any, get_args

from ghostswap import hot, kernels
from ghostswap.designs import table
from ghostswap.mm.vmscan.chooser import Policy
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS
from ghostswap.pages.touches import Touches
from ghostswap.study.band import of_replay
from ghostswap.study.fill import Fill
from ghostswap.study.host import Group, Host
from ghostswap.study.replay import Replay

MEASURES = (ZEROS, 300, 700, 1200, 1500, 2000, 2500, 3000, PAGE_SIZE, SAME | 30, INCOMPRESSIBLE)


def host(rng: Random) -> tuple[Host, list[array[int]]]:
    """A host with one to three groups, and what their pages measure."""
    kernel = kernels.get(rng.choice([*kernels.KERNELS]))
    designs = [name for name in table.RUN if table.get(name).is_on(kernel)]
    design = table.get(rng.choice(designs))
    pages = rng.choice((300, 900, 2500))
    names = "abc"[: rng.choice((1, 1, 2, 3))]
    groups = tuple(
        Group(
            name,
            source="-",
            touches="-",
            limit_frames=pages * rng.choice((2, 5, 7)) // 10,
            zswap_max=rng.choice((None, None, pages * 300)),
            swap_max=rng.choice((None, None, pages * PAGE_SIZE * 3 // 4)),
            zswap_writeback=rng.random() < 0.8,
            changed_ratio=rng.choice((0, 0, 0.5)),
        )
        for name in names
    )
    knobs: dict[str, Any] = {}
    if not design.base and design.has_zswap:
        knobs["zpool"] = rng.choice(design.kernel(kernel).zswap.zpools)
    if design.is_zram and rng.random() < 0.5:
        knobs["zram_mem_limit"] = pages * 1000
    total = pages * len(names) * PAGE_SIZE
    made = Host(
        rng.choice((1 << 40, 2 * total)),
        groups=groups,
        kernel=kernel.name,
        design=design.name,
        policy=rng.choice(get_args(Policy)),
        cgroup_version=rng.choice((1, 2)),
        size=rng.choice((None, 2 * total + PAGE_SIZE, total)),
        max_pool_percent=rng.choice((5, 20)),
        shrinker_enabled=rng.random() < 0.4,
        cpus=rng.choice((1, 2)),
        seed=rng.randrange(100),
        **knobs,
    )
    return made, [array("H", rng.choices(MEASURES, k=pages)) for _ in names]


def chunks(rng: Random, groups: int, pages: int) -> Iterator[Touches]:
    for _ in range(5):
        touched = array(
            "I", (min(int(rng.paretovariate(0.6)) - 1, 1 << 30) % pages for _ in range(2000))
        )
        writes = bytes(rng.random() < 0.3 for _ in touched) if rng.random() < 0.6 else None
        yield Touches(rng.randrange(groups), touched, writes)


def outcomes(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """What comes of *count* hosts: a replay, and a fill of the same memory."""
    for number in range(seed, seed + count):
        rng = Random(number)
        made, measured = host(rng)
        replay = Replay(made, measured, [], rng.choice(of_replay(made)))
        for _ in replay.run(chunks(rng, len(measured), len(measured[0])), None):
            pass
        fill = Fill(made, measured, [])
        fill.run()
        yield {
            "seed": number,
            "replay": asdict(replay.outcome()),
            "on disk": list(replay.disk_pages()),
            "fill": asdict(fill.outcome()),
        }


if __name__ == "__main__":
    print(hot.obstacle() or "compiled")
    for outcome in outcomes(*map(int, sys.argv[1:])):
        print(json.dumps(outcome, default=str))
