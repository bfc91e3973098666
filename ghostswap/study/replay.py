# SPDX-License-Identifier: GPL-2.0-or-later
"""A host at work: every group writes its memory once, then touches are replayed under limits."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import compress

from ghostswap import kernels
from ghostswap.designs import metadata
from ghostswap.designs import table as designs
from ghostswap.designs.metadata import Metadata
from ghostswap.designs.table import Parameters
from ghostswap.designs.transfer import Held
from ghostswap.designs.virtual import VirtualSwap
from ghostswap.kernels import Reclaim
from ghostswap.kernels.reclaim import RULES
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.in_order import ALL_TIERS, SwapInfo, TierUse
from ghostswap.mm.swap.tiers import Tiers, effective_mask
from ghostswap.mm.vmscan import memory as vmscan
from ghostswap.mm.vmscan.pageout import Origin
from ghostswap.mm.vmscan.shrinker import Shrinker
from ghostswap.pages.source import PAGE_SIZE
from ghostswap.pages.touches import Touches
from ghostswap.study.host import Group, Host
from ghostswap.study.outcome import GroupOutcome, Outcome, Sample
from ghostswap.study.redraw import Redraw
from ghostswap.study.timing import Timing, timings

#: Steps of a timeline that are whole; one may follow that is not.
_SAMPLES = 60
_COMPRESSED = (Origin.ZSWAP, Origin.ZRAM)


class Replay:
    """*host* with its groups' memory *measured*, ready to run.

    :param measured: of each group that has a source, in the order of ``host.groups``; see
        :mod:`ghostswap.codecs.lengths`.
    :param areas: those of *host*, opened; none for what the design imagines.
    :param design: in place of the host's.
    :param timing: by default the first of :func:`timings`.
    """

    def __init__(
        self,
        host: Host,
        measured: Sequence[array[int]],
        areas: Sequence[SwapInfo],
        design: str | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._host = host
        self._design = design or host.design
        self._kernel = kernels.get(host.kernel)
        self._cgroups = cgroups(host)
        rules = RULES[self._kernel.name]
        kernel_pages = rules.kernel_pages if host.kernel_pages is None else host.kernel_pages
        timing = timing or timings(host)[0]
        self._working = [group for group in host.groups if group.source is not None]
        whole = array("H")
        self._members: list[vmscan.Group] = []
        self._redraws: list[Callable[[int], int] | None] = []
        for group, lengths in zip(self._working, measured, strict=True):
            first = len(whole)
            self._members.append(vmscan.Group(self._cgroups[group.name], first, len(lengths)))
            if group.limit_frames is not None:
                taken = kernel_pages + -(-len(lengths) // vmscan.PTRS_PER_PTE)
                self._cgroups[group.name].memory_max = (group.limit_frames + taken) * PAGE_SIZE
            whole.extend(lengths)
            self._redraws.append(_redraw(group, lengths, first, host.seed))
        parameters = Parameters(
            host.ram,
            host.max_pool_percent,
            host.accept_threshold_percent,
            host.zpool,
            host.size,
            host.zram_disksize,
            host.zram_mem_limit,
            host.zram_backing_dev > 0,
            host.tiers,
            host.cpus,
        )
        charged = [member.cgroup for member in self._members]
        self._parts = designs.build(
            self._design, self._kernel, whole, areas, charged, parameters, self._redraws, host.seed
        )
        set_tiers(host.groups, self._cgroups, self._parts.tiers)
        self._memory = vmscan.Memory(
            self._kernel.name,
            self._members,
            self._parts.swapping,
            policy=host.policy,
            cgroup_version=host.cgroup_version,
            kernel_pages=kernel_pages,
            flush_every=timing.flush_every,
            has_swap=self._parts.swapping.has_room,
            charges_slots=self._parts.swapping.charges_slots,
            on_kill=self._forget,
            one_cpu=timing.one_cpu,
            # Where all fits, nobody has to look.
            ram=host.ram if len(whole) * PAGE_SIZE > host.ram else None,
            others=self._pool_pages,
            shrink_slab=self._make_shrinkers() if host.shrinker_enabled else None,
        )
        self._parts.swapping.resident = self._memory.is_mapped
        self._parts.swapping.on_writeback = self._memory.write_back
        self._is_fresh = not timing.flush_every
        self._touches = [0] * len(self._members)
        self._timeline: list[Sample] = []

    @property
    def is_killed_by_chance(self) -> bool:
        """Whether a group was killed that might live where reclaim knew how things stand."""
        return any(self._memory.killed) and not self._is_fresh

    def run(self, chunks: Iterable[Touches], touches: int | None) -> Iterator[int]:
        """Fill all memory, then replay *chunks*; yield how many touches each step took.

        :param touches: how many there will be, where that is known.
        """
        for number in range(len(self._members)):
            self._memory.fill(number)
        self._sample()
        step = max(1, -(-(touches or 0) // _SAMPLES))
        passed = 0  # touches, those of the killed included
        for chunk in chunks:
            first = self._members[chunk.group].first
            end = 0
            while end < len(chunk.pages):
                due = len(self._timeline) * step
                start, end = end, end + due - passed
                pages = chunk.pages[start:end]
                passed += len(pages)
                writes = None if chunk.writes is None else chunk.writes[start:end]
                if first:
                    pages = array("I", [page + first for page in pages])
                if writes is not None and self._redraws[chunk.group] is not None:
                    for page in compress(pages, writes):
                        self._parts.swapping.changed[page] = 1
                if not self._memory.killed[chunk.group]:
                    self._memory.touch(chunk.group, pages, writes)
                    self._touches[chunk.group] += len(pages)
                if passed == due:
                    if len(self._timeline) > _SAMPLES:  # nobody knew of so many touches
                        del self._timeline[1::2]
                        step *= 2
                    else:
                        self._sample()
                yield len(pages)
        if passed > (len(self._timeline) - 1) * step:
            self._sample()

    def _pool_pages(self) -> int:
        """Pages of memory that compressed pages take."""
        zswap, zram = self._parts.zswap, self._parts.zram
        if zswap is not None:
            return zswap.pool_pages
        return zram.mm_stat.mem_used_total // PAGE_SIZE if zram is not None else 0

    def _make_shrinkers(self) -> Callable[[int, int], None] | None:
        """zswap's shrinker for each group; what reclaim calls it with is a group and a priority."""
        zswap = self._parts.zswap
        if zswap is None or zswap.kernel.reclaim is not Reclaim.MEMCG_LRU:
            return None
        shrinkers = [
            Shrinker(
                partial(zswap.shrinker_count, number), partial(zswap.shrinker_scan, cgroup=number)
            )
            for number in range(len(self._members))
        ]
        return lambda group, priority: shrinkers[group].shrink(priority)

    def _sample(self) -> None:
        disk = [area.inuse_pages for area in self._parts.swap.areas if area.type == "full"]
        self._timeline.append(
            Sample(
                sum(self._touches),
                sum(events["pgmajfault"] for events in self._events()),
                self._pool_pages(),
                self._all_resident(),
                sum(disk),
            )
        )

    def _resident(self, number: int) -> int:
        """Pages of group *number* that are in memory; those on their way to disk are not."""
        member = self._members[number]
        mapped = self._memory.is_mapped[member.first : member.first + member.pages]
        return member.pages - mapped.count(0)

    def _all_resident(self) -> int:
        return sum(map(self._resident, range(len(self._members))))

    def _forget(self, group: int) -> None:
        """What a killed *group* had is free."""
        member = self._members[group]
        self._parts.swapping.forget(range(member.first, member.first + member.pages))

    def _events(self) -> list[dict[str, int]]:
        """``memory.stat`` of each group."""
        return [asdict(self._memory.events(number)) for number in range(len(self._members))]

    def outcome(self) -> Outcome:
        """What it came to so far."""
        swapping, zswap, zram = self._parts.swapping, self._parts.zswap, self._parts.zram
        areas = self._parts.swap.areas
        held = self._held()
        disk_areas = [area for area in areas if area.type == "full"]
        backing = self._host.zram_backing_dev if zram is not None else 0
        files = [area for area in areas if area.path != designs.GHOST_DEVICE]
        reserved = sum(area.reserved_bytes for area in files) + backing
        ever_written = sum(area.written_pages for area in disk_areas) * PAGE_SIZE
        return Outcome(
            design=self._design,
            kernel=self._kernel.name,
            pages=sum(member.pages for member in self._members),
            touches=sum(self._touches),
            resident_pages=self._all_resident(),
            kept_pages=swapping.kept_pages,
            zswap=zswap.debugfs() if zswap is not None else {},
            zswap_own=zswap.own() if zswap is not None else {},
            zram=zram.stat() if zram is not None else {},
            vmstat=self._vmstat(),
            areas=areas,
            groups=tuple(map(self._group, range(len(self._members)))),
            metadata=self._metadata(held),
            allocated_bytes=self._allocated_bytes(held),
            reserved_bytes=reserved,
            written_bytes=sum(area.writes for area in disk_areas) * PAGE_SIZE,
            never_written_bytes=(
                sum(area.reserved_bytes for area in disk_areas) + backing - ever_written
            ),
            slots_at_swap_out=swapping.slots_at_swap_out,
            slots_at_writeback=swapping.slots_at_writeback,
            slots=self._parts.swap.slots(),
            tiers=self._tiers(),
            vma_readahead=not any(area.seeks for area in areas),
            held=held,
            fresh_statistics=self._is_fresh,
            timeline=tuple(self._timeline),
        )

    def _allocated_bytes(self, held: Held) -> int | None:
        slots = self._parts.swap.slots()
        virtual = isinstance(self._parts.swapping, VirtualSwap)
        if virtual or None in slots:
            return None
        return self._metadata(held, sum(stat.used for stat in slots if stat)).total_bytes

    def _metadata(self, held: Held, clusters: int | None = None) -> Metadata:
        """What the design takes; with the areas below zram, which are as any.

        :param clusters: with a slot taken, where their tables are to count whole.
        """
        areas, kernel = self._parts.swap.areas, self._kernel.name
        own = [area for area in areas if self._design != "zram" or area.type == "zram"]
        used = sum(area.inuse_pages for area in areas)
        in_cache = max(held.zero, used - held.compressed - held.disk)
        taken = metadata.of(
            designs.record(self._design).name,
            kernel,
            slots=sum(area.pages or 0 for area in own),
            zswap=held.compressed,
            disk=held.disk,
            zero=in_cache,
            clusters=clusters,
            entries=True,
        )
        below = metadata.of(
            "classic",
            kernel,
            slots=sum(area.pages or 0 for area in areas if area not in own),
        )
        return Metadata(taken.static_bytes + below.static_bytes, taken.dynamic_bytes)

    def _tiers(self) -> dict[str, TierUse]:
        uses = self._parts.swap.tiers()
        return {tier.name: uses.get(tier.mask, TierUse()) for tier in self._parts.tiers.active}

    def disk_pages(self) -> Iterator[int]:
        """The pages that are on disk now, by number."""
        resident, origin_of = self._memory.is_mapped, self._parts.swapping.origin_of
        return (
            page
            for page in range(len(resident))
            if not resident[page] and origin_of(page) is Origin.DISK
        )

    def _held(self) -> Held:
        mapped, swapping = self._memory.is_mapped, self._parts.swapping
        out = [page for page in range(len(mapped)) if not mapped[page]]
        origins = Counter(map(swapping.origin_of, out))
        return Held(
            compressed=origins[Origin.ZSWAP] + origins[Origin.ZRAM],
            stuck=sum(
                not swapping.can_write_back(page)
                for page in out
                if swapping.origin_of(page) in _COMPRESSED
            ),
            disk=origins[Origin.DISK],
            zero=origins[Origin.ZERO],
            mapped=len(mapped) - origins[None],  # those of killed groups are gone
        )

    def _vmstat(self) -> dict[str, int]:
        zswap = self._parts.zswap
        vmstat = dict.fromkeys(self._kernel.vmstat, 0)
        found = asdict(self._parts.swapping.vmstat)
        if zswap is not None:
            counters = zswap.counters
            found |= {
                "zswpin": counters.zswpin,
                "zswpout": counters.zswpout,
                "zswpwb": counters.written_back_pages,
            }
        for name in vmstat:
            vmstat[name] = found.get(name, 0)
        for events in self._events():
            for name, count in events.items():
                vmstat[name] = vmstat.get(name, 0) + count
        return vmstat

    def _group(self, number: int) -> GroupOutcome:
        swapping, memory = self._parts.swapping, self._memory
        cgroup = self._members[number].cgroup
        ins = swapping.swap_ins[number]
        return GroupOutcome(
            name=self._working[number].name,
            pages=self._members[number].pages,
            touches=self._touches[number],
            resident_pages=self._resident(number),
            swap_ins={origin.name.lower(): ins[origin] for origin in Origin},
            swap_outs=swapping.swap_outs[number],
            refused=swapping.refused[number],
            no_slot=swapping.no_slot[number],
            killed=memory.killed[number],
            swap_current=cgroup.swap_pages * PAGE_SIZE,
            zswap_current=cgroup.zswap_bytes,
            events=self._events()[number],
        )


def cgroups(host: Host) -> dict[str, Cgroup]:
    """A fresh cgroup for each of *host*'s groups, by name, under its parent."""
    by_name = {group.name: group for group in host.groups}
    made: dict[str, Cgroup] = {}

    def make(group: Group) -> Cgroup:
        if group.name not in made:
            made[group.name] = Cgroup(
                zswap_max=group.zswap_max,
                zswap_writeback=group.zswap_writeback,
                parent=None if group.parent is None else make(by_name[group.parent]),
                memory_max=group.memory_max,
                swap_max=group.swap_max,
            )
        return made[group.name]

    for group in host.groups:
        make(group)
    return made


def set_tiers(groups: Iterable[Group], cgroups: Mapping[str, Cgroup], tiers: Tiers) -> None:
    """Write each group's ``memory.swap.tiers.max``; what its parents may not, it may not either."""
    own = dict.fromkeys(cgroups, ALL_TIERS)
    for group in groups:
        for tier, value in group.swap_tiers_max.items():
            own[group.name] = tiers.write_max(own[group.name], f"{tier} {value}")
    names = {cgroup: name for name, cgroup in cgroups.items()}
    for cgroup in cgroups.values():
        cgroup.swap_tiers = effective_mask(own[names[above]] for above in cgroup.lineage)


def _redraw(
    group: Group, lengths: array[int], first: int, seed: int
) -> Callable[[int], int] | None:
    if not group.changed_ratio:
        return None
    draw = Redraw(lengths, group.changed_ratio, seed).draw
    return lambda page: draw(page - first)
