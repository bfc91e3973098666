# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine to simulate, as a user describes it: kernel, memory, areas, cgroups, their work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

from ghostswap.mm.swap.in_order import SwapType
from ghostswap.pages.touches import WriteRule

#: Which page leaves memory: the kernel's two lists, or whatever was not touched for longest.
Policy = Literal["kernel", "lru"]


@dataclass(frozen=True, slots=True)
class Area:
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
    :ivar source: spec of its memory, as ``simulate --pages`` takes it; ``None`` for a group that
        only holds others.
    :ivar touches: spec of its workload, as ``simulate --touches`` takes it; ``None`` for a process
        that writes its memory once and sleeps.
    :ivar write_ratio: share of touches that write, or ``odd`` for those of odd pages; ``None``
        where *touches* says it itself.
    :ivar changed_ratio: share of written pages whose content, so whose length, is another then.
    :ivar limit_frames: ``memory_max`` in pages, less what the kernel takes of it; in its place.
    :ivar swap_tiers_max: ``memory.swap.tiers.max``: tier -> ``max`` or ``0``.
    :ivar at: field -> a context in which errors say where the user wrote it.
    """

    name: str
    parent: str | None = None
    source: str | None = None
    touches: str | None = None
    write_ratio: WriteRule = None
    changed_ratio: float = 0.0
    memory_max: int | None = None
    limit_frames: int | None = None
    swap_max: int | None = None
    zswap_max: int | None = None
    zswap_writeback: bool = True
    swap_tiers_max: Mapping[str, str] = field(default_factory=dict)
    at: Callable[[str], AbstractContextManager[object]] = field(
        default=nullcontext, compare=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class Host:
    """Everything that a simulation with a workload is made of.

    :ivar ram: bytes.
    :ivar kernel: name of a row of :data:`ghostswap.kernels.KERNELS`.
    :ivar design: one of :data:`ghostswap.designs.table.IMAGINED`.
    :ivar cgroup_version: 2 charges compressed bytes to their group, 1 does not.
    :ivar size: bytes of the area that a design imagines where it is given none of its kind; 0 for
        no area at all.
    :ivar tiers: what is written to /sys/kernel/mm/swap/tiers; ``""`` for nothing.
    :ivar zram_backing_dev: bytes of zram's backing device, 0 for none; what goes there is for the
        user to say, so nothing does.
    :ivar cpus: that take slots in turn, each from clusters of its own.
    :ivar flush_every: faults from one flush of the statistics of cgroups to the next, 0 where they
        are always fresh; ``None`` for what the kernel does (:mod:`ghostswap.kernels.reclaim`). So
    :ivar kernel_pages: pages that the kernel takes for each process beside its page tables.
    :ivar seed: of whatever is drawn by lot.
    """

    ram: int
    groups: tuple[Group, ...]
    areas: tuple[Area, ...] = ()
    kernel: str = "6.18"
    design: str = "ghost"
    compressor: str = "lz4"
    policy: Policy = "kernel"
    cgroup_version: int = 2
    size: int | None = None
    tiers: str = ""
    zpool: str | None = None
    max_pool_percent: int = 20
    accept_threshold_percent: int = 90
    shrinker_enabled: bool = False
    zram_disksize: int | None = None
    zram_mem_limit: int = 0
    zram_backing_dev: int = 0
    cpus: int = 1
    flush_every: int | None = None
    kernel_pages: int | None = None
    seed: int = 0
