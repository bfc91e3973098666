# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine wired: its cgroups, their memory, and the design that the memory leaves by."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ghostswap import kernels
from ghostswap.designs import table
from ghostswap.designs.backend import Backend, Contents, Witness
from ghostswap.designs.build import Parts, build
from ghostswap.mm.memcontrol import Cgroup, Member
from ghostswap.mm.swap.swap_info import ALL_TIERS, SwapArea
from ghostswap.mm.swap.tiers import Tiers, effective_mask
from ghostswap.mm.vmscan.pageout import Mapper
from ghostswap.page import PAGE_SIZE, PTRS_PER_PTE
from ghostswap.study.band import Timing
from ghostswap.study.host import Group, Host
from ghostswap.study.redraw import Redraw

if TYPE_CHECKING:
    from ghostswap.mm.vmscan.memory import Memory


class Machine:
    """*host*'s groups with their memory, and the design; without anybody at work yet.

    :param measured: of each group that has a source, in the order of ``host.groups``, in the
        alphabet of :mod:`ghostswap.page`.
    :param areas: those of *host*, opened; none for what the design imagines.
    :param timing: what the kernel leaves to chance.
    :ivar design: its row; so *kernel*, the one that was asked for.
    :ivar members: the groups that have memory, and which pages are theirs.
    :ivar pages: of all members together.
    :raises TierError: where the kernel would not take the tiers.
    :raises UsageError: where the kernel could not have the design.
    """

    def __init__(
        self,
        host: Host,
        measured: Sequence[array[int]],
        areas: Sequence[SwapArea],
        timing: Timing,
        witness: Witness | None = None,
    ) -> None:
        self.host = host
        self.timing = timing
        self.design = table.get(host.design)
        self.kernel = kernels.get(host.kernel)
        self._areas = areas
        self._witness = witness
        self._cgroups = cgroups(host)
        taken = self.kernel.vmscan.kernel_pages
        self._kernel_pages = taken if host.kernel_pages is None else host.kernel_pages
        self.members: list[Member] = []
        self.redraws: list[Callable[[int], int] | None] = []
        self._measured = array("H")
        for group, own in zip(host.working, measured, strict=True):
            cgroup, first = self._cgroups[group.name], len(self._measured)
            self.members.append(Member(cgroup, first, len(own)))
            if group.limit_frames is not None:
                taken = self._kernel_pages + -(-len(own) // PTRS_PER_PTE)
                cgroup.memory_max = (group.limit_frames + taken) * PAGE_SIZE
            self._measured.extend(own)
            self.redraws.append(_redraw(group, own, first, host.seed))
        self.pages = len(self._measured)

    def grow(self, pages: int) -> None:
        """Count *pages* more for the last group."""
        last = self.members[-1]
        self.members[-1] = last._replace(pages=last.pages + pages)
        self.pages += pages

    def under_limits(self) -> tuple[Memory, Parts]:
        """All memory under the limits of its groups and of the machine, none of it written yet."""
        from ghostswap.mm.vmscan.memory import Memory, Setup  # which a fill does without

        host, made = self.host, []

        def design(mapper: Memory) -> Backend:
            made.append(self._build(mapper, in_order=False))
            return made[0].backend

        setup = Setup(
            policy=host.policy,
            cgroup_version=host.cgroup_version,
            # Where all fits, nobody has to look.
            ram=host.ram if self.pages * PAGE_SIZE > host.ram else None,
            kernel_pages=self._kernel_pages,
            flush_every=self.timing.flush_every,
            flush_first=self.timing.flush_first,
            one_cpu=self.timing.one_cpu,
            tlb=self.timing.tlb,
            walks_twice=self.timing.walks_twice,
            write_time=self.timing.write_time,
            shrinker_enabled=host.shrinker_enabled,
        )
        under = Memory(self.kernel, self.members, design, setup)
        return under, made[0]

    def to_store(self, mapper: Mapper) -> Parts:
        """The design alone, for pages that are stored once, in order."""
        return self._build(mapper, in_order=True)

    def _build(self, mapper: Mapper, *, in_order: bool) -> Parts:
        host, timing = self.host, self.timing
        parts = build(
            self.design,
            self.kernel,
            Contents(
                self._measured,
                [member.cgroup for member in self.members],
                mapper,
                self.redraws,
                self._witness,
                timing.worker,
            ),
            self._areas,
            host if timing.seed is None else replace(host, seed=timing.seed),
            in_order=in_order,
        )
        set_tiers(host.groups, self._cgroups, parts.tiers)
        return parts


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
