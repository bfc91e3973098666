# SPDX-License-Identifier: GPL-2.0-or-later
"""What a workload came to, as tables and lines over time or as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from ghostswap import kernels
from ghostswap.cli.options.hosts import Measured
from ghostswap.cli.reports.proc import meminfo, swaps
from ghostswap.cli.reports.report import (
    SCHEMA,
    SOURCE_COUNTS,
    disk_json,
    histogram,
    lengths_fact,
    percent,
    print_skipped,
    source_json,
    with_band,
)
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.codecs import REFUSED
from ghostswap.codecs.lengths import SAME
from ghostswap.designs import table as designs
from ghostswap.designs import transfer
from ghostswap.kernels import DEBUGFS, VMSTAT
from ghostswap.page import PAGE_SIZE
from ghostswap.study.band import Band
from ghostswap.study.host import Host
from ghostswap.study.outcome import GroupOutcome, Outcome
from ghostswap.units import printable

#: Title by where pages came back from.
_CAME_FROM = {
    "zero": "from zeromap",
    "zswap": "from zswap",
    "zram": "from zram",
    "disk": "from disk",
}
_BARS = " ▁▂▃▄▅▆▇█"
#: Which page a kernel takes is not decided by its rules alone.
ALL_FITTED = (
    "all fitted, so no page had to leave;"
    " a lower --limit, or memory_max in a scenario, would show what swap does"
)
_CHARGED = {
    1: "version 1: compressed bytes count against no limit",
    2: "version 2: compressed bytes in zswap count against the limit, those in zram do not",
}
_NOT_REPEATABLE = (
    "the kernel does not take the same pages twice, for timing decides as well;"
    " {}, 'man ghostswap-simulate' how near the model comes"
)


@dataclass(frozen=True, slots=True)
class WorkloadReport:
    """An outcome with what it belongs to.

    :ivar band: of the counters that other timing changes, where it was asked for.
    """

    host: Host
    measured: Measured
    outcome: Outcome
    band: Band = field(default_factory=dict)

    def emit_json(self, *, proc: bool = False) -> None:
        """Print as JSON; *proc*: with the text of /proc/swaps and the lines of /proc/meminfo."""
        emit_json(
            {
                **host_json(self.host, self.measured),
                "zpool": self._zpool(),
                "band": self.band,
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
        show.facts(
            [
                ("design", f"{design.description}; {design.status}"),
                *limit_facts(self.host, size),
            ]
        )
        show.table(("where to", "pages", "share"), self._places(), right=("pages", "share"))
        show.facts(self._sums(size))
        show.heading("groups")
        columns, rows = _groups(outcome.groups)
        show.table(columns, rows, right=columns[1:])
        show.heading("counters")
        counters = {**outcome.zswap, **outcome.zram, **outcome.vmstat}
        show.facts(
            (f"  {name}", with_band(self.band, name, count)) for name, count in counters.items()
        )
        if outcome.zswap_own:
            show.heading("zswap's limits, and what no kernel counts")
            show.facts((f"  {name}", str(count)) for name, count in outcome.zswap_own.items())
        if over_time := _timeline(outcome, size):
            show.heading("over time, from the first touch to the last")
            show.facts(over_time)
        if proc:
            show.heading("/proc/swaps")
            for line in swaps(outcome).split("\n"):
                print("\t".join(map(printable, line.split("\t"))))
            show.heading("/proc/meminfo")
            print(meminfo(outcome))
        for source in self.measured.sources.values():
            print_skipped(source)
        if outcome.resident_pages == outcome.pages:
            note(ALL_FITTED)

    def _zpool(self) -> str | None:
        """The allocator of the pool, if the design has one."""
        if self.outcome.zram:
            return "zsmalloc"
        if not self.outcome.zswap:
            return None
        return self.host.zpool or kernels.get(self.host.kernel).zpools[0]

    def _histogram(self) -> Counter[int]:
        """All pages of the sources but those of zeros, by length; the whole of what is refused."""
        found: Counter[int] = Counter()
        for lengths in self.measured.lengths["zswap"]:
            for length, pages in Counter(lengths).items():
                if length:
                    found[PAGE_SIZE if length == REFUSED else length & ~SAME] += pages
        return found

    def _places(self) -> list[tuple[str, str, str]]:
        outcome, held = self.outcome, self.outcome.held
        pool = "zram" if outcome.zram else "zswap"
        places = [
            ("memory", outcome.resident_pages),
            ("zeromap", held.zero),
            (f"{pool}, compressed", held.compressed),
            ("disk", held.disk),
        ]
        if outcome.kept_pages and outcome.resident_pages:
            places.insert(1, ("  of them could not leave", outcome.kept_pages))
        given_up = sum(
            group.pages - group.resident_pages for group in outcome.groups if group.killed
        )
        if given_up:
            places.append(("given up by who was killed", given_up))
        return [(what, str(pages), percent(pages, outcome.pages)) for what, pages in places]

    def _sums(self, size: Callable[[int], str]) -> list[tuple[str, str]]:
        outcome = self.outcome
        meta = outcome.metadata
        whole, tables = outcome.pages * PAGE_SIZE, outcome.allocated_bytes
        freed = f"{size(outcome.freed_bytes)}, {percent(outcome.freed_bytes, whole)}"
        rows = [
            ("memory freed", f"{freed} (net of pool and metadata)"),
            ("pool", size(outcome.pool_bytes)),
            (
                "metadata",
                f"{size(meta.static_bytes)} static, {size(meta.dynamic_bytes)} as it is used"
                + (f"; {size(tables)} with tables by the cluster" if tables is not None else ""),
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
        return rows + host_facts(self.host, self.measured, with_band=bool(self.band))


def why(host: Host, *, with_band: bool = False) -> tuple[str, ...]:
    """Reasons why the kernel would not show the same numbers."""
    if host.policy != "kernel":
        return ()
    where = "in parentheses is" if with_band else "'ghostswap simulate --band' gives"
    return (_NOT_REPEATABLE.format(f"{where} the range"),)


def host_json(host: Host, measured: Measured) -> dict[str, Any]:
    """What a result is about, whatever the design."""
    sources = [
        source_json(source, len(measured.of_source(host, spec)))
        for spec, source in measured.sources.items()
    ]
    sums = {key: sum(source[key] for source in sources) for key in SOURCE_COUNTS}
    return {
        "schema": SCHEMA,
        "kernel": host.kernel,
        "compressor": host.compressor,
        "lengths": "estimate" if measured.error else "exact",
        "lengths_error": measured.error or None,
        "source": {"name": ", ".join(source["name"] for source in sources), **sums},
        "sources": sources,
        "reclaim": host.policy,
        "cgroup": host.cgroup_version,
        "exact": not (why(host) or measured.error),
        "why": list(why(host)),
    }


def host_facts(host: Host, measured: Measured, *, with_band: bool = False) -> list[tuple[str, str]]:
    """The same for a person, in the end."""
    rows = [lengths_fact(measured.error)]
    rows += (("not repeatable", f"estimate: {reason}") for reason in why(host, with_band=with_band))
    return rows


def limit_facts(host: Host, size: Callable[[int], str]) -> list[tuple[str, str]]:
    """What limits the groups have, and in which version of cgroups."""
    found = []
    for group in host.groups:
        limits = {
            "memory.max": group.memory_max,
            "memory.swap.max": group.swap_max,
            "memory.zswap.max": group.zswap_max,
        }
        words = [f"{name} {size(limit)}" for name, limit in limits.items() if limit is not None]
        if group.limit_frames is not None:
            words.append(f"{group.limit_frames} page frames")
        if words:
            found.append(f"{group.name}: {', '.join(words)}")
    if not found:
        return []
    return [
        ("limits", "; ".join(found)),
        ("cgroups", _CHARGED[host.cgroup_version]),
    ]


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
        "compressed_bytes": outcome.zram.get(
            "compr_data_size", sum(group.zswap_current for group in outcome.groups)
        ),
        "metadata_bytes": outcome.metadata.total_bytes,
        "metadata": asdict(outcome.metadata),
        "allocated_bytes": outcome.allocated_bytes,
        "freed_bytes": outcome.freed_bytes,
        "disk": disk_json(
            outcome.reserved_bytes, outcome.written_bytes, outcome.never_written_bytes
        ),
        "to_disk": asdict(transfer.to_disk(outcome.design, outcome.held)),
        "to_disk_compressed": asdict(transfer.to_disk_compressed(outcome.design, outcome.held)),
        "swapoff": asdict(transfer.swapoff(outcome.design, outcome.held)),
        "timeline": [asdict(sample) for sample in outcome.timeline],
    }


def _groups(groups: Sequence[GroupOutcome]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Columns and rows of a table; columns of zeros only are left out."""
    columns: dict[str, list[int]] = {
        "pages": [group.pages for group in groups],
        "in memory": [group.resident_pages for group in groups],
        "major faults": [group.events["pgmajfault"] for group in groups],
    }
    for origin, title in _CAME_FROM.items():
        columns[title] = [group.swap_ins[origin] for group in groups]
    columns["went out"] = [group.swap_outs for group in groups]
    columns["refused"] = [group.refused for group in groups]
    columns["no slot"] = [group.no_slot for group in groups]
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    names = [group.name for group in groups]
    rows = zip(names, *(map(str, cells) for cells in shown.values()), strict=True)
    return ["group", *shown], list(rows)


def _timeline(outcome: Outcome, size: Callable[[int], str]) -> list[tuple[str, str]]:
    samples = outcome.timeline
    if len(samples) < 2:
        return []
    faults = [b.pgmajfault - a.pgmajfault for a, b in pairwise(samples)]
    pool = [sample.pool_pages for sample in samples[1:]]  # at the end of each step
    disk = [sample.disk_pages for sample in samples[1:]]
    rows = []
    if any(faults):
        rows.append(("  major faults", f"{_spark(faults)} at most {max(faults)} a step"))
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
