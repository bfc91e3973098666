# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine's parts read into an outcome: where pages are, what moved, what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from ghostswap.designs import metadata
from ghostswap.designs.backend import Backend
from ghostswap.designs.build import Parts
from ghostswap.designs.folios import Folios
from ghostswap.designs.metadata import Metadata
from ghostswap.designs.transfer import Held
from ghostswap.mm.memcontrol import Member
from ghostswap.mm.swap.swap_info import SwapInfo, TierUse
from ghostswap.mm.vmscan.lruvec import Events
from ghostswap.mm.vmscan.pageout import DISK, Origin
from ghostswap.page import PAGE_SIZE
from ghostswap.study.machine import Machine
from ghostswap.study.outcome import GroupOutcome, Outcome, Sample


def outcome(
    machine: Machine,
    parts: Parts,
    is_mapped: bytearray,
    groups: tuple[GroupOutcome, ...],
    *,
    timeline: tuple[Sample, ...] = (),
    folios: Folios | None = None,
    drawn: int | None = None,
) -> Outcome:
    """What *parts* of *machine* came to.

    :param is_mapped: by page, not 0 where it is in memory.
    :param folios: where pages left in folios.
    :param drawn: pages of a sample, where others are as these.
    """
    backend, zswap, zram, areas = parts.backend, parts.zswap, parts.zram, parts.swap.areas
    held = backend.held(is_mapped)
    disk_areas = [area for area in areas if area.type == "full"]
    # A backing device that nobody gave a size is as large as what is written to it.
    written_back = 0 if zram is None else zram.bd_stat.bd_writes * PAGE_SIZE
    backing = 0 if zram is None else machine.host.zram_backing_dev or written_back
    files = (area for area in areas if area.path != machine.design.device)
    ever_written = sum(area.written_pages for area in disk_areas) * PAGE_SIZE + written_back
    slots = parts.swap.slots()
    is_known = not machine.design.is_virtual and None not in slots
    clusters = sum(stat.used for stat in slots if stat)
    stored = 0 if zswap is None else sum(memcg.zswap_bytes for memcg in zswap.cgroups)
    return Outcome(
        design=machine.design.name,
        kernel=machine.kernel.name,
        pages=machine.pages,
        touches=sum(group.touches for group in groups),
        resident_pages=sum(group.resident_pages for group in groups),
        kept_pages=backend.kept_pages,
        zswap=zswap.debugfs() if zswap is not None else {},
        zswap_own=zswap.own() if zswap is not None else {},
        zram=zram.stat() if zram is not None else {},
        vmstat=_vmstat(machine, parts, groups),
        areas=areas,
        groups=groups,
        compressed_bytes=stored if zram is None else stored + zram.mm_stat.compr_data_size,
        metadata=_metadata(machine, parts, held),
        allocated_bytes=_metadata(machine, parts, held, clusters).total_bytes if is_known else None,
        reserved_bytes=sum(area.reserved_bytes for area in files) + backing,
        written_bytes=sum(area.writes for area in disk_areas) * PAGE_SIZE + written_back,
        never_written_bytes=(
            sum(area.reserved_bytes for area in disk_areas) + backing - ever_written
        ),
        slots_at_swap_out=backend.slots_at_swap_out,
        slots_at_writeback=backend.slots_at_writeback,
        slots=slots,
        tiers=_tiers(parts),
        vma_readahead=not any(area.seeks for area in areas),
        held=held,
        histogram=dict(sorted(backend.stored.items())),
        folios=folios,
        fresh_statistics=not machine.timing.flush_every,
        timeline=timeline,
        drawn=drawn,
    )


def group(
    machine: Machine,
    backend: Backend,
    number: int,
    *,
    resident_pages: int,
    touches: int = 0,
    killed: bool = False,
    events: Mapping[str, int] | None = None,
) -> GroupOutcome:
    """What group *number* of those that have memory came to."""
    member = machine.members[number]
    ins = backend.swap_ins[number]
    return GroupOutcome(
        name=machine.host.working[number].name,
        pages=member.pages,
        touches=touches,
        resident_pages=resident_pages,
        swap_ins={origin.name.lower(): ins[origin] for origin in Origin},
        swap_outs=backend.swap_outs[number],
        refused=backend.refused[number],
        no_slot=backend.no_slot[number],
        killed=killed,
        swap_current=member.cgroup.swap_pages * PAGE_SIZE,
        zswap_current=member.cgroup.zswap_bytes,
        zswap_incomp=_zswap_incomp(machine, member),
        events=dict(events or {}),
    )


def events(counted: Events) -> dict[str, int]:
    """The counters of ``memory.stat``."""
    return asdict(counted)


def disk_pages(backend: Backend, is_mapped: bytearray) -> Iterator[int]:
    """The pages that are on disk, by number."""
    return (
        page
        for page, mapped in enumerate(is_mapped)
        if not mapped and backend.origin_of(page) is DISK
    )


def _metadata(machine: Machine, parts: Parts, held: Held, clusters: int | None = None) -> Metadata:
    """What the design takes; with the areas below zram, which are as any.

    :param clusters: with a slot taken, where their tables are to count whole.
    """
    areas, kernel = parts.swap.areas, machine.kernel.name
    own = [area for area in areas if not machine.design.is_zram or area.type == "zram"]
    used = sum(area.inuse_pages for area in areas)
    in_zram = same = 0
    if parts.zram is not None:
        in_zram = parts.zram.mm_stat.orig_data_size // PAGE_SIZE - parts.zram.bd_stat.bd_count
        same = parts.zram.mm_stat.same_pages  # which have no handle
    in_pools = held.compressed - same
    taken = metadata.of(
        machine.design.name,
        kernel,
        slots=_slots(own),
        zswap=held.compressed - in_zram,
        zram=in_zram - same,
        disk=held.disk,
        zero=max(held.zero, used - in_pools - held.disk),
        clusters=clusters,
        entries=True,
    )
    below = metadata.of("classic", kernel, slots=_slots([a for a in areas if a not in own]))
    return Metadata(taken.static_bytes + below.static_bytes, taken.dynamic_bytes)


def _zswap_incomp(machine: Machine, member: Member) -> int | None:
    kernel = machine.design.kernel(machine.kernel)
    counts = kernel.zswap.counts_incompressible
    return member.cgroup.zswap_incomp * PAGE_SIZE if counts else None


def _slots(areas: list[SwapInfo]) -> int:
    return sum(area.pages or 0 for area in areas)


def _tiers(parts: Parts) -> dict[str, TierUse]:
    uses = parts.swap.tiers()
    return {tier.name: uses.get(tier.mask, TierUse()) for tier in parts.tiers.active}


def _vmstat(machine: Machine, parts: Parts, groups: tuple[GroupOutcome, ...]) -> dict[str, int]:
    found = asdict(parts.backend.vmstat)
    if parts.zswap is not None:
        counters = parts.zswap.counters
        found |= {
            "zswpin": counters.zswpin,
            "zswpout": counters.zswpout,
            "zswpwb": counters.written_back_pages,
        }
    vmstat = {name: found.get(name, 0) for name in machine.kernel.vmstat}
    for one in groups:
        for name, count in one.events.items():
            vmstat[name] = vmstat.get(name, 0) + count
    return vmstat
