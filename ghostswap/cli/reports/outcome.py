# SPDX-License-Identifier: GPL-2.0-or-later
"""An outcome for a person: the answer first, then tables, then whatever is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise

from ghostswap.cli.reports.answer import answer, killed_because
from ghostswap.cli.reports.outcome_json import histogram
from ghostswap.cli.reports.proc import meminfo, swaps
from ghostswap.cli.reports.result import InPool, Result, pools, ranged, sample_words, timing
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import note
from ghostswap.designs import table
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Source
from ghostswap.study.host import Host
from ghostswap.study.memory import Measured
from ghostswap.study.outcome import Band, GroupOutcome, Outcome, Recompression

#: Writes a number of bytes.
Size = Callable[[int], str]
#: Title by where pages came back from.
_CAME_FROM = {
    "zero": "from zeromap",
    "zswap": "from zswap",
    "zram": "from zram",
    "disk": "from disk",
}
_BAR = 40
#: Which page a kernel takes is not decided by its rules alone.
ALL_FITTED = (
    "all fitted, so no page had to leave;"
    " a lower --limit, or memory_max in a scenario, would show what swap does"
)
_POLICIES = {
    "two-lists": "the two lists",
    "mglru": "MGLRU",
    "lru": "exact LRU, which no kernel has",
}
_SAID_BY = {
    "given": "",
    "here": ", which the running kernel goes by (/sys/kernel/mm/lru_gen/enabled)",
    "release": ", which Linux {} goes by as Debian builds it; --reclaim sets another",
}
_CHARGED = {
    1: "version 1: compressed bytes count against no limit",
    2: "version 2: compressed bytes in zswap count against the limit, those in zram do not",
}


def print_result(
    result: Result, size: Size, *, verbose: bool = False, with_proc: bool = False
) -> None:
    """Print *result*.

    :param verbose: also counters that are zero, the histogram, limits of the model.
    :param with_proc: also what /proc/swaps and /proc/meminfo would show of swap.
    """
    outcome = result.outcome
    for line in answer(result, size):
        show.paragraph(line)
    show.heading(title(result, size))
    show.table(("where to", "pages", "share", "costs"), _places(result, size), right=_NUMBERS)
    show.facts(_facts(result, size))
    if result.is_replay:
        columns, rows = _groups(outcome.groups)
        show.table(columns, rows, right=columns[1:])
    _print_counters(outcome, verbose=verbose)
    if verbose:
        _print_more(result, size)
    if result.classes is not None:
        show.heading("zsmalloc/classes")
        show.lines(result.classes.lines())
    if with_proc:
        show.heading("/proc/swaps")
        show.lines(swaps(outcome).split("\n"))
        show.heading("/proc/meminfo")
        show.lines(meminfo(outcome).split("\n"))
    for source in result.measured.sources.values():
        print_skipped(source)
    if result.is_replay and outcome.resident_pages == outcome.pages:
        note(ALL_FITTED)


def title(result: Result, size: Size) -> str:
    """What went through what, in a line."""
    outcome = result.outcome
    names = ", ".join(source.name for source in result.measured.sources.values())
    who = outcome.design if result.zpool is None else f"{outcome.design} with {_with(result)}"
    pages = ranged(outcome, "pages", outcome.pages)
    return (
        f"{names}: {pages} pages, {size(outcome.pages * PAGE_SIZE)},"
        f" through {who} on Linux {outcome.kernel}"
    )


def _with(result: Result) -> str:
    return f"{result.host.compressor} and {result.zpool}"


_NUMBERS = ("pages", "share", "costs")
#: By who holds them, the totals of pages that are a word, and of those that did not compress.
_WORDS = {
    "zswap": ("zswap.same_filled_pages", "zswap.stored_incompressible_pages"),
    "zram": ("zram.same_pages", "zram.huge_pages"),
}


def _places(result: Result, size: Size) -> list[tuple[str, str, str, str]]:
    outcome, held = result.outcome, result.outcome.held
    given_up = sum(group.pages - group.resident_pages for group in outcome.groups if group.killed)
    written = ranged(outcome, "disk.written_bytes", outcome.written_bytes, size)
    kept = outcome.kept_pages if outcome.resident_pages else 0
    places = [
        (
            "memory",
            outcome.resident_pages,
            "resident_pages",
            size(outcome.resident_pages * PAGE_SIZE),
        ),
        ("  of them could not leave", kept, "kept_pages", ""),
        ("zero pages (zeromap)", held.zero, "held.zero", "no memory"),
        *(row for pool in pools(outcome) for row in _in_pool(pool, result, size)),
        ("disk", held.disk, "held.disk", f"{written} written"),
        ("given up by who was killed", given_up, "", ""),
    ]
    return [
        (what, ranged(outcome, name, pages), percent(pages, outcome.pages), cost)
        for what, pages, name, cost in places
        if pages
    ]


def _in_pool(pool: InPool, result: Result, size: Size) -> Iterator[tuple[str, int, str, str]]:
    """What is compressed; where nothing came back, also how."""
    who = pool.who
    taken = f"{ranged(result.outcome, 'pool_bytes', pool.bytes, size)} pool"
    if result.is_replay:
        yield f"{who}, compressed", pool.pages, "", taken
        return
    same, as_is = _WORDS[who]
    yield f"{who}, same-filled", pool.same, same, "no pool"
    yield f"{who}, compressed", pool.pages - pool.same - pool.as_is, "held.compressed", taken
    yield f"{who}, kept as they are", pool.as_is, as_is, "in the pool"


def _facts(result: Result, size: Size) -> list[tuple[str, str]]:
    outcome = result.outcome
    design = table.get(outcome.design)
    rows = [("design", f"{design.description}; {design.status}")]
    rows += limit_facts(result.host, size)
    if result.is_replay:
        rows.append(reclaim_fact(result.host))
    rows.append(("memory freed", _freed(outcome, size)))
    rows.append(("metadata", _metadata(outcome, size)))
    stored = outcome.held.compressed * PAGE_SIZE
    if outcome.pool_bytes and stored and not result.is_replay:
        fine = ""
        if outcome.compressed_bytes:
            fine = f"; {stored / outcome.compressed_bytes:.2f} by compressed bytes alone"
        rows.append(("ratio", f"{stored / outcome.pool_bytes:.2f} (stored pages / pool{fine})"))
    for area, slots in zip(outcome.areas, outcome.slots, strict=True):
        lie = f"; {slots.used} clusters, {slots.seeks} seeks" if slots is not None else ""
        slots_used = "slots_at_swap_out" if len(outcome.areas) == 1 else ""
        used = f"{ranged(outcome, slots_used, area.inuse_pages)} of {area.pages} slots used"
        disk = f", {size(area.reserved_bytes)} of disk reserved" if area.reserved_bytes else ""
        rows.append((f"{area.type} area", f"{area.path}: {used}{disk}{lie}"))
    for name, use in outcome.tiers.items():
        refused = f"refused {use.masked} times by mask, {use.full} times full"
        rows.append((f"tier {name}", f"{use.inuse_pages} slots used, {refused}"))
    if outcome.recompression is not None:
        rows.append(("recompression", _recompression(outcome.recompression, result, size)))
    if outcome.folios is not None:
        counts = asdict(outcome.folios).items()
        rows.append(("folios", ", ".join(f"{count} {name}" for name, count in counts)))
    for group in outcome.groups:
        if group.killed:
            why = killed_because(result.host, result.measured, outcome, group)
            rows.append(("out of memory", f"{group.name}: killed, as the kernel would: {why}"))
    rows.append(lengths_fact(result.measured.error, is_sample=result.measured.is_sample))
    if result.verified is not None:
        verified = result.verified
        loads = f"{verified.loads} pages decompressed and {verified.disk_reads} read from disk"
        rows.append(("verified", f"{loads}, all as they were"))
    reasons = outcome.why
    if result.is_replay:
        reasons = timing(result.host, with_band=bool(outcome.band))
    rows += (("not repeatable", f"estimate: {why}") for why in reasons)
    return rows


def _recompression(done: Recompression, result: Result, size: Size) -> str:
    tried = ", ".join(f"{pages} compressed by {name}" for name, pages in done.compressed.items())
    return (
        f"{done.decompressed} pages decompressed by {result.host.compressor}, {tried},"
        f" {done.smaller} smaller then; the pool was {size(done.pool_bytes)}"
    )


def _freed(outcome: Outcome, size: Size) -> str:
    freed, whole = outcome.freed_bytes, outcome.pages * PAGE_SIZE
    if freed < 0:
        return f"none: it costs {size(-freed)} more than it saves (pool and metadata)"
    words = ranged(outcome, "freed_bytes", freed, size)
    return f"{words}, {percent(freed, whole)} (net of pool and metadata)"


def _metadata(outcome: Outcome, size: Size) -> str:
    meta, tables = outcome.metadata, outcome.allocated_bytes
    whole = f"; {size(tables)} with tables by the cluster" if tables is not None else ""
    total = ranged(outcome, "metadata_bytes", meta.total_bytes, size)
    return (
        f"{total}: {size(meta.static_bytes)} static,"
        f" {size(meta.dynamic_bytes)} as it is used{whole} (estimate, by structure sizes)"
    )


def limit_facts(host: Host, size: Size) -> list[tuple[str, str]]:
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
    return [("limits", "; ".join(found)), ("cgroups", _CHARGED[host.cgroup_version])]


def reclaim_fact(host: Host) -> tuple[str, str]:
    """Who chooses the pages that leave, and who says so."""
    return "reclaim", f"{_POLICIES[host.policy]}{_SAID_BY[host.policy_from].format(host.kernel)}"


def host_facts(host: Host, measured: Measured) -> list[tuple[str, str]]:
    """How far figures of a replay on *host* are the kernel's."""
    return [
        reclaim_fact(host),
        *lengths_facts(host, measured),
        *(("not repeatable", f"estimate: {reason}") for reason in timing(host)),
    ]


def lengths_facts(host: Host, measured: Measured) -> list[tuple[str, str]]:
    """Whether lengths are the kernel's, and of what pages."""
    sample = (("sample", f"estimate: {words}") for words in sample_words(measured, host))
    return [lengths_fact(measured.error, is_sample=measured.is_sample), *sample]


def lengths_fact(error: str, *, is_sample: bool = False) -> tuple[str, str]:
    """Whether lengths are the kernel's."""
    same = "the kernel's, of the pages that were drawn" if is_sample else "the kernel's, exactly"
    return "lengths", f"estimate: {error}" if error else same


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0.0 %"


def print_skipped(source: Source) -> None:
    """Say what was not read, and why."""
    for line in source.account.words():
        note(line)


# Counters, groups, and what is printed on request


def _with_band(band: Band, name: str, value: int) -> str:
    if name not in band:
        return str(value)
    least, most = band[name]
    return f"{value} ({least} to {most})"


def _print_counters(outcome: Outcome, *, verbose: bool) -> None:
    counters = {**outcome.zswap, **outcome.zram, **outcome.vmstat}
    by_name = {name.rpartition(".")[2]: found for name, found in outcome.intervals.items()}
    band = {**by_name, **outcome.band}
    shown = {name: _with_band(band, name, count) for name, count in counters.items()}
    if verbose:
        show.heading("counters")
        show.facts((f"  {name}", text) for name, text in shown.items())
        return
    some = [f"{name} {text}" for name, text in shown.items() if counters[name]]
    if some:
        show.facts([("counters", ", ".join(some))])


def _print_more(result: Result, size: Size) -> None:
    outcome = result.outcome
    if outcome.zswap_own:
        show.heading("zswap's limits, and what no kernel counts")
        show.facts((f"  {name}", str(count)) for name, count in outcome.zswap_own.items())
    if over_time := _timeline(outcome, size):
        show.heading("over time, from the first touch to the last")
        show.facts(over_time)
    lengths = result.lengths()
    if lengths:
        what = "memory" if result.is_replay else "the pages that were stored"
        show.heading(f"compressed length of {what}")
        _print_histogram(lengths)


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


def _timeline(outcome: Outcome, size: Size) -> list[tuple[str, str]]:
    samples = outcome.timeline
    if len(samples) < 2:
        return []
    faults = [b.pgmajfault - a.pgmajfault for a, b in pairwise(samples)]
    pool = [sample.pool_pages for sample in samples[1:]]  # at the end of each step
    disk = [sample.disk_pages for sample in samples[1:]]
    rows = []
    if any(faults):
        rows.append(("  major faults", f"{show.spark(faults)} at most {max(faults)} a step"))
    if any(pool):
        rows.append(("  pool", f"{show.spark(pool)} at most {size(max(pool) * PAGE_SIZE)}"))
    if any(disk):
        rows.append(("  disk slots", f"{show.spark(disk)} at most {max(disk)}"))
    return rows


def _print_histogram(lengths: Mapping[int, int]) -> None:
    bins = histogram(lengths)
    most = max(row["pages"] for row in bins)
    width = min(_BAR, max(show.console().width - 24, 8))
    rows: Iterable[tuple[str, str]] = (
        (f"  {row['from']:4}", f"{'█' * round(width * row['pages'] / most)} {row['pages']}".strip())
        for row in bins
    )
    show.facts(rows)
