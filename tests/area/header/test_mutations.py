# SPDX-License-Identifier: GPL-2.0-or-later
"""200,000 damaged headers: read, explained and judged without a traceback, in bounded memory."""

from __future__ import annotations

import random
import resource

from ghostswap.area.header import explain, header, suspend
from ghostswap.area.header.header import Header, NotSwapError
from ghostswap.area.judge.area import Area, Machine
from ghostswap.area.judge.rules import judge
from ghostswap.kernels import KERNELS

MUTATIONS = 200_000
#: Where a change makes a difference; the rest of the page is names and padding.
PLACES = (*range(1024, 1036), *range(1036, 1068), *range(1536, 1552), *range(4056, 4096))
GROWTH = 32 << 10  # KiB that the whole run may add to what the process takes


def damaged(rng: random.Random, good: list[bytes]) -> bytes:
    page = bytearray(rng.choice(good))
    for _ in range(rng.randint(1, 4)):
        page[rng.choice(PLACES)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    if rng.random() < 0.1:
        del page[rng.randrange(len(page)) :]
    if rng.random() < 0.2:
        magic = rng.choice(list(header.SIGNATURES))
        page[4086:4096] = magic
    return bytes(page)


def test_every_damaged_header_is_explained_and_judged() -> None:
    rng = random.Random("mutations")
    good = [
        Header(4096, order, 255, nr_badpages=bad, badpages_raw=bytes([7, 0, 0, 0] * bad)).build()
        for order in ("little", "big")
        for bad in (0, 3)
    ]
    machine = Machine(ram=1 << 30)
    kernels = list(KERNELS.values())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = refused = 0
    for number in range(MUTATIONS):
        start = damaged(rng, good)
        verdict = judge(
            Area(start, rng.choice((len(start), 4096, 1 << 20)), rng.choice(("file", "block"))),
            kernels[number % len(kernels)],
            machine,
        )
        refused += not verdict.accepted
        assert verdict.accepted == (verdict.pages is not None)
        try:
            found = header.parse(start)
        except NotSwapError:
            continue
        read += 1
        if number % 16 == 0:
            assert explained(found, start)
        assert len(found.badpages) <= found.max_badpages
    assert read > MUTATIONS // 4
    assert MUTATIONS // 4 < refused < MUTATIONS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH


def explained(found: Header, start: bytes) -> list[explain.Explained]:
    if found.magic == header.SWAP_SPACE:
        found = explain.from_bitmap(found, start)
    inspection = explain.Inspection(
        path="area",
        kind="file",
        offset=0,
        size=1 << 20,
        allocated=0,
        mode=0o600,
        uid=0,
        gid=0,
        fstype="ext4",
        header=found,
        start=start,
        hibernation=suspend.find(start, found),
    )
    assert explain.describe(inspection)
    return inspection.fields()


def test_rules_know_every_kernel_that_is_judged_here() -> None:
    assert {"6.1", "6.6", "6.12", "6.18", "ghost"} <= set(KERNELS)
