# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of which a sample is known, stored once: every total with its 95 % interval.

Where no limit decides, what becomes of a page depends on that page alone, and totals are what
:mod:`.estimators` makes of the pages that were drawn. Where one does, or pages share places in
another way than in zsmalloc, the sample is drawn anew from itself, and stored again and again.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil, sqrt
from random import Random
from statistics import stdev
from typing import NamedTuple

from ghostswap.designs import metadata, table
from ghostswap.executor.processes import each
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.zpool.size_class import size_classes
from ghostswap.page import PAGE_SIZE
from ghostswap.study.host import Host
from ghostswap.study.outcome import Outcome
from ghostswap.study.samples.estimators import (
    Estimate,
    Stratum,
    count,
    objects_share,
    open_zspages,
    total,
)
from ghostswap.study.samples.scaled import (
    fill,
    is_zsmalloc,
    kernel_of,
    pools_of,
    whole,
)
from ghostswap.study.samples.totals import totals

#: Times that a sample is drawn anew, and two-sided 95 % of Student's t of one less.
_REDRAWS = 20
_T = 2.093
#: Pages of each time, at most: of more, intervals are as much narrower as they would be.
_REDRAWN = 5000
#: A number that what is rounded up does not matter in.
_MANY = 1 << 20
_POOL_BYTES = ("zswap.pool_total_size", "zram.mem_used_total", "zram.mem_used_max", "pool_bytes")
_LENGTH_BYTES = ("compressed_bytes", "zram.compr_data_size")
#: Kinds of pages, of which there may be some though none was drawn. What else was not seen does
#: not happen to pages that are stored once.
_KINDS = frozenset(
    {
        "held.zero",
        "vmstat.swpout_zero",
        "zswap.same_filled_pages",
        "zswap.stored_incompressible_pages",
        "zswap.reject_compress_fail",
        "zswap.reject_compress_poor",
        "zram.same_pages",
        "zram.huge_pages",
        "zram.huge_pages_since",
        "kept_pages",
        "resident_pages",
    }
)
#: What is negative where swap costs more than it saves.
_MAY_BE_LESS = "freed_bytes"
#: Whole pages, in bytes.
_PAGE_BYTES = ("zram.orig_data_size", "disk.written_bytes")


class Part(NamedTuple):
    """What *measured* of a stratum came to."""

    stratum: Stratum
    measured: array[int]
    outcome: Outcome


def estimate(
    host: Host,
    areas: Sequence[SwapArea],
    strata: Sequence[Stratum],
    measured: array[int],
    jobs: int | None = None,
) -> Outcome:
    """Store the memory of *host*'s one group, of which *strata* were drawn.

    :param measured: all that was, stratum after stratum.
    """
    pages = count([(stratum, stratum.kept) for stratum in strata])
    parts, is_simple = _parts(host, areas, strata, measured, pages.value)
    found = _whole(host, areas, round(pages.value), parts)
    if is_simple:
        estimates = _by_pages(host, parts, found)
    else:
        estimates = _by_redraws(host, areas, parts[0], found, jobs)
    if any(stratum.kept < stratum.drawn for stratum in strata):
        estimates["pages"] = pages
    return replace(
        found,
        drawn=_drawn(strata),
        intervals={
            name: (round(one.low if name == _MAY_BE_LESS else max(one.low, 0)), round(one.high))
            for name, one in estimates.items()
        },
    )


def middle(
    host: Host, areas: Sequence[SwapArea], strata: Sequence[Stratum], measured: array[int]
) -> Outcome:
    """The totals of :func:`estimate`, without their intervals."""
    pages = count([(stratum, stratum.kept) for stratum in strata]).value
    parts, _ = _parts(host, areas, strata, measured, pages)
    return replace(_whole(host, areas, round(pages), parts), drawn=_drawn(strata))


def _drawn(strata: Sequence[Stratum]) -> int:
    return sum(stratum.drawn for stratum in strata)


def _parts(
    host: Host,
    areas: Sequence[SwapArea],
    strata: Sequence[Stratum],
    measured: array[int],
    pages: float,
) -> tuple[list[Part], bool]:
    """What each stratum came to, and whether no limit decided; where one did, all are one part."""
    parts = []
    first = 0
    for stratum in strata:
        own = measured[first : first + stratum.kept]
        first += stratum.kept
        parts.append(Part(stratum, own, fill(host, own, areas, stratum.kept / pages)))
    is_simple = not any(_has_limits(host, part.outcome) for part in parts)
    if not is_simple and len(parts) > 1:
        parts = [_pooled(host, areas, parts, pages)]
    return parts, is_simple


def _whole(host: Host, areas: Sequence[SwapArea], pages: int, parts: Sequence[Part]) -> Outcome:
    """What all *pages* come to, with the pool that their lengths make."""
    found = whole(host, areas, pages, [(part.outcome, part.stratum.weight) for part in parts])
    if not is_zsmalloc(host) or (found.zswap and found.zram):
        return found
    classes = size_classes(rules=kernel_of(host).zsmalloc)
    shares = objects_share(classes)
    full = sum(shares[length] * number for length, number in found.histogram.items())
    size = full + open_zspages(classes, found.histogram, pools_of(host))
    limits = (found.zswap_own.get("max_pages", 0) * PAGE_SIZE, found.zram.get("mem_limit", 0))
    size = min(size, max(limits) or size)
    return _with_pool(found, ceil(size / PAGE_SIZE) * PAGE_SIZE)


def _has_limits(host: Host, outcome: Outcome) -> bool:
    """Whether more than the page itself decided what became of one, or what it takes."""
    zswap, zram = outcome.zswap, outcome.zram
    group = host.working[0]
    return bool(
        (zswap and zram)
        or not is_zsmalloc(host)
        or zswap.get("pool_limit_hit")
        or zswap.get("written_back_pages")
        or zram.get("failed_writes")
        or host.zram_writeback is not None
        or group.zswap_max is not None
        or any(one.no_slot for one in outcome.groups)
    )


def _by_pages(host: Host, parts: Sequence[Part], found: Outcome) -> dict[str, Estimate]:
    """Estimate by what becomes of each page that was drawn; *found* is the middle."""
    estimates: dict[str, Estimate] = {}
    counters = [totals(part.outcome) for part in parts]

    def counted(name: str, unit: int = 1) -> Estimate:
        pairs = zip(parts, counters, strict=True)
        return count([(part.stratum, of[name] // unit) for part, of in pairs]).times(unit)

    for name in counters[0]:
        if name not in _KINDS and not any(of[name] for of in counters):
            continue
        if name in _PAGE_BYTES:
            estimates[name] = counted(name, PAGE_SIZE)
        elif name not in (*_POOL_BYTES, *_LENGTH_BYTES, "metadata_bytes", "freed_bytes"):
            estimates[name] = counted(name)
    shares = objects_share(size_classes(rules=kernel_of(host).zsmalloc))
    full = total([(part.stratum, _values(part.outcome, shares.__getitem__)) for part in parts])
    now = totals(found)
    pool = full.around(now["pool_bytes"])
    lengths = total([(part.stratum, _values(part.outcome, float)) for part in parts])
    costs = _costs(host)
    estimates |= dict.fromkeys((name for name in _POOL_BYTES if name in now), pool)
    for name in _LENGTH_BYTES:
        if name in now:
            estimates[name] = lengths.around(now[name])
    spent = total([(part.stratum, _per_page(part.outcome, costs, None)) for part in parts])
    estimates["metadata_bytes"] = spent.around(now["metadata_bytes"])
    freed = total([(part.stratum, _per_page(part.outcome, costs, shares)) for part in parts])
    estimates["freed_bytes"] = freed.around(now["freed_bytes"])
    return estimates


def _values(outcome: Outcome, value: Callable[[int], float]) -> Counter[float]:
    """Pages in the pool by a value of their lengths."""
    found: Counter[float] = Counter()
    for length, pages in outcome.histogram.items():
        found[value(length)] += pages
    return found


def _costs(host: Host) -> dict[str, float]:
    """Bytes of metadata for a page that is out, by where it is: what depends on pages alone."""
    is_zram = table.get(host.design).is_zram

    def of(zswap: int = 0, zram: int = 0, disk: int = 0, zero: int = 0) -> float:
        places = {"zswap": zswap, "zram": zram, "disk": disk, "zero": zero}
        taken = metadata.of(host.design, host.kernel, slots=0, entries=True, **places)
        return taken.dynamic_bytes / _MANY

    return {
        "zero": of(zero=_MANY),
        "disk": of(disk=_MANY),
        "pool": of(zram=_MANY) if is_zram else of(zswap=_MANY),
        "same": of(zero=_MANY) if is_zram else of(zswap=_MANY),
    }


def _per_page(
    outcome: Outcome, costs: Mapping[str, float], shares: Sequence[float] | None
) -> Counter[float]:
    """Pages that are out, by what metadata they cost; by what they free, given their *shares*."""
    held = outcome.held
    same = held.compressed - sum(outcome.histogram.values())
    found: Counter[float] = Counter()
    for place, pages in (("zero", held.zero), ("disk", held.disk), ("same", same)):
        found[costs[place] if shares is None else PAGE_SIZE - costs[place]] += pages
    for length, pages in outcome.histogram.items():
        cost = costs["pool"]
        found[cost if shares is None else PAGE_SIZE - cost - shares[length]] += pages
    return found


def _with_pool(outcome: Outcome, size: int) -> Outcome:
    zswap, zram = outcome.zswap, outcome.zram
    if "pool_total_size" in zswap:
        zswap = {**zswap, "pool_total_size": size}
    if zram:
        zram = {**zram, "mem_used_total": size, "mem_used_max": size}
    return replace(outcome, zswap=zswap, zram=zram)


def _pooled(host: Host, areas: Sequence[SwapArea], parts: Sequence[Part], pages: float) -> Part:
    """One part of all, in which each page has the same weight: of some strata not all are kept."""
    weight = max(part.stratum.weight for part in parts)
    measured = array("H")
    for part in parts:
        kept = part.stratum.kept
        number = round(kept * part.stratum.weight / weight)
        measured.extend(part.measured[at * kept // number] for at in range(number))
    outcome = fill(host, measured, areas, len(measured) / pages)
    return Part(Stratum(round(pages), len(measured), len(measured)), measured, outcome)


def _by_redraws(
    host: Host, areas: Sequence[SwapArea], part: Part, found: Outcome, jobs: int | None
) -> dict[str, Estimate]:
    """Estimate by what other samples would come to, as far as this one tells of them."""
    kept = part.stratum.kept
    number = min(kept, _REDRAWN)
    stratum = Stratum(found.pages, number, number)

    def redraw(seed: int) -> dict[str, int]:
        rng = Random(f"redraw {host.seed} {seed}")
        chosen = sorted(rng.choices(range(kept), k=number))  # what leaves first stays in front
        measured = array("H", map(part.measured.__getitem__, chosen))
        outcome = fill(host, measured, areas, number / found.pages)
        return totals(_whole(host, areas, found.pages, [Part(stratum, measured, outcome)]))

    runs = list(each(redraw, range(_REDRAWS), jobs or len(os.sched_getaffinity(0))))
    scale = _T * sqrt(number / kept * max(0, 1 - kept / found.pages))
    estimates = {}
    for name, value in totals(found).items():
        half = scale * stdev(run[name] for run in runs)
        estimates[name] = Estimate(value, value - half, value + half)
    return estimates
