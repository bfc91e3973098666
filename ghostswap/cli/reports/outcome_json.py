# SPDX-License-Identifier: GPL-2.0-or-later
"""An outcome as JSON: one form for memory stored once and for workloads, ghostswap-json(5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ghostswap.cli.reports.proc import meminfo, swaps
from ghostswap.cli.reports.result import Result
from ghostswap.designs import table, transfer
from ghostswap.kernels import DEBUGFS, VMSTAT
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import IN_SWAP, MISSING, Source, Why
from ghostswap.study.host import Host
from ghostswap.study.memory import Measured
from ghostswap.study.outcome import Outcome, Recompression

SCHEMA = 1
_BIN = 256
#: Those of a source's keys that may be added up over sources.
_SOURCE_COUNTS = ("pages", "sampled_pages", "unreadable_pages", "swapped_pages")


def result_json(result: Result, *, with_proc: bool = False) -> dict[str, Any]:
    """Everything of *result*.

    :param with_proc: with the text of /proc/swaps and the lines of /proc/meminfo.
    """
    outcome = result.outcome
    found = {
        **host_json(result.host, result.measured, result.why),
        "zpool": result.zpool,
        "band": outcome.band,
        **outcome_json(outcome),
        "histogram": histogram(result.lengths()),
    }
    if result.classes is not None:
        found["classes"] = result.classes.rows()
    if outcome.recompression is not None:
        found["recompression"] = recompression_json(outcome.recompression)
    if outcome.folios is not None:
        found["folios"] = asdict(outcome.folios)
    if result.verified is not None:
        found["verified"] = result.verified._asdict()
    if with_proc:
        found |= {"proc_swaps": swaps(outcome), "proc_meminfo": meminfo(outcome)}
    return found


def host_json(host: Host, measured: Measured, why: tuple[str, ...]) -> dict[str, Any]:
    """What a result is about, whatever the design.

    :param why: reasons why the kernel would not show the same numbers.
    """
    why = (*why, *_interrupted(measured))
    return {
        "schema": SCHEMA,
        "kernel": host.kernel,
        "compressor": host.compressor,
        **lengths_json(measured.error),
        **sources_json(measured),
        "reclaim": host.policy,
        "reclaim_from": host.policy_from,
        "cgroup": host.cgroup_version,
        "exact": not (why or measured.error),
        "why": list(why),
    }


def _interrupted(measured: Measured) -> list[str]:
    """The sources of which more would have come."""
    return [
        f"{source.name}: {left.reason}"
        for source in measured.sources.values()
        for left in source.account.left
        if left.why is Why.INTERRUPTED
    ]


def sources_json(measured: Measured) -> dict[str, Any]:
    """Where the memory came from, all together and one by one."""
    sources = [
        source_json(source, measured.pages_of(spec), sum(one.kept for one in measured.strata[spec]))
        for spec, source in measured.sources.items()
    ]
    sums = {key: sum(source[key] for source in sources) for key in _SOURCE_COUNTS}
    return {
        "source": {"name": ", ".join(source["name"] for source in sources), **sums},
        "sources": sources,
    }


def lengths_json(error: str) -> dict[str, str | None]:
    """Whether lengths are the kernel's."""
    return {"lengths": "estimate" if error else "exact", "lengths_error": error or None}


def source_json(source: Source, pages: int, sampled: int) -> dict[str, Any]:
    """The source of *pages* pages, *sampled* of which were measured."""
    return {
        "name": source.name,
        "pages": pages,
        "sampled_pages": sampled,
        "unreadable_pages": source.account.pages(MISSING),
        "swapped_pages": source.account.pages(IN_SWAP),
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """What a design came to, alone or among others."""
    design = table.get(outcome.design)
    swap_ins: Counter[str] = Counter()
    for group in outcome.groups:
        swap_ins.update(group.swap_ins)
    return {
        "design": outcome.design,
        "status": design.status,
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
                "slots": None if slots is None else slots._asdict(),
            }
            for area, slots in zip(outcome.areas, outcome.slots, strict=True)
        ],
        "slots_at_swap_out": outcome.slots_at_swap_out,
        "slots_at_writeback": outcome.slots_at_writeback,
        "tiers": {name: asdict(use) for name, use in outcome.tiers.items()},
        "vma_readahead": outcome.vma_readahead,
        "groups": [group._asdict() for group in outcome.groups],
        "held": outcome.held._asdict(),
        "pool_bytes": outcome.pool_bytes,
        "compressed_bytes": outcome.compressed_bytes,
        "metadata_bytes": outcome.metadata.total_bytes,
        "metadata": outcome.metadata._asdict(),
        "allocated_bytes": outcome.allocated_bytes,
        "freed_bytes": outcome.freed_bytes,
        "disk": {
            "reserved_bytes": outcome.reserved_bytes,
            "written_bytes": outcome.written_bytes,
            "never_written_bytes": outcome.never_written_bytes,
        },
        "to_disk": transfer.to_disk(design, outcome.held)._asdict(),
        "to_disk_compressed": transfer.to_disk_compressed(design, outcome.held)._asdict(),
        "swapoff": transfer.swapoff(design, outcome.held)._asdict(),
        "timeline": [sample._asdict() for sample in outcome.timeline],
        "intervals": outcome.intervals,
    }


def recompression_json(done: Recompression) -> dict[str, Any]:
    """What zram's second compressors did."""
    tried = done.compressed.items()
    compressed = [{"compressor": name, "pages": pages} for name, pages in tried]
    return {**done._asdict(), "compressed": compressed}


def histogram(lengths: Mapping[int, int]) -> list[dict[str, int]]:
    """Pages by compressed length in steps of 256 bytes; 4096 itself counts in the last step."""
    bins = [0] * (PAGE_SIZE // _BIN)
    for length, pages in lengths.items():
        bins[min(length // _BIN, len(bins) - 1)] += pages
    return [
        {"from": step * _BIN, "to": (step + 1) * _BIN, "pages": pages}
        for step, pages in enumerate(bins)
    ]
