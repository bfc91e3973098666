# SPDX-License-Identifier: GPL-2.0-or-later
"""A design, built from its parts for one machine and its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from ghostswap.codecs.views import for_zram, for_zswap
from ghostswap.designs.backend import Backend, Contents
from ghostswap.designs.slotted import Slotted
from ghostswap.designs.table import Design
from ghostswap.designs.virtual import VirtualPlaces, VirtualSwap
from ghostswap.errors import GhostswapError
from ghostswap.kernels.rules import SWAPFILE_CLUSTER, Kernel
from ghostswap.mm.swap.in_order import InOrderSpace
from ghostswap.mm.swap.space import SwapSpace
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.swap.swapfile import ExactSwapSpace
from ghostswap.mm.swap.tiers import Tiers
from ghostswap.mm.zram import Zram
from ghostswap.mm.zswap.writeback import Places
from ghostswap.mm.zswap.zswap import (
    ACCEPT_THRESHOLD_PERCENT,
    COMPRESSOR,
    MAX_POOL_PERCENT,
    Zswap,
)
from ghostswap.page import PAGE_SIZE
from ghostswap.units import format_size

#: zram's usual priority as a swap area, above all that swapon gives by itself.
ZRAM_PRIO = 100


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a machine's administrator sets: zswap's module parameters, zram's attributes, areas.

    :ivar ram: ``MemTotal`` in bytes, which ``max_pool_percent`` is of.
    :ivar compressor: by the kernel's name.
    :ivar zpool: one of the kernel's; its own choice where ``None``.
    :ivar size: bytes of an area that is imagined, its header included; as large as need be where
        ``None``, and 0 for no area at all.
    :ivar zswap_enabled: zswap stands before the rest; as the design has it where ``None``.
    :ivar tiers: what is written to /sys/kernel/mm/swap/tiers.
    :ivar cpus: that take slots in turn.
    :ivar seed: of whatever addresses decide in the kernel.
    :ivar one_zpool: zswap has one pool, whatever its kernel has.
    :ivar zram_disksize: in bytes; as *size* where ``None``.
    :ivar zram_mem_limit: in bytes, 0 for none.
    :ivar zram_backing_dev: bytes of zram's backing device, 0 for none.
    :ivar zram_writeback_limit: pages, ``None`` for no limit.
    :ivar zram_is_device: pages are written to zram as to any block device: no zeromap.
    """

    ram: int
    max_pool_percent: int = MAX_POOL_PERCENT
    accept_threshold_percent: int = ACCEPT_THRESHOLD_PERCENT
    compressor: str = COMPRESSOR
    zpool: str | None = None
    size: int | None = None
    zswap_enabled: bool | None = None
    tiers: str = ""
    cpus: int = 1
    seed: int = 0
    zram_disksize: int | None = None
    zram_mem_limit: int = 0
    zram_backing_dev: int = 0
    zram_writeback_limit: int | None = None
    zram_is_device: bool = False
    one_zpool: bool = False


class Parts(NamedTuple):
    """A design, ready for pages."""

    backend: Backend
    swap: SwapSpace
    tiers: Tiers
    zswap: Zswap | None = None
    zram: Zram | None = None


def build(
    design: Design,
    asked: Kernel,
    contents: Contents,
    areas: Sequence[SwapArea],
    parameters: Parameters,
    *,
    in_order: bool = False,
) -> Parts:
    """Build *design* over *areas*, or over what it imagines where it lacks one.

    :param asked: the kernel that is wanted; some designs have another one's zswap.
    :param in_order: for pages that are stored once, in order: slots are counted, not placed, and
        an imagined area of no size is as large as need be.
    :raises TierError: where the kernel would not take the tiers.
    :raises GhostswapError: where the machine cannot hold the areas' tables.
    :raises UsageError: where *asked* could not have the design.
    """
    design.check(asked)
    kernel, number = design.kernel(asked), len(contents.measured)
    default_prio = kernel.swap.default_prio
    on = _areas(design, areas, number, parameters, default_prio, in_order=in_order)
    # A dynamic ghost makes its clusters as they are needed; nothing is known of their order.
    swap: SwapSpace
    if in_order or design.device is not None:
        swap = InOrderSpace(on, kernel.swap)
    else:
        swap = ExactSwapSpace(on, kernel.swap, cpus=parameters.cpus, seed=parameters.seed)
    _check_memory(design, kernel, swap, parameters.ram)
    tiers = Tiers(swap.areas)
    tiers.write(parameters.tiers)
    has_zswap = design.has_zswap
    if parameters.zswap_enabled is not None:
        has_zswap = parameters.zswap_enabled
    places = VirtualPlaces(number, swap, contents.cgroups) if design.is_virtual else None
    zswap = _zswap(design, kernel, contents, places or swap, parameters) if has_zswap else None
    zram = None
    if design.is_zram:
        zram = Zram(kernel, parameters.zram_mem_limit, parameters.zram_writeback_limit)
    to_zram = partial(for_zram, kernel, zeromap=not parameters.zram_is_device)
    to_zswap = partial(for_zswap, kernel)
    backend: Backend
    if places is not None and zswap is not None:
        backend = VirtualSwap(contents, to_zswap, swap, places, zswap)
    else:
        backend = Slotted(
            kernel,
            contents,
            to_zram if zswap is None and zram is not None else to_zswap,
            swap,
            zswap,
            zram,
            zram_view=None if zswap is None or zram is None else to_zram,
            has_backing_dev=parameters.zram_backing_dev > 0,
        )
    return Parts(backend, swap, tiers, zswap, zram)


def _zswap(
    design: Design, kernel: Kernel, contents: Contents, places: Places, parameters: Parameters
) -> Zswap:
    if parameters.one_zpool:
        kernel = kernel._replace(zswap=kernel.zswap._replace(nr_zpools=1))
    return Zswap(
        kernel,
        parameters.ram,
        places,
        parameters.max_pool_percent,
        parameters.accept_threshold_percent,
        compressor=parameters.compressor,
        zpool=None if design.base else parameters.zpool,
        cgroups=contents.cgroups,
        seed=parameters.seed,
    )


def _check_memory(design: Design, kernel: Kernel, swap: SwapSpace, ram: int) -> None:
    """Refuse areas whose slots' tables, which are allocated at once, the machine cannot hold."""
    slots = sum(area.pages or 0 for area in swap.areas)
    fields = design.fields(kernel.metadata)
    cluster_bytes = sum(field.cluster_bytes for field in fields if field.is_static)
    needed = -(-slots * cluster_bytes // SWAPFILE_CLUSTER)
    if needed > ram:
        most = ram * SWAPFILE_CLUSTER // cluster_bytes * PAGE_SIZE
        raise GhostswapError(
            f"{design.name}: tables for {format_size(slots * PAGE_SIZE)} of slots take"
            f" {format_size(needed)}, and the machine has {format_size(ram)}:"
            ' "Cannot allocate memory"',
            f"a machine of that size can have {format_size(most)} at most, and no page in it then",
        )


def _areas(
    design: Design,
    areas: Sequence[SwapArea],
    pages: int,
    parameters: Parameters,
    default_prio: int | None,
    *,
    in_order: bool,
) -> list[SwapArea]:
    """Those of *areas* that *design* can use, behind one that it imagines if it lacks its own.

    :param default_prio: as in the kernel's :class:`~ghostswap.kernels.rules.SwapRules`.
    """
    of_use = [area for area in areas if design.can_use(area)]
    if design.is_zram:
        is_endless = in_order and not of_use
        return [*_with_slots(_zram_area(pages, parameters, is_endless=is_endless)), *of_use]
    if design.area is None or parameters.size == 0 or not design.lacks_area(of_use):
        return of_use
    given = [default_prio if area.prio is None else area.prio for area in of_use]
    above = max((prio + 1 for prio in given if prio is not None), default=None)
    if design.device is not None:
        size = _device_pages(design, pages, parameters)
        return [SwapArea(design.device, design.area, size, above), *of_use]
    imagined = SwapArea("(imagined)", design.area, prio=above)
    if parameters.size is not None:
        imagined = imagined._replace(pages=parameters.size // PAGE_SIZE - 1)
    elif in_order and not of_use:
        # A full one is a partition, which can have folios in one piece.
        return [imagined._replace(blkdev=design.area == "full")]
    else:
        imagined = imagined._replace(pages=pages)
    return [*_with_slots(imagined), *of_use]


def _device_pages(design: Design, pages: int, parameters: Parameters) -> int:
    """Slots of *design*'s device, whole clusters."""
    cluster = SWAPFILE_CLUSTER * PAGE_SIZE
    size = parameters.size or design.per_ram * parameters.ram
    if design.is_as_large_as_ram:
        return size // cluster * SWAPFILE_CLUSTER
    if parameters.size is None:
        size = max(size, pages * PAGE_SIZE)
    return -(-size // cluster) * SWAPFILE_CLUSTER


def _zram_area(pages: int, parameters: Parameters, *, is_endless: bool) -> SwapArea:
    sizes = (parameters.zram_disksize, parameters.size)
    disksize = next((size for size in sizes if size is not None), None)
    if disksize is not None:
        slots: int | None = disksize // PAGE_SIZE - 1
    else:
        slots = None if is_endless else pages
    return SwapArea("zram0", "zram", slots, ZRAM_PRIO)


def _with_slots(area: SwapArea) -> list[SwapArea]:
    """*area*; none where it would be no more than a header, which swapon refuses."""
    return [area] if area.pages is None or area.pages > 0 else []
