# SPDX-License-Identifier: GPL-2.0-or-later
"""What a simulation of zram found, in the manner of :mod:`ghostswap.cli.reports.report`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ghostswap.cli.reports.report import (
    NUMBERS,
    SCHEMA,
    disk_json,
    histogram,
    lengths_fact,
    percent,
    print_histogram,
    print_skipped,
    source_json,
    verified_facts,
    verified_json,
)
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.kernels import VMSTAT
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Source
from ghostswap.study.zram_fill import ZramResult

if TYPE_CHECKING:
    from ghostswap.study.round_trip import Verified


@dataclass(frozen=True, slots=True)
class ZramReport:
    """A result with what it belongs to.

    :ivar error: how far the lengths may be from the kernel's; ``""`` where they are the kernel's.
    :ivar verified: where that is asked for.
    """

    kernel: str
    compressor: str
    error: str
    source: Source
    result: ZramResult
    verified: Verified | None = None

    def emit_json(self) -> None:
        result = self.result
        written_back = result.zram["bd_writes"] * PAGE_SIZE
        emit_json(
            {
                "schema": SCHEMA,
                "kernel": self.kernel,
                "compressor": self.compressor,
                "lengths": "estimate" if self.error else "exact",
                "lengths_error": self.error or None,
                "source": source_json(self.source, result.pages),
                "zram": result.zram,
                "vmstat": {**dict.fromkeys(VMSTAT, 0), **result.vmstat},
                "kept_pages": result.kept_pages,
                "compressed_bytes": result.zram["compr_data_size"],
                "metadata_bytes": result.metadata.total_bytes,
                "metadata": asdict(result.metadata),
                # The backing device is as large as what is written to it.
                "disk": disk_json(written_back, written_back, 0),
                "freed_bytes": result.freed_bytes,
                "histogram": histogram(result.histogram),
                **verified_json(self.verified),
            }
        )

    def print(self, size: Callable[[int], str]) -> None:
        """Print for a person; *size* writes a number of bytes."""
        result = self.result
        show.heading(
            f"{self.source.name}: {result.pages} pages, {size(result.pages * PAGE_SIZE)}, through"
            f" zram with {self.compressor} on Linux {self.kernel}"
        )
        show.table(("where to", "pages", "share", "costs"), self._places(size), right=NUMBERS)
        show.facts(self._sums(size))
        show.heading("counters")
        counters = {**result.zram, **result.vmstat}
        show.facts((f"  {name}", str(value)) for name, value in counters.items())
        if result.histogram:
            show.heading("compressed length of the pages that zram took")
            print_histogram(result.histogram)
        print_skipped(self.source)

    def _places(self, size: Callable[[int], str]) -> list[tuple[str, str, str, str]]:
        result, zram = self.result, self.result.zram
        outside = zram["same_pages"] + zram["huge_pages"] + zram["bd_count"]
        places = (
            ("zero pages (zeromap)", result.vmstat["swpout_zero"], "no memory"),
            ("same-filled", zram["same_pages"], "no memory beside the table"),
            (
                "compressed",
                zram["orig_data_size"] // PAGE_SIZE - outside,
                f"{size(zram['mem_used_total'])} pool",
            ),
            ("huge, kept as they are", zram["huge_pages"], "in the pool"),
            ("backing device", zram["bd_count"], f"{size(zram['bd_count'] * PAGE_SIZE)} written"),
            ("cannot leave memory", result.kept_pages, size(result.kept_pages * PAGE_SIZE)),
        )
        return [
            (what, str(pages), percent(pages, result.pages), cost if pages else "")
            for what, pages, cost in places
        ]

    def _sums(self, size: Callable[[int], str]) -> list[tuple[str, str]]:
        result, zram = self.result, self.result.zram
        freed = percent(result.freed_bytes, result.pages * PAGE_SIZE)
        rows = [
            ("memory freed", f"{size(result.freed_bytes)}, {freed} (net of pool and metadata)"),
            ("metadata", f"{size(result.metadata.total_bytes)} (estimate, by structure sizes)"),
        ]
        if pool := zram["mem_used_total"]:
            in_memory = zram["orig_data_size"] - zram["bd_count"] * PAGE_SIZE
            rows.append(("ratio", f"{in_memory / pool:.2f} (pages in zram / pool)"))
        rows += (lengths_fact(self.error), *verified_facts(self.verified))
        return rows
