# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs side by side on one workload: the rows that tell them apart, and which value is best."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from ghostswap.designs import table, transfer
from ghostswap.designs.transfer import Cost
from ghostswap.pages.touches import Touches
from ghostswap.study.outcome import Outcome

Unit = Literal["bytes", "count", "share", "ns"]


class Inversion(NamedTuple):
    """Pages on disk against pages in memory, compressed or not, by when they were touched last.

    :ivar hotter: share of those on disk that are hotter than the coldest in memory.
    :ivar pairs: share of all pairs of one of each in which the one on disk is the hotter.
    """

    hotter: float
    pairs: float


class Contender(NamedTuple):
    """A design's outcome.

    :ivar inversion: whether pages on disk were touched later than others in memory; ``None``
        where nothing is on disk.
    """

    outcome: Outcome
    inversion: Inversion | None

    @property
    def is_killed(self) -> bool:
        """Whether a group ran out of memory."""
        return any(group.killed for group in self.outcome.groups)

    @property
    def to_disk(self) -> Cost:
        """What it takes to move what is compressed to disk."""
        return transfer.to_disk(table.get(self.outcome.design), self.outcome.held)

    @property
    def swapoff(self) -> Cost:
        """What it takes to bring all back."""
        return transfer.swapoff(table.get(self.outcome.design), self.outcome.held)

    def swap_ins(self, origin: str) -> int:
        """Pages that came back from *origin*."""
        return sum(group.swap_ins[origin] for group in self.outcome.groups)


class Row(NamedTuple):
    """One line of the comparison.

    :ivar key: its name in JSON.
    :ivar better: 1 where more is, -1 where less is, 0 where neither.
    :ivar value: of a contender; ``None`` where there is none to speak of.
    """

    key: str
    title: str
    unit: Unit
    better: Literal[-1, 0, 1]
    value: Callable[[Contender], float | None]


def _moved(count: Callable[[Cost], int]) -> Callable[[Contender], float | None]:
    return lambda contender: count(contender.to_disk) if contender.to_disk.possible else None


ROWS = (
    Row("freed_bytes", "memory freed, net", "bytes", 1, lambda c: c.outcome.freed_bytes),
    Row("pgmajfault", "major faults", "count", -1, lambda c: c.outcome.vmstat.get("pgmajfault", 0)),
    Row("swap_ins_zero", "  from the zeromap", "count", 0, lambda c: c.swap_ins("zero")),
    Row("swap_ins_zswap", "  from zswap", "count", 0, lambda c: c.swap_ins("zswap")),
    Row("swap_ins_zram", "  from zram", "count", 0, lambda c: c.swap_ins("zram")),
    Row("swap_ins_disk", "  from disk", "count", -1, lambda c: c.swap_ins("disk")),
    Row("reserved_bytes", "disk reserved", "bytes", -1, lambda c: c.outcome.reserved_bytes),
    Row("written_bytes", "disk written", "bytes", -1, lambda c: c.outcome.written_bytes),
    Row("never_written_bytes", "disk wasted", "bytes", -1, lambda c: c.outcome.never_written_bytes),
    Row(
        "slots_at_swap_out",
        "slots taken as pages left",
        "count",
        0,
        lambda c: c.outcome.slots_at_swap_out,
    ),
    Row(
        "slots_at_writeback",
        "slots taken for writeback",
        "count",
        0,
        lambda c: c.outcome.slots_at_writeback,
    ),
    Row("kept_pages", "pages that could not leave", "count", -1, lambda c: c.outcome.kept_pages),
    Row(
        "stuck_pages",
        "never to be written back",
        "count",
        -1,
        lambda c: c.outcome.held.stuck,
    ),
    Row(
        "lru_inversion",
        "LRU inversion: disk pages",
        "share",
        -1,
        lambda c: None if c.inversion is None else c.inversion.hotter,
    ),
    Row(
        "lru_inversion_pairs",
        "  of all pairs",
        "share",
        -1,
        lambda c: None if c.inversion is None else c.inversion.pairs,
    ),
    Row(
        "metadata_static_bytes",
        "metadata, static",
        "bytes",
        -1,
        lambda c: c.outcome.metadata.static_bytes,
    ),
    Row(
        "metadata_dynamic_bytes",
        "metadata, as used",
        "bytes",
        -1,
        lambda c: c.outcome.metadata.dynamic_bytes,
    ),
    Row("to_disk_pages", "pool to disk: pages", "count", 0, _moved(lambda cost: cost.pages)),
    Row(
        "to_disk_words",
        "  table words to change",
        "count",
        -1,
        _moved(lambda cost: cost.table_words + cost.reverse_map_writes),
    ),
    Row("to_disk_ptes", "  page-table entries read", "count", -1, _moved(lambda c: c.pte_reads)),
    Row("swapoff_pages", "swapoff: pages", "count", 0, lambda c: c.swapoff.pages),
    Row("swapoff_ptes", "  page-table entries read", "count", -1, lambda c: c.swapoff.pte_reads),
    Row(
        "swapoff_minor_faults",
        "  minor faults left",
        "count",
        -1,
        lambda c: c.swapoff.minor_faults_left,
    ),
)


def best(row: Row, contenders: Sequence[Contender]) -> set[int]:
    """Numbers of those of *contenders* that *row* speaks best of; none where all are alike.

    Who had a group killed did not do the work.
    """
    values = [None if c.is_killed else row.value(c) for c in contenders]
    known = {value for value in values if value is not None}
    if not row.better or len(known) + any(c.is_killed for c in contenders) < 2 or not known:
        return set()
    top = max(known) if row.better > 0 else min(known)
    return {number for number, value in enumerate(values) if value == top}


def last_touches(pages: int, firsts: Sequence[int], chunks: Iterable[Touches]) -> array[int]:
    """By page, when it was touched last, counted from when all were written once, in order.

    :param pages: of all groups together.
    :param firsts: by group, its first page.
    """
    last = array("q", range(-pages, 0))
    now = 0
    for chunk in chunks:
        first = firsts[chunk.group]
        for page, moment in dict(zip(chunk.pages, range(now, now + len(chunk.pages)))).items():  # noqa: B905
            last[first + page] = moment
        now += len(chunk.pages)
    return last


def inversion(last: array[int], on_disk: Iterable[int]) -> Inversion | None:
    """Whether the pages that are *on_disk* are the coldest, given when each was touched *last*."""
    disk = set(on_disk)
    if not disk or len(disk) == len(last):
        return None
    memory = sorted(moment for page, moment in enumerate(last) if page not in disk)
    colder = [bisect_right(memory, last[page]) for page in disk]  # in memory, by page on disk
    return Inversion(
        hotter=sum(map(bool, colder)) / len(disk), pairs=sum(colder) / len(disk) / len(memory)
    )
