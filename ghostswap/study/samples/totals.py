# SPDX-License-Identifier: GPL-2.0-or-later
"""What of an outcome depends on its pages, and so is estimated where a sample is known."""

from __future__ import annotations

from ghostswap.study.outcome import Outcome

#: What an administrator sets, and no page changes.
SETTINGS = frozenset({"max_pages", "accept_pages", "mem_limit"})


def totals(outcome: Outcome) -> dict[str, int]:
    """All totals of *outcome* that depend on its pages, by their names in JSON."""
    found = {
        f"{table_}.{name}": value
        for table_, counters in (
            ("zswap", outcome.zswap),
            ("zram", outcome.zram),
            ("vmstat", outcome.vmstat),
        )
        for name, value in counters.items()
        if name not in SETTINGS
    }
    held = outcome.held
    return found | {
        "resident_pages": outcome.resident_pages,
        "kept_pages": outcome.kept_pages,
        "slots_at_swap_out": outcome.slots_at_swap_out,
        "slots_at_writeback": outcome.slots_at_writeback,
        "held.compressed": held.compressed,
        "held.stuck": held.stuck,
        "held.disk": held.disk,
        "held.zero": held.zero,
        "pool_bytes": outcome.pool_bytes,
        "compressed_bytes": outcome.compressed_bytes,
        "metadata_bytes": outcome.metadata.total_bytes,
        "freed_bytes": outcome.freed_bytes,
        "disk.written_bytes": outcome.written_bytes,
    }
