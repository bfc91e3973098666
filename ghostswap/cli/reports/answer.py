# SPDX-License-Identifier: GPL-2.0-or-later
"""The answer to what was asked, in three sentences with words that a newcomer has."""

from __future__ import annotations

from collections.abc import Callable

from ghostswap.cli.reports.result import Result, pools, ranged, sample_words
from ghostswap.designs import table
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE
from ghostswap.study.host import Host
from ghostswap.study.memory import Measured
from ghostswap.study.outcome import GroupOutcome, Outcome, Recompression

#: Writes a number of bytes.
Size = Callable[[int], str]
#: Slots that take less than this share of the memory are not worth a word.
_LITTLE = 0.01


def answer(result: Result, size: Size) -> list[str]:
    """What became of the memory, what that saves, what it costs on disk."""
    lines = [_work(result, size)] if result.is_replay else []
    lines += (_places(result, size), _saving(result.outcome, size))
    if result.outcome.recompression is not None:
        lines.append(_recompressed(result.outcome.recompression, result.outcome, size))
    lines.append(_disk(result, size))
    lines += (f"All this is {words}." for words in sample_words(result.measured, result.host))
    for group in result.outcome.groups:
        if group.killed:
            reason = killed_because(result.host, result.measured, result.outcome, group)
            lines.append(f"The kernel would kill {group.name}, for want of memory: {reason}.")
    return lines


def _work(result: Result, size: Size) -> str:
    outcome = result.outcome
    faults = outcome.vmstat.get("pgmajfault", 0)
    waits = f"{faults:,} times it had to wait for a page to come back (major faults)"
    return f"{outcome.touches:,} touches of {size(outcome.pages * PAGE_SIZE)}: {waits}."


def _places(result: Result, size: Size) -> str:
    """Where all of it is in the end."""
    outcome, held = result.outcome, result.outcome.held
    parts = []
    if outcome.resident_pages and result.is_replay:
        parts.append(f"{size(outcome.resident_pages * PAGE_SIZE)} are in memory")
    for pool in pools(outcome):
        if pool.pages:
            stored = pool.pages * PAGE_SIZE
            ratio = f" ({stored / pool.bytes:.2f} to 1)" if pool.bytes else ""
            taken = ranged(outcome, "pool_bytes", pool.bytes, size)
            parts.append(f"{pool.who} holds {size(stored)} in {taken}{ratio}")
    if held.zero:
        parts.append(f"{size(held.zero * PAGE_SIZE)} are zeros and take nothing")
    if held.disk:
        parts.append(f"{size(held.disk * PAGE_SIZE)} are on disk")
    if outcome.kept_pages:
        parts.append(f"{size(outcome.kept_pages * PAGE_SIZE)} cannot leave memory")
    return f"Of {size(outcome.pages * PAGE_SIZE)}, {'; '.join(parts) or 'nothing is left'}."


def _saving(outcome: Outcome, size: Size) -> str:
    """What all of it saves or costs, in words either way."""
    freed, whole = outcome.freed_bytes, outcome.pages * PAGE_SIZE
    metadata = outcome.metadata
    if freed >= 0:
        counted = f"pool and {size(metadata.total_bytes)} of metadata counted"
        words = ranged(outcome, "freed_bytes", freed, size)
        line = f"That frees {words} of memory, {100 * freed / whole:.1f} %, {counted}."
    else:
        line = f"That costs {size(-freed)} more than it saves."
    largest = max(outcome.areas, key=lambda area: area.pages or 0, default=None)
    if largest is None or metadata.static_bytes < _LITTLE * whole:
        return line
    slots = f"the slots of {largest.path} ({size((largest.pages or 0) * PAGE_SIZE)})"
    line += f" {size(metadata.static_bytes)} of memory are taken for {slots}, used or not"
    gained = freed + metadata.static_bytes  # by what is out, without what is there in any case
    if gained <= 0:
        return f"{line}."
    return f"{line}: they pay from {size(whole * metadata.static_bytes // gained)} of this on."


def _recompressed(done: Recompression, outcome: Outcome, size: Size) -> str:
    """Whether it was worth it: memory saved, and what of the CPU that took."""
    names, tried = " and ".join(done.compressed), sum(done.compressed.values())
    saved = done.pool_bytes - outcome.zram["mem_used_total"]
    if not tried or saved <= 0:
        return f"Recompression by {names} saves nothing, for {tried:,} pages compressed again."
    return (
        f"Recompression by {names} makes the pool {100 * saved / done.pool_bytes:.1f} % smaller,"
        f" by {size(saved)}, for {tried:,} pages compressed again:"
        f" {saved / tried:.0f} bytes for each."
    )


def _disk(result: Result, size: Size) -> str:
    outcome = result.outcome
    if outcome.written_bytes:
        written, reserved = size(outcome.written_bytes), size(outcome.reserved_bytes)
        return f"{written} are written to disk, where {reserved} are reserved."
    if outcome.reserved_bytes > PAGE_SIZE:
        return f"Nothing is written to disk, where {size(outcome.reserved_bytes)} are reserved."
    return "Nothing is written to disk, and none is needed."


def killed_because(host: Host, measured: Measured, outcome: Outcome, group: GroupOutcome) -> str:
    """Why *group* of *outcome* ran out of memory, in one clause."""
    if group.no_slot:
        return f"{group.no_slot:,} times no slot was free for a page"
    design = table.get(outcome.design)
    numbers = {one.name: number for number, one in enumerate(host.working)}
    pages = measured.of(design)[numbers[group.name]]
    hard = pages.count(PAGE_SIZE) + pages.count(INCOMPRESSIBLE)
    has_disk = any(area.type == "full" for area in outcome.areas)
    has_zswap = bool(outcome.zswap)
    if hard and has_zswap and not has_disk:
        return f"{hard:,} pages do not compress and stay charged"
    if group.refused:
        return f"{group.refused:,} times a page was refused by all that could take it"
    if has_zswap and host.cgroup_version == 2:
        return "what is compressed stays charged, and is more than the limit"
    return "its limit is less than what it needs at once"
