# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine to simulate, as a user describes it: kernel, memory, areas, cgroups, their work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ghostswap import kernels
from ghostswap.designs.build import Parameters
from ghostswap.here import lru_gen_enabled
from ghostswap.kernels.rules import Kernel
from ghostswap.mm.swap.swap_info import SwapType
from ghostswap.mm.vmscan.chooser import Policy
from ghostswap.mm.zram import WritebackMode
from ghostswap.pages.touches import WriteRule

#: Who says which reclaim it is: the user, this machine's kernel, or a release as Debian builds it.
PolicyFrom = Literal["given", "here", "release"]


def default_policy(kernel: Kernel, *, may_be_here: bool = False) -> tuple[Policy, PolicyFrom]:
    """What a machine with *kernel* reclaims by, and who says so.

    :param may_be_here: this machine is meant where *kernel* stands for the one that it runs.
    """
    if may_be_here and kernels.running(os.uname().release)[0].name == kernel.name:
        return "mglru" if lru_gen_enabled() else "two-lists", "here"
    return "mglru" if kernel.vmscan.lru_gen_enabled else "two-lists", "release"


class Area(NamedTuple):
    """A swap area: a real one by its *path*, or one that is imagined.

    :ivar type: what it is; ``None`` for a real one whose header and file tell.
    :ivar size: bytes of an imagined one, header included; ``None`` for as large as need be.
    :ivar prio: as in swapon(8); ``None`` for what swapon gives by itself.
    :ivar rotational: a disk that turns, so that no SSD flag is set.
    :ivar discard: free clusters are discarded, ``swapon --discard=pages``.
    """

    path: str | None = None
    type: SwapType | None = None
    size: int | None = None
    prio: int | None = None
    rotational: bool = False
    discard: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A cgroup and, where it has a *source*, the process in it.

    Limits are in bytes and ``None`` where there is none.

    :ivar parent: name of the group above it, ``None`` for one right below the root.
    :ivar source: spec of its memory, as :func:`ghostswap.pages.open_source` takes it, or several,
        one after the other; ``None`` for a group that only holds others.
    :ivar touches: spec of its workload, as :mod:`ghostswap.pages.trace` takes it; ``None`` for one
        that writes its memory once and sleeps.
    :ivar write_ratio: share of touches that write, or ``odd`` for those of odd pages; ``None``
        where *touches* says it itself.
    :ivar changed_ratio: share of written pages whose content, so whose length, is another then.
    :ivar limit_frames: ``memory_max`` in pages, less what the kernel takes of it; in its place.
    :ivar swap_tiers_max: ``memory.swap.tiers.max``: tier -> ``max`` or ``0``.
    """

    name: str
    parent: str | None = None
    source: str | tuple[str, ...] | None = None
    touches: str | None = None
    write_ratio: WriteRule = None
    changed_ratio: float = 0.0
    memory_max: int | None = None
    limit_frames: int | None = None
    swap_max: int | None = None
    zswap_max: int | None = None
    zswap_writeback: bool = True
    swap_tiers_max: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        """All specs of its memory."""
        if self.source is None:
            return ()
        return (self.source,) if isinstance(self.source, str) else self.source


@dataclass(frozen=True, slots=True)
class Host(Parameters):
    """A machine, what runs on it, and the design that is tried there.

    :ivar kernel: name of a row of :data:`ghostswap.kernels.KERNELS`.
    :ivar design: one of :data:`ghostswap.designs.table.RUN`.
    :ivar cgroup_version: 2 charges compressed bytes to their group, 1 does not.
    :ivar policy: which page leaves memory; *policy_from*, who says so.
    :ivar flush_every: faults from one flush of the statistics of cgroups to the next, 0 where they
        are always fresh; ``None`` for what the kernel does (``VmscanRules``).
    :ivar kernel_pages: pages that the kernel takes for each process beside its page tables; as
        many as it was seen to take where ``None``.
    :ivar folio_order: memory that is stored once leaves in folios of 2 to this power pages.
    :ivar zram_recompress: algorithms that zram compresses its pages with once more, before that;
        *zram_recompress_type*, which of them, all where ``None``; *zram_recompress_threshold*,
        bytes that one must have, and be below then, 0 for none.
    :ivar zram_writeback: what zram writes to its backing device in the end, where memory is stored
        once.
    """

    groups: tuple[Group, ...] = field(kw_only=True)
    areas: tuple[Area, ...] = field(default=(), kw_only=True)
    kernel: str = field(default=kernels.RELEASES[-1], kw_only=True)
    design: str = field(default="ghost", kw_only=True)
    policy: Policy = field(default="two-lists", kw_only=True)
    policy_from: PolicyFrom = field(default="given", kw_only=True)
    cgroup_version: int = field(default=2, kw_only=True)
    shrinker_enabled: bool = field(default=False, kw_only=True)
    flush_every: int | None = field(default=None, kw_only=True)
    kernel_pages: int | None = field(default=None, kw_only=True)
    folio_order: int = field(default=0, kw_only=True)
    zram_writeback: WritebackMode | None = field(default=None, kw_only=True)
    zram_recompress: tuple[str, ...] = field(default=(), kw_only=True)
    zram_recompress_type: WritebackMode | None = field(default=None, kw_only=True)
    zram_recompress_threshold: int = field(default=0, kw_only=True)

    @property
    def working(self) -> tuple[Group, ...]:
        """The groups that have memory."""
        return tuple(group for group in self.groups if group.source is not None)
