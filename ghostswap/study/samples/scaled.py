# SPDX-License-Identifier: GPL-2.0-or-later
"""A part of a host's memory on a host as much smaller, and what that comes to on the whole."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import accumulate
from math import ceil

from ghostswap import kernels
from ghostswap.codecs.views import for_zswap
from ghostswap.designs import table
from ghostswap.designs.metadata import Metadata
from ghostswap.designs.transfer import Held
from ghostswap.kernels.rules import Kernel
from ghostswap.mm.swap.swap_info import SwapArea, SwapInfo, TierUse
from ghostswap.mm.zpool.size_class import Filling, size_classes
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.page import PAGE_SIZE, SAME, ZEROS
from ghostswap.study.fill import Fill
from ghostswap.study.host import Host
from ghostswap.study.outcome import GroupOutcome, Outcome
from ghostswap.study.samples.estimators import objects_share, open_zspages
from ghostswap.study.samples.totals import SETTINGS


def kernel_of(host: Host) -> Kernel:
    """The kernel whose rules the design of *host* follows."""
    return table.get(host.design).kernel(kernels.get(host.kernel))


def pools_of(host: Host) -> int:
    """Over how many pools zswap spreads its objects; 1 for zram."""
    return 1 if table.get(host.design).is_zram else kernel_of(host).zswap.nr_zpools


def fill(host: Host, measured: array[int], areas: Sequence[SwapArea], part: float) -> Outcome:
    """Store *measured*, a *part* of the memory of *host*, where all limits are as much lower."""
    smaller, less = _smaller(host, measured, areas, part), _smaller_areas(areas, part)
    outcome = _store(smaller, measured, less)
    if outcome.zram.get("failed_writes"):
        # zram goes on as long as a zspage has room. In the end a large one has none, a small one
        # still has some: once more, with so much in addition.
        shares = objects_share(size_classes(rules=kernel_of(host).zsmalloc))
        taken = sum(shares[length] * pages for length, pages in outcome.histogram.items())
        limit = smaller.zram_mem_limit + max(0, round(host.zram_mem_limit * part - taken))
        outcome = _store(replace(smaller, zram_mem_limit=limit), measured, less)
    return outcome


def _store(host: Host, measured: array[int], areas: Sequence[SwapArea]) -> Outcome:
    run = Fill(host, [measured], areas)
    run.run()
    return run.outcome()


def _smaller(host: Host, measured: array[int], areas: Sequence[SwapArea], part: float) -> Host:
    def less(limit: int) -> int:
        return max(1, round(limit * part)) if limit else 0

    def less_or_none(limit: int | None) -> int | None:
        return None if limit is None else less(limit)

    def less_slots(size: int | None) -> int | None:
        return size and (less(size // PAGE_SIZE - 1) + 1) * PAGE_SIZE

    return replace(
        host,
        ram=_less_ram(host, measured, areas, part),
        size=less_slots(host.size),
        zram_disksize=less_slots(host.zram_disksize),
        zram_mem_limit=less(host.zram_mem_limit),
        zram_backing_dev=less(host.zram_backing_dev),
        zram_writeback_limit=less_or_none(host.zram_writeback_limit),
        one_zpool=True,  # as full as each of many is
        groups=tuple(
            replace(
                group,
                swap_max=less_or_none(group.swap_max),
                zswap_max=less_or_none(group.zswap_max),
            )
            for group in host.groups
        ),
    )


def _less_ram(host: Host, measured: array[int], areas: Sequence[SwapArea], part: float) -> int:
    """Memory of which zswap's pool may take so much that it takes a *part* of all the pages.

    That is more than a part of the whole pool, for there is room in as many zspages of a small
    one as of a large one.
    """
    pages = host.ram * part / PAGE_SIZE
    zswap = Fill(host, [array("H", [ZEROS])], areas).parts.zswap
    if zswap is not None and host.max_pool_percent and is_zsmalloc(host):
        classes = size_classes(rules=kernel_of(host).zsmalloc)
        measures = Counter(measured)
        length_of = _object_lengths(host, zswap, measures)
        objects = _objects(length_of, measures)
        whole = {length: number / part for length, number in objects.items()}
        room = open_zspages(classes, whole, pools_of(host))
        budget = part * max(0, zswap.max_pages * PAGE_SIZE - room)
        share = objects_share(classes)
        # Nor is a limit met here that the whole one is far from.
        spare = len(classes) * objects.total()
        if sum(share[length] * number for length, number in objects.items()) > budget:
            of_page = {measure: share[length] for measure, length in length_of.items()}
            taken = list(accumulate(of_page.get(measure, 0.0) for measure in measured))
            objects = _objects(length_of, Counter(measured[: bisect_right(taken, budget)]))
            spare = 0
        filling = Filling(classes)
        pages = (filling.pages_after(objects) + spare + 1) * 100 / host.max_pool_percent
    return ceil(pages) * PAGE_SIZE


def _object_lengths(host: Host, zswap: Zswap, measures: Iterable[int]) -> dict[int, int]:
    """By measure, the length of a page's object; none for what has none in *zswap*."""
    views = for_zswap(kernel_of(host), array("H", measures))
    return {
        measure: min(length, PAGE_SIZE)
        for measure, length in zip(measures, views, strict=True)
        if length not in (ZEROS, SAME) and (length < PAGE_SIZE or zswap.takes(length))
    }


def _objects(length_of: Mapping[int, int], measures: Mapping[int, int]) -> Counter[int]:
    """How many objects of each length are of so many pages by measure."""
    objects: Counter[int] = Counter()
    for measure in length_of.keys() & measures:
        objects[length_of[measure]] += measures[measure]
    return objects


def is_zsmalloc(host: Host) -> bool:
    """Whether what is compressed is in pools of zsmalloc."""
    zpool = host.zpool or kernel_of(host).zswap.zpools[0]
    return table.get(host.design).is_zram or zpool == "zsmalloc"


def _smaller_areas(areas: Sequence[SwapArea], part: float) -> list[SwapArea]:
    return [
        area
        if area.pages is None
        else area._replace(
            pages=max(1, round(area.pages * part)),
            badpages=(),
        )
        for area in areas
    ]


def whole(
    host: Host, areas: Sequence[SwapArea], pages: int, runs: Sequence[tuple[Outcome, float]]
) -> Outcome:
    """What all *pages* of *host* come to.

    :param areas: those of *host*.
    :param runs: what each part came to, and the weight of its pages.
    """
    first = runs[0][0]

    def total(value: Callable[[Outcome], float]) -> int:
        return round(sum(weight * value(outcome) for outcome, weight in runs))

    def counters(of: Callable[[Outcome], Mapping[str, int]]) -> dict[str, int]:
        return {
            name: of(settings)[name]
            if name in SETTINGS
            else round(sum(weight * of(outcome)[name] for outcome, weight in runs))
            for name in of(first)
        }

    design = table.get(host.design)
    settings = _store(host, array("H", [ZEROS]), areas)
    is_open = host.size is None and (host.zram_disksize is None or not design.is_zram)

    def area(number: int, info: SwapInfo) -> SwapInfo:
        slots = info.pages
        if info.path == design.device:
            slots = total(lambda one: one.areas[number].pages or 0)
        elif next((own.pages is None for own in areas if own.path == info.path), is_open):
            slots = pages  # as large as need be
        writes = total(lambda one: one.areas[number].writes)
        return SwapInfo(
            info.path,
            info.type,
            slots,
            info.prio,
            info.seeks,
            info.blkdev,
            info.tier_mask,
            # A small area that is full stands for a little more than there is.
            inuse_pages=min(total(lambda one: one.areas[number].inuse_pages), slots or pages),
            writes=writes,
            written_pages=writes,  # in a fill a page is written once
        )

    def tier(name: str) -> TierUse:
        return TierUse(**counters(lambda one: asdict(one.tiers[name])))

    infos = tuple(area(number, info) for number, info in enumerate(settings.areas))
    files = (info for info in infos if info.path != design.device)
    written = total(lambda one: one.written_bytes // PAGE_SIZE) * PAGE_SIZE
    reserved = sum(info.reserved_bytes for info in files) + host.zram_backing_dev
    return replace(
        first,
        pages=pages,
        resident_pages=total(lambda one: one.resident_pages),
        kept_pages=total(lambda one: one.kept_pages),
        zswap=counters(lambda one: one.zswap),
        zswap_own=counters(lambda one: one.zswap_own),
        zram=counters(lambda one: one.zram),
        vmstat=counters(lambda one: one.vmstat),
        areas=infos,
        groups=(_whole_group(pages, total, first.groups[0]),),
        compressed_bytes=total(lambda one: one.compressed_bytes),
        metadata=Metadata(
            total(lambda one: one.metadata.static_bytes),
            total(lambda one: one.metadata.dynamic_bytes),
        ),
        allocated_bytes=None,
        reserved_bytes=reserved,
        written_bytes=written,
        never_written_bytes=reserved - written,
        slots_at_swap_out=total(lambda one: one.slots_at_swap_out),
        slots_at_writeback=total(lambda one: one.slots_at_writeback),
        tiers={name: tier(name) for name in first.tiers},
        held=Held(**counters(lambda one: one.held._asdict())),
        histogram=dict(sorted(_histogram(runs).items())),
    )


def _histogram(runs: Sequence[tuple[Outcome, float]]) -> dict[int, int]:
    found: Counter[int] = Counter()
    for outcome, weight in runs:
        found.update({length: round(weight * n) for length, n in outcome.histogram.items()})
    return found


#: Adds up a value over all parts, weighted.
_Total = Callable[[Callable[[Outcome], float]], int]


def _whole_group(pages: int, total: _Total, first: GroupOutcome) -> GroupOutcome:
    def of(name: str) -> int:
        return total(lambda one: getattr(one.groups[0], name))

    return first._replace(
        pages=pages,
        resident_pages=of("resident_pages"),
        swap_outs=of("swap_outs"),
        refused=of("refused"),
        no_slot=of("no_slot"),
        swap_current=of("swap_current"),
        zswap_current=of("zswap_current"),
        zswap_incomp=None if first.zswap_incomp is None else of("zswap_incomp"),
    )
