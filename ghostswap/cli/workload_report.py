# SPDX-License-Identifier: GPL-2.0-or-later
"""What a workload came to, as tables and lines over time or as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from ghostswap.cli import show
from ghostswap.cli.hosts import Measured
from ghostswap.cli.proc import meminfo, swaps
from ghostswap.cli.report import (
    SCHEMA,
    histogram,
    lengths_fact,
    percent,
    print_skipped,
    source_json,
)
from ghostswap.cli.talk import emit_json
from ghostswap.mm import designs, transfer
from ghostswap.mm.codecs import REFUSED
from ghostswap.mm.host import Host
from ghostswap.mm.kernels import DEBUGFS, VMSTAT
from ghostswap.mm.lengths import SAME
from ghostswap.mm.outcome import GroupOutcome, Outcome
from ghostswap.pages.source import PAGE_SIZE

_BARS = " ▁▂▃▄▅▆▇█"
#: Which page a kernel takes is not decided by its rules alone.
NOT_REPEATABLE = (
    "the kernel's own choice of pages is not repeatable: it depends on when its statistics are"
    " brought up to date; 'man ghostswap-simulate' says how far the model was from real kernels"
)


@dataclass(frozen=True, slots=True)
class WorkloadReport:
    """An outcome with what it belongs to."""

    host: Host
    measured: Measured
    outcome: Outcome

    def why(self) -> tuple[str, ...]:
        """Reasons why the kernel would not show the same numbers."""
        return (NOT_REPEATABLE,) if self.host.policy == "kernel" else ()

    def emit_json(self, *, proc: bool = False) -> None:
        """Print as JSON; *proc*: with the text of /proc/swaps and the lines of /proc/meminfo."""
        emit_json(
            {
                "schema": SCHEMA,
                "kernel": self.outcome.kernel,
                "compressor": self.host.compressor,
                "zpool": self.host.zpool,
                "lengths": "estimate" if self.measured.error else "exact",
                "lengths_error": self.measured.error or None,
                "sources": [
                    source_json(source, len(self.measured.of_source(self.host, spec)))
                    for spec, source in self.measured.sources.items()
                ],
                "reclaim": self.host.policy,
                "cgroup": self.host.cgroup_version,
                "exact": not self.why(),
                "why": list(self.why()),
                **outcome_json(self.outcome),
                "histogram": histogram(self._histogram()),
                **(_proc_json(self.outcome) if proc else {}),
            }
        )

    def print(self, size: Callable[[int], str], *, proc: bool = False) -> None:
        """Print for a person; *size* writes a number of bytes, *proc* is as for JSON."""
        outcome = self.outcome
        names = ", ".join(self.measured.sources)
        show.heading(
            f"{names}: {outcome.pages} pages, {size(outcome.pages * PAGE_SIZE)},"
            f" {outcome.touches} touches, through {outcome.design} on Linux {outcome.kernel}"
        )
        design = designs.record(outcome.design)
        show.facts([("design", f"{design.description}; {design.status}")])
        show.table(("where to", "pages", "share"), self._places(), right=("pages", "share"))
        show.facts(self._sums(size))
        show.heading("groups")
        show.table(_GROUP_COLUMNS, map(_group_row, outcome.groups), right=_GROUP_COLUMNS[1:])
        show.heading("counters")
        counters = {**outcome.zswap, **outcome.zram, **outcome.vmstat}
        show.facts((f"  {name}", str(count)) for name, count in counters.items())
        if outcome.zswap_own:
            show.heading("zswap's limits, and what no kernel counts")
            show.facts((f"  {name}", str(count)) for name, count in outcome.zswap_own.items())
        if len(outcome.timeline) > 1:
            show.heading("over time, from the first touch to the last")
            show.facts(_timeline(outcome, size))
        if proc:
            show.heading("/proc/swaps")
            print(swaps(outcome))
            show.heading("/proc/meminfo")
            print(meminfo(outcome))
        for source in self.measured.sources.values():
            print_skipped(source)

    def _histogram(self) -> Counter[int]:
        """Pages by length, of all that have one."""
        found: Counter[int] = Counter()
        for lengths in self.measured.lengths["zswap"]:
            for length, pages in Counter(lengths).items():
                if length and length != REFUSED:
                    found[length & ~SAME] += pages
        return found

    def _places(self) -> list[tuple[str, str, str]]:
        outcome, held = self.outcome, self.outcome.held
        pool = "zram" if outcome.zram else "zswap"
        places = [
            ("memory", outcome.resident_pages),
            ("  of them could not leave", outcome.kept_pages),
            ("zeromap", held.zero),
            (f"{pool}, compressed", held.compressed),
            ("disk", held.disk),
        ]
        return [(what, str(pages), percent(pages, outcome.pages)) for what, pages in places]

    def _sums(self, size: Callable[[int], str]) -> list[tuple[str, str]]:
        outcome = self.outcome
        meta = outcome.metadata
        whole = outcome.pages * PAGE_SIZE
        freed = f"{size(outcome.freed_bytes)}, {percent(outcome.freed_bytes, whole)}"
        rows = [
            ("memory freed", f"{freed} (net of pool and metadata)"),
            ("pool", size(outcome.pool_bytes)),
            (
                "metadata",
                f"{size(meta.static_bytes)} static, {size(meta.dynamic_bytes)} as it is used",
            ),
            (
                "disk",
                f"{size(outcome.reserved_bytes)} reserved, {size(outcome.written_bytes)} written,"
                f" {size(outcome.never_written_bytes)} never written",
            ),
        ]
        for area, slots in zip(outcome.areas, outcome.slots, strict=True):
            lie = f"; {slots.used} clusters, {slots.seeks} seeks" if slots is not None else ""
            used = f"{area.inuse_pages} of {area.pages} slots used"
            rows.append((f"{area.type} area", f"{area.path}: {used}{lie}"))
        for name, use in outcome.tiers.items():
            refused = f"refused {use.masked} times by mask, {use.full} times full"
            rows.append((f"tier {name}", f"{use.inuse_pages} slots used, {refused}"))
        killed = [group.name for group in outcome.groups if group.killed]
        if killed:
            rows.append(("out of memory", f"{', '.join(killed)}: killed, as the kernel would"))
        rows.append(lengths_fact(self.measured.error))
        rows += (("not repeatable", f"estimate: {why}") for why in self.why())
        return rows


def _proc_json(outcome: Outcome) -> dict[str, str]:
    return {"proc_swaps": swaps(outcome), "proc_meminfo": meminfo(outcome)}


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What both simulate and compare say of an outcome."""
    swap_ins: Counter[str] = Counter()
    for group in outcome.groups:
        swap_ins.update(group.swap_ins)
    return {
        "design": outcome.design,
        "status": designs.record(outcome.design).status,
        "pages": outcome.pages,
        "touches": outcome.touches,
        "resident_pages": outcome.resident_pages,
        "kept_pages": outcome.kept_pages,
        "swap_ins": {name: swap_ins[name] for name in outcome.groups[0].swap_ins},
        "swap_outs": sum(group.swap_outs for group in outcome.groups),
        "refused": sum(group.refused for group in outcome.groups),
        "no_slot": sum(group.no_slot for group in outcome.groups),
        "fresh_statistics": outcome.fresh_statistics,
        "killed": [group.name for group in outcome.groups if group.killed],
        "zswap": {**dict.fromkeys(DEBUGFS, 0), **outcome.zswap},
        "zswap_own": outcome.zswap_own,
        **({"zram": outcome.zram} if outcome.zram else {}),
        "vmstat": {**dict.fromkeys(VMSTAT, 0), **outcome.vmstat},
        "areas": [
            {
                "path": area.path,
                "type": area.type,
                "pages": area.pages,
                "used_pages": area.inuse_pages,
                "written_pages": area.written_pages,
                "prio": area.prio,
                "rotational": area.seeks,
                "slots": None if slots is None else asdict(slots),
            }
            for area, slots in zip(outcome.areas, outcome.slots, strict=True)
        ],
        "slots_at_swap_out": outcome.slots_at_swap_out,
        "slots_at_writeback": outcome.slots_at_writeback,
        "tiers": {name: asdict(use) for name, use in outcome.tiers.items()},
        "vma_readahead": outcome.vma_readahead,
        "groups": [asdict(group) for group in outcome.groups],
        "held": asdict(outcome.held),
        "pool_bytes": outcome.pool_bytes,
        "metadata_bytes": outcome.metadata.total_bytes,
        "metadata": asdict(outcome.metadata),
        "freed_bytes": outcome.freed_bytes,
        "disk": {
            "reserved_bytes": outcome.reserved_bytes,
            "written_bytes": outcome.written_bytes,
            "never_written_bytes": outcome.never_written_bytes,
        },
        "to_disk": asdict(transfer.to_disk(outcome.design, outcome.held)),
        "swapoff": asdict(transfer.swapoff(outcome.design, outcome.held)),
        "timeline": [asdict(sample) for sample in outcome.timeline],
    }


_GROUP_COLUMNS = (
    "group",
    "pages",
    "in memory",
    "pgmajfault",
    "zero",
    "zswap",
    "zram",
    "disk",
    "out",
    "refused",
    "no slot",
)


def _group_row(group: GroupOutcome) -> tuple[str, ...]:
    return (
        group.name,
        *map(
            str,
            (
                group.pages,
                group.resident_pages,
                group.events["pgmajfault"],
                *group.swap_ins.values(),
                group.swap_outs,
                group.refused,
                group.no_slot,
            ),
        ),
    )


def _timeline(outcome: Outcome, size: Callable[[int], str]) -> list[tuple[str, str]]:
    samples = outcome.timeline
    faults = [b.pgmajfault - a.pgmajfault for a, b in pairwise(samples)]
    pool = [sample.pool_pages for sample in samples]
    disk = [sample.disk_pages for sample in samples]
    rows = [("  pgmajfault", f"{_spark(faults)} at most {max(faults)} a step")]
    if any(pool):
        rows.append(("  pool", f"{_spark(pool)} at most {size(max(pool) * PAGE_SIZE)}"))
    if any(disk):
        rows.append(("  disk slots", f"{_spark(disk)} at most {max(disk)}"))
    return rows


def _spark(values: Sequence[int]) -> str:
    """*values* as bars, as many as the terminal has room for."""
    room = max(min(len(values), show.console().width - 40), 8)
    step = -(-len(values) // room)
    means = [
        sum(part) / len(part)
        for part in (values[i : i + step] for i in range(0, len(values), step))
    ]
    most = max(means) or 1
    return "".join(_BARS[round(mean / most * (len(_BARS) - 1))] for mean in means)
