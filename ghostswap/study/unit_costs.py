# SPDX-License-Identifier: GPL-2.0-or-later
"""Times for counted operations: round numbers to start from, none of them measured here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ghostswap.designs.transfer import Cost
from ghostswap.page import PAGE_SIZE
from ghostswap.study.comparison import Contender, Row

#: Nanoseconds of one operation, on a server of today with an NVMe disk.
UNIT_COSTS: Mapping[str, float] = MappingProxyType(
    {
        "pte_read": 1.5,
        "pte_write": 150,
        "table_word": 35,
        "compress": 3_000,
        "decompress": 1_500,
        "disk_read": 90_000,
        "disk_write": 20_000,
        "minor_fault": 500,
    }
)


def rows(units: Mapping[str, float]) -> tuple[Row, ...]:
    """Rows of times, by *units*; less is better."""

    def swapping(contender: Contender) -> float:
        outcome = contender.outcome
        loads = contender.swap_ins("zswap") + contender.swap_ins("zram")
        pages_written = outcome.written_bytes // PAGE_SIZE
        if outcome.zram:  # all that was written and not to a disk; also what it failed to keep
            stores = outcome.vmstat["pswpout"] - pages_written
        else:
            # Limits are looked at before a page is compressed.
            fails = ("reject_compress_fail", "reject_compress_poor")
            stores = outcome.vmstat["zswpout"] + sum(outcome.zswap.get(name, 0) for name in fails)
        return (
            loads * units["decompress"]
            + stores * units["compress"]
            + contender.swap_ins("disk") * units["disk_read"]
            + pages_written * units["disk_write"]
        )

    def of(cost: Cost) -> float | None:
        if not cost.possible:
            return None
        return (
            cost.pte_reads * units["pte_read"]
            + cost.pte_writes * units["pte_write"]
            + (cost.table_words + cost.reverse_map_reads + cost.reverse_map_writes)
            * units["table_word"]
            + cost.decompressions * units["decompress"]
            + cost.disk_reads * units["disk_read"]
            + cost.disk_writes * units["disk_write"]
            + cost.minor_faults_left * units["minor_fault"]
        )

    return (
        Row("swapping_ns", "time: swapping", "ns", -1, swapping),
        Row("to_disk_ns", "time: pool to disk", "ns", -1, lambda c: of(c.to_disk)),
        Row("swapoff_ns", "time: swapoff", "ns", -1, lambda c: of(c.swapoff)),
    )
