# SPDX-License-Identifier: GPL-2.0-or-later
"""The allocators of one area: the order of slots, folios in a row, lists, discards, seeks.

Linux 6.18's are compared slot by slot with a running kernel in tests/kernel/test_slots.py.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap import kernels
from ghostswap.mm.swap.scan_swap_map import LATENCY_LIMIT, ScanSwapMap
from ghostswap.mm.swap.slot_map import NO_SLOT, SlotMap
from ghostswap.mm.swap.swapfile import create

CLUSTER = 512
KINDS = [(kernel, rotational) for kernel in ("6.1", "6.12", "6.18") for rotational in (False, True)]


def runs(slots: list[int]) -> list[tuple[int, int]]:
    """First and last of each run of slots that follow each other."""
    found: list[tuple[int, int]] = []
    for slot in slots:
        if found and found[-1][1] == slot - 1:
            found[-1] = found[-1][0], slot
        else:
            found.append((slot, slot))
    return found


def take(area: SlotMap, count: int, cpu: int = 0, order: int = 0) -> list[int]:
    found = [area.alloc(cpu, order) for _ in range(count)]
    return [slot for slot in found if slot != NO_SLOT]


@pytest.mark.parametrize(
    ("kernel", "rotational", "expected"),
    [
        # Columns of 32 clusters; the first and the last, which are not whole, come when no
        # whole one is left.
        ("6.1", False, [(32, 32), (64, 64), (1, 1), (33, 33), (65, 65)]),
        ("6.12", False, [(32, 32), (64, 64), (1, 1), (33, 33), (65, 65)]),
        ("6.1", True, [(0, 4)]),
        ("6.12", True, [(0, 4)]),
        # As seen on 6.18.44: those with bad slots first, the header's and the last among them.
        ("6.18", False, [(0, 0), (69, 69), (1, 3)]),
        ("6.18", True, [(0, 0), (69, 69), (1, 3)]),
    ],
)
def test_the_order_of_a_new_area(
    kernel: str, rotational: bool, expected: list[tuple[int, int]]
) -> None:
    """Which clusters a new area of 69 and a half gives first."""
    area = create(69 * CLUSTER + 255, kernels.get(kernel).swap, rotational=rotational)
    slots = take(area, 4 * CLUSTER + 255)
    clusters = list(dict.fromkeys(slot // CLUSTER for slot in slots))
    assert runs(clusters) == expected
    assert all(b == a + 1 for a, b in pairwise(slots) if b % CLUSTER)


@pytest.mark.parametrize(("kernel", "rotational"), KINDS)
def test_every_cpu_has_its_own_cluster(kernel: str, rotational: bool) -> None:
    """On solid state; where it seeks, all CPUs share one."""
    area = create(64 * CLUSTER, kernels.get(kernel).swap, rotational=rotational, cpus=2)
    slots = [take(area, 400, cpu) for cpu in (0, 1)]
    if rotational:
        alone = create(64 * CLUSTER, kernels.get(kernel).swap, rotational=True)
        assert slots[0] + slots[1] == take(alone, 800)
    else:
        clusters = [{slot // CLUSTER for slot in found} for found in slots]
        assert clusters[0].isdisjoint(clusters[1])


def test_a_disk_is_filled_an_empty_run_at_a_time() -> None:
    """Until 6.13: the first run of 512 free slots, and without one the first slots there are."""
    area = create(4 * CLUSTER, kernels.get("6.12").swap, rotational=True)
    assert runs(take(area, 3 * CLUSTER)) == [(1, 3 * CLUSTER)]
    for slot in (*range(5, 50), *range(700, 700 + CLUSTER), 3 * CLUSTER):
        area.free(slot)
    assert runs(take(area, CLUSTER)) == [(700, 700 + CLUSTER - 1)]
    assert runs(take(area, CLUSTER)) == [(3 * CLUSTER, 4 * CLUSTER - 1)]
    assert runs(take(area, 60)) == [(4 * CLUSTER, 4 * CLUSTER), (5, 49)]
    assert area.stat().seeks == 4


@pytest.mark.parametrize(
    ("kernel", "rotational", "orders"),
    [
        ("6.1", False, {9}),
        ("6.1", True, set()),
        ("6.12", False, set(range(1, 10))),
        ("6.12", True, set()),
        ("6.18", False, set(range(1, 10))),
        ("6.18", True, set(range(1, 10))),
    ],
)
def test_folios_get_slots_in_a_row(kernel: str, rotational: bool, orders: set[int]) -> None:
    """Aligned to their size, of all orders since 6.12, on devices only."""
    rules = kernels.get(kernel).swap
    area = create(64 * CLUSTER, rules, rotational=rotational)
    given_to = {}
    for order in range(1, 10):
        for slot in take(area, 3, order=order):
            assert slot % (1 << order) == 0
            given_to[slot] = order
    assert set(given_to.values()) == orders
    pages = sorted(
        slot + number for slot, order in given_to.items() for number in range(1 << order)
    )
    assert len(set(pages)) == len(pages) == area.inuse_pages
    stat = area.stat()
    assert [order for order in range(1, 10) if stat.failures[order]] == sorted(
        set(range(1, 10)) - orders
    )
    file = create(64 * CLUSTER, rules, rotational=rotational, blkdev=False)
    assert [file.alloc(order=order) for order in range(1, 10)] == [NO_SLOT] * 9


@pytest.mark.parametrize("kernel", ["6.12", "6.18"])
def test_fragmentation_fails_folios_but_no_page(kernel: str) -> None:
    """Half the slots are free and no four in a row; clusters of a folio's order lend slots."""
    area = create(8 * CLUSTER - 1, kernels.get(kernel).swap)
    assert len(take(area, 4096, order=2)) == 7 * CLUSTER // 4  # the header's has none
    taken = range(CLUSTER + 1, 8 * CLUSTER, 2)
    for slot in taken:
        area.free(slot)
    assert area.alloc(order=2) == NO_SLOT
    assert len(take(area, 4096)) == len(taken) + CLUSTER - 1
    assert area.alloc() == NO_SLOT
    assert not area.has_room()


@pytest.mark.parametrize(("kernel", "rotational"), KINDS)
@settings(max_examples=30, deadline=None)
@given(
    data=st.data(),
    size=st.sampled_from([1, 511, 1000, 3000]),
    bad=st.sampled_from([0, 1, 40]),
    discard=st.booleans(),
)
def test_stock_is_what_the_slots_say(
    kernel: str, rotational: bool, data: st.DataObject, size: int, bad: int, discard: bool
) -> None:
    """Clusters are each on one list, and the figures are those of the slots that are taken."""
    badpages = tuple(range(1, 1 + bad))
    area = create(
        size, kernels.get(kernel).swap, rotational=rotational, discard=discard, badpages=badpages
    )
    dice = random.Random(data.draw(st.integers(0, 1 << 16)))
    taken: set[int] = set()
    seeks, last = 0, -1
    for _ in range(dice.randrange(60)):
        if dice.random() < 0.6:
            for slot in take(area, dice.choice((1, 30, 600))):
                assert slot not in taken
                taken.add(slot)
                seeks += slot != last + 1
                last = slot
        else:
            for slot in dice.sample(sorted(taken), dice.randrange(len(taken) + 1)):
                area.free(slot)
                taken.remove(slot)
    stat = area.stat()
    last_page = size + bad
    clusters = last_page // CLUSTER + 1
    barred = {0, *badpages, *range(last_page + 1, clusters * CLUSTER)}
    counts = [0] * clusters
    for page in taken | barred:
        counts[page // CLUSTER] += 1
    assert area.inuse_pages == len(taken)
    assert stat.free + stat.nonfull + stat.frag + stat.full + stat.discard == clusters
    assert stat.free + stat.discard == counts.count(0)
    assert stat.full == counts.count(CLUSTER)
    assert stat.used == sum(1 for count in counts if count) + stat.discard
    assert stat.fill == pytest.approx(len(taken) / (stat.used * CLUSTER))
    assert stat.seeks == seeks
    assert discard or not stat.discard + stat.discards
    if not stat.discard:
        marks = bytes(page in taken or page in barred for page in range(clusters * CLUSTER))
        assert stat.longest_free == max(map(len, marks.split(b"\1")))


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18"])
def test_a_free_cluster_is_discarded_before_it_is_used_again(kernel: str) -> None:
    area = create(8 * CLUSTER - 1, kernels.get(kernel).swap, discard=True)
    first = take(area, 3 * CLUSTER)
    for slot in first:
        area.free(slot)
    waiting = area.stat().discard
    assert waiting >= 2
    assert area.stat().discards == 0
    take(area, 1)
    assert (area.stat().discards, area.stat().discard) == (waiting, 0)


class Literal:
    """``scan_swap_map_slots()`` slot by slot, label by label as it is written down."""

    def __init__(
        self,
        pages: int,
        badpages: tuple[int, ...],
        rotational: bool,
        rations_first: bool,
        seed: int,
    ) -> None:
        self.max = pages + 1 + len(badpages)
        self.clusters = -(-self.max // CLUSTER)
        bad = {0, *badpages, *range(self.max, self.clusters * CLUSTER)}
        self.map = [page in bad for page in range(self.clusters * CLUSTER)]
        self.count = [sum(self.map[n * CLUSTER :][:CLUSTER]) for n in range(self.clusters)]
        self.pages, self.used = pages, 0
        self.lowest, self.highest = 1, self.max - 1
        self.rotational, self.rations_first = rotational, rations_first
        self.random = random.Random(seed)
        self.cluster_next = 1 if rotational else 1 + self.random.randrange(self.highest)
        self.cluster_nr = 0
        columns = sorted(range(self.clusters), key=lambda cluster: cluster % 32)
        self.empty = [] if rotational else [n for n in columns if not self.count[n]]
        self.index: int | None = None
        self.next = 0

    def free(self, slot: int) -> None:
        self.map[slot] = False
        self.count[slot // CLUSTER] -= 1
        if not self.rotational and not self.count[slot // CLUSTER]:
            self.empty.append(slot // CLUSTER)
        self.used -= 1
        self.lowest, self.highest = min(self.lowest, slot), max(self.highest, slot)

    def scan(self, wanted: int) -> list[int]:
        self.ration, self.many = LATENCY_LIMIT, False
        taken: list[int] = []
        self.base = self.offset = self.cluster_next
        label = self._begin()
        while True:
            if label == "checks":
                label = self._checks(taken)
            if label == "taken":
                taken.append(self.offset)
                label = self._after(len(taken) == wanted)
            if label == "scan":
                label = "checks" if self._search() else "no_page"
            if label == "done":
                self._set_cluster_next()
            if label in ("done", "no_page"):
                return taken

    def _begin(self) -> str:
        if not self.rotational:
            return "checks" if self._try_ssd_cluster() else "scan"
        self.cluster_nr -= 1
        if self.cluster_nr >= 0:
            return "checks"
        self.cluster_nr = CLUSTER - 1
        if self.pages - self.used < CLUSTER:
            return "checks"
        self.base = self.offset = self.lowest
        last = self.offset + CLUSTER - 1
        while last <= self.highest:
            if self.map[self.offset]:
                last = self.offset + CLUSTER
            elif self.offset == last:
                self.offset -= CLUSTER - 1
                return "checks"
            self._spend()
            self.offset += 1
        self.offset = self.base
        return "checks"

    def _try_ssd_cluster(self) -> bool:
        while True:
            if self.index is None:
                if not self.empty:
                    return False
                self.index, self.next = self.empty[0], self.empty[0] * CLUSTER
            end = min(self.max, (self.index + 1) * CLUSTER)
            while self.next < end and self.map[self.next]:
                self.next += 1
            if self.next < end:
                self.base = self.offset = self.next
                self.next += 1
                return True
            self.index = None

    def _checks(self, taken: list[int]) -> str:
        while self.empty and self.offset // CLUSTER in self.empty[1:]:
            self.index = None
            if taken:
                return "done"
            if not self._try_ssd_cluster():
                return "scan"
        if not self.highest:
            return "no_page"
        if self.offset > self.highest:
            self.base = self.offset = self.lowest
        if self.map[self.offset]:
            return "done" if taken else "scan"
        self.map[self.offset] = True
        if self.offset // CLUSTER in self.empty:
            self.empty.remove(self.offset // CLUSTER)
        self.count[self.offset // CLUSTER] += 1
        self.used += 1
        self.lowest += self.offset == self.lowest
        self.highest -= self.offset == self.highest
        if self.used == self.pages:
            self.lowest, self.highest = self.max, 0
        return "taken"

    def _after(self, enough: bool) -> str:
        if enough or self.offset >= self.highest:
            return "done"
        self.ration -= 1
        if self.ration < 0:
            return "done"
        if not self.rotational:
            if self._try_ssd_cluster():
                return "checks"
        elif self.cluster_nr:
            self.offset += 1
            if not self.map[self.offset]:
                self.cluster_nr -= 1
                return "checks"
        if not self.many:
            limit = self.base if self.offset < self.base else self.highest
            while self.offset <= limit:
                self.ration -= 1
                if self.ration <= 0:
                    break
                if not self.map[self.offset]:
                    return "checks"
                self.offset += 1
        return "done"

    def _search(self) -> bool:
        places = (*range(self.offset + 1, self.highest + 1), *range(self.lowest, self.base))
        for self.offset in places:
            self.many |= self.rations_first and self._spend()
            if not self.map[self.offset]:
                return True
            self.many |= not self.rations_first and self._spend()
        return False

    def _spend(self) -> bool:
        self.ration -= 1
        if self.ration < 0:
            self.ration = LATENCY_LIMIT
            return True
        return False

    def _set_cluster_next(self) -> None:
        following = self.offset + 1
        if not self.rotational and self.cluster_next >> 14 != following >> 14:
            if self.highest <= self.lowest:
                return
            drawn = self.lowest + self.random.randrange(self.highest - self.lowest + 1)
            following = max(drawn >> 14 << 14, self.lowest)
        self.cluster_next = following


@pytest.mark.parametrize(("kernel", "rotational"), [("6.1", False), ("6.1", True), ("6.12", True)])
@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1 << 20),
    pages=st.sampled_from([1, 300, 700, 2500, 17000]),
    badpages=st.sampled_from([(), (1, 2, 3), (77,)]),
)
def test_the_scan_is_the_one_slot_by_slot(
    kernel: str, rotational: bool, seed: int, pages: int, badpages: tuple[int, ...]
) -> None:
    """Searches by bytearray.find() take the same slots in the same batches as the kernel's loop."""
    dice = random.Random(seed)
    badpages = badpages if pages > 77 else ()
    rules = kernels.get(kernel).swap
    area = ScanSwapMap(pages, rules, rotational=rotational, badpages=badpages, seed=seed)
    literal = Literal(pages, badpages, rotational, rules.rations_first, seed)
    taken: list[int] = []
    for _ in range(80):
        if dice.random() < 0.7:
            for _ in range(dice.choice((1, 3, 12, 100))):
                wanted = dice.choice((1, 64, 64))
                found = area.alloc_slots(wanted)
                assert found == literal.scan(wanted)
                taken += found
        else:
            dice.shuffle(taken)
            for _ in range(min(dice.choice((1, 20, 600)), len(taken))):
                slot = taken.pop()
                area.free(slot)
                literal.free(slot)
