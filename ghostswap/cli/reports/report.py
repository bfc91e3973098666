# SPDX-License-Identifier: GPL-2.0-or-later
"""What a simulation found, as tables and a histogram or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ghostswap.cli.reports.classes import Classes
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.kernels import DEBUGFS, VMSTAT
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import IN_SWAP, MISSING, Source
from ghostswap.study.band import Band
from ghostswap.study.fill import Result

if TYPE_CHECKING:
    from ghostswap.study.round_trip import Verified

SCHEMA = 1
_BIN = 256
_BAR = 40


@dataclass(frozen=True, slots=True)
class Report:
    """A result with what it belongs to.

    :ivar error: how far the lengths may be from the kernel's; ``""`` where they are the kernel's.
    :ivar classes: of the pool, where they are asked for.
    :ivar verified: where that is asked for.
    :ivar with_folios: whether folios of several pages were asked for.
    """

    kernel: str
    compressor: str
    error: str
    source: Source
    result: Result
    zpool: str
    classes: Classes | None
    verified: Verified | None = None
    with_folios: bool = False

    def emit_json(self) -> None:
        result = self.result
        emit_json(
            {
                "schema": SCHEMA,
                "kernel": self.kernel,
                "compressor": self.compressor,
                "zpool": self.zpool,
                "lengths": "estimate" if self.error else "exact",
                "lengths_error": self.error or None,
                "source": source_json(self.source, result.pages),
                "exact": not (result.why or self.error),
                "why": list(result.why),
                "band": result.band,
                "zswap": {**dict.fromkeys(DEBUGFS, 0), **result.zswap},
                "vmstat": {**dict.fromkeys(VMSTAT, 0), **result.vmstat},
                "areas": [
                    {
                        "path": area.path,
                        "type": area.type,
                        "pages": area.pages,
                        "used_pages": area.inuse_pages,
                    }
                    for area in result.areas
                ],
                "kept_pages": result.kept_pages,
                "compressed_bytes": result.compressed_bytes,
                "metadata_bytes": result.metadata.total_bytes,
                "metadata": asdict(result.metadata),
                "disk": self._disk(),
                "freed_bytes": result.freed_bytes,
                "histogram": histogram(result.histogram),
                **({} if self.classes is None else {"classes": self.classes.rows()}),
                **({"folios": asdict(result.folios)} if self.with_folios else {}),
                **verified_json(self.verified),
            }
        )

    def print(self, size: Callable[[int], str]) -> None:
        """Print for a person; *size* writes a number of bytes."""
        result = self.result
        total = size(result.pages * PAGE_SIZE)
        show.heading(
            f"{self.source.name}: {result.pages} pages, {total}, through zswap with"
            f" {self.compressor} and {self.zpool} on Linux {self.kernel}"
        )
        show.table(("where to", "pages", "share", "costs"), self._places(size), right=NUMBERS)
        show.facts(self._sums(size))
        show.heading("counters")
        counters = {**result.zswap, **result.vmstat}
        show.facts((f"  {name}", with_band(result.band, name, n)) for name, n in counters.items())
        if result.histogram:
            show.heading("compressed length of the pages in zswap")
            print_histogram(result.histogram)
        if self.classes is not None:
            show.heading("zsmalloc/classes")
            for line in self.classes.lines():
                print(line)
        print_skipped(self.source)

    def _disk(self) -> dict[str, int]:
        """No slot is used twice, so what was written lies in as many."""
        areas = self.result.areas
        written = self.result.vmstat["pswpout"] * PAGE_SIZE
        full = sum(area.reserved_bytes for area in areas if area.type == "full")
        return disk_json(sum(area.reserved_bytes for area in areas), written, full - written)

    def _places(self, size: Callable[[int], str]) -> list[tuple[str, str, str, str]]:
        result, zswap, vmstat = self.result, self.result.zswap, self.result.vmstat
        same = zswap.get("same_filled_pages", 0)
        as_is = zswap.get("stored_incompressible_pages", 0)
        disk = vmstat["pswpout"]
        places = (
            ("zero pages (zeromap)", vmstat.get("swpout_zero", 0), "no memory"),
            ("zswap, same-filled", same, "no pool"),
            (
                "zswap, compressed",
                zswap["stored_pages"] - same - as_is,
                f"{size(zswap['pool_total_size'])} pool",
            ),
            ("zswap, kept as they are", as_is, "in the pool"),
            ("disk", disk, f"{size(disk * PAGE_SIZE)} written"),
            ("cannot leave memory", result.kept_pages, size(result.kept_pages * PAGE_SIZE)),
        )
        return [
            (what, str(pages), percent(pages, result.pages), cost if pages else "")
            for what, pages, cost in places
            if pages or what not in _RARE
        ]

    def _sums(self, size: Callable[[int], str]) -> list[tuple[str, str]]:
        result, pool = self.result, self.result.zswap["pool_total_size"]
        stored = result.zswap["stored_pages"] * PAGE_SIZE
        freed = (
            f"{size(result.freed_bytes)}, {percent(result.freed_bytes, result.pages * PAGE_SIZE)}"
        )
        rows = [
            ("memory freed", f"{freed} (net of pool and metadata)"),
            ("metadata", f"{size(result.metadata.total_bytes)} (estimate, by structure sizes)"),
        ]
        if pool:
            fine = f"; {stored / result.compressed_bytes:.2f} by compressed bytes alone"
            rows.append(("ratio", f"{stored / pool:.2f} (stored pages / pool{fine})"))
        for area in result.areas:
            assert area.pages is not None
            rows.append(
                (
                    f"{area.type} area",
                    f"{area.path}: {area.inuse_pages} of {area.pages} slots used,"
                    f" {size(area.reserved_bytes)} of disk reserved",
                )
            )
        if self.with_folios:
            counts = asdict(result.folios).items()
            rows.append(("folios", ", ".join(f"{count} {name}" for name, count in counts)))
        rows += (lengths_fact(self.error), *verified_facts(self.verified))
        rows += (("not repeatable", f"estimate: {why}") for why in result.why)
        return rows


_RARE = ("zswap, same-filled",)
#: The columns of the table of places that hold numbers.
NUMBERS = ("pages", "share", "costs")


#: Those of its keys that may be added up over sources.
SOURCE_COUNTS = ("pages", "unreadable_pages", "swapped_pages")


def source_json(source: Source, pages: int) -> dict[str, Any]:
    """The source that *pages* pages came from."""
    return {
        "name": source.name,
        "pages": pages,
        "unreadable_pages": source.account.pages(MISSING),
        "swapped_pages": source.account.pages(IN_SWAP),
    }


def disk_json(reserved: int, written: int, never_written: int) -> dict[str, int]:
    """Bytes of disk: that areas take, that were written to it, and what of it never was."""
    return {
        "reserved_bytes": reserved,
        "written_bytes": written,
        "never_written_bytes": never_written,
    }


def print_skipped(source: Source) -> None:
    """Say what was not read, and why."""
    for line in source.account.words():
        note(line)


def lengths_fact(error: str) -> tuple[str, str]:
    """Whether lengths are the kernel's."""
    return "lengths", f"estimate: {error}" if error else "the kernel's, exactly"


def verified_json(verified: Verified | None) -> dict[str, dict[str, int]]:
    """How many pages were compared, where they were."""
    return {} if verified is None else {"verified": asdict(verified)}


def verified_facts(verified: Verified | None) -> list[tuple[str, str]]:
    """The same for a person."""
    if verified is None:
        return []
    loads = f"{verified.loads} pages decompressed and {verified.disk_reads} read from disk"
    return [("verified", f"{loads}, all as they were")]


def with_band(band: Band, name: str, value: int) -> str:
    """The *value* of counter *name*, and what it may be instead."""
    if name not in band:
        return str(value)
    least, most = band[name]
    return f"{value} ({least} to {most})"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0.0 %"


def histogram(lengths: Mapping[int, int]) -> list[dict[str, int]]:
    """Pages by compressed length in steps of 256 bytes; 4096 itself counts in the last step."""
    bins = [0] * (PAGE_SIZE // _BIN)
    for length, pages in lengths.items():
        bins[min(length // _BIN, len(bins) - 1)] += pages
    return [
        {"from": step * _BIN, "to": (step + 1) * _BIN, "pages": pages}
        for step, pages in enumerate(bins)
    ]


def print_histogram(lengths: Mapping[int, int]) -> None:
    bins = histogram(lengths)
    most = max(row["pages"] for row in bins)
    width = min(_BAR, max(show.console().width - 24, 8))
    show.facts(
        (
            f"  {row['from']:4}",
            f"{'█' * round(width * row['pages'] / most)} {row['pages']}".strip(),
        )
        for row in bins
    )
