# SPDX-License-Identifier: GPL-2.0-or-later
"""The designs that pages can leave memory by, each built from its parts for one machine."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from ghostswap import kernels
from ghostswap.codecs.lengths import for_zram, for_zswap
from ghostswap.designs import metadata
from ghostswap.designs.backend import Redraws, Swapping
from ghostswap.designs.slotted import SwapState
from ghostswap.designs.virtual import VirtualPlaces, VirtualSwap
from ghostswap.errors import UsageError
from ghostswap.kernels import Kernel, Reclaim
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.in_order import SwapInfo, SwapSpace, SwapType
from ghostswap.mm.swap.slot_map import RULES, SWAPFILE_CLUSTER
from ghostswap.mm.swap.swapfile import ExactSwapSpace
from ghostswap.mm.swap.tiers import Tiers
from ghostswap.mm.zram import Zram
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.pages.source import PAGE_SIZE

#: zram's usual priority as a swap area, above all that swapon gives by itself.
ZRAM_PRIO = 100


@dataclass(frozen=True, slots=True)
class Parameters:
    """zswap's module parameters and zram's attributes, by their names.

    :ivar ram: ``MemTotal`` in bytes, which ``max_pool_percent`` is of.
    :ivar zpool: one of the kernel's, its default where ``None``.
    :ivar size: bytes of an area that is imagined, its header included; as large as need be where
        ``None``, and 0 for no area at all.
    :ivar disksize: zram's, in bytes; as *size* where ``None``.
    :ivar mem_limit: zram's, in bytes, 0 for none.
    :ivar has_backing_dev: whether zram has one.
    :ivar tiers: what is written to /sys/kernel/mm/swap/tiers.
    :ivar cpus: that take slots in turn.
    """

    ram: int
    max_pool_percent: int = 20
    accept_threshold_percent: int = 90
    zpool: str | None = None
    size: int | None = None
    disksize: int | None = None
    mem_limit: int = 0
    has_backing_dev: bool = False
    tiers: str = ""
    cpus: int = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """A design, ready for pages."""

    swapping: Swapping
    swap: SwapSpace
    tiers: Tiers
    zswap: Zswap | None = None
    zram: Zram | None = None


#: Design -> the type of the area to imagine where none is given; as large as need be.
IMAGINED: Mapping[str, SwapType | None] = MappingProxyType(
    {
        "disk": "full",
        "classic": "full",
        "ghost": "ghost",
        "ghost-dynamic": "ghost",
        "zram": None,
        "vswap": None,
        "vswap-ste": None,
    }
)
#: Designs of kernels that are newer than all that are known.
_NEEDS_MEMCG_LRU = ("ghost-dynamic", "vswap", "vswap-ste")
#: The kernel whose zswap virtual swap has, whichever is asked for: it was never ported to older
#: ones, whose zswap keeps entries that were loaded and evicts them by the page.
_VIRTUAL_BASE = "6.18"
#: A dynamic ghost is a device, which takes no disk; any other is a file of one page.
GHOST_DEVICE = "/dev/ghostswap"
#: Its size in pages of memory, as it was tested: the number is free, and once (phase 4, 14/15)
#: was 1. The kernel rounds it up to whole clusters.
_DYNAMIC_GHOST_RAM = 8


#: Where :mod:`ghostswap.designs.metadata` has one design for both.
_WORDS = {
    "disk": "a swapfile or partition by itself, no zswap before it",
    "classic": "zswap over a swapfile or partition",
}


def has_zswap(design: str) -> bool:
    """Whether *design* has zswap in it."""
    return design not in ("disk", "zram")


def takes_size(design: str, areas: Sequence[SwapInfo]) -> bool:
    """Whether ``Parameters.size`` makes a difference to *design* over *areas*."""
    return design == "zram" or _lacks_area(design, _of_use(design, areas))


def record(design: str) -> metadata.Design:
    """What *design* is, whether a kernel has it, and what it takes; disk alone is as classic."""
    found = metadata.get("classic" if design == "disk" else design)
    return replace(found, description=_WORDS.get(design, found.description))


def is_on(design: str, kernel: Kernel) -> bool:
    """Whether *design* could be on *kernel*."""
    return design not in _NEEDS_MEMCG_LRU or kernel.reclaim is Reclaim.MEMCG_LRU


def check(design: str, kernel: Kernel) -> None:
    """Refuse a *design* that could not be on *kernel*.

    :raises UsageError: saying on which it is.
    """
    if not is_on(design, kernel):
        raise UsageError(
            f"{design} is for newer kernels than Linux {kernel.name}",
            f"Linux {next(name for name in kernels.RELEASES if is_on(design, kernels.get(name)))}"
            " is the nearest",
        )


def build(
    design: str,
    kernel: Kernel,
    measured: array[int],
    areas: Sequence[SwapInfo],
    cgroups: Sequence[Cgroup],
    parameters: Parameters,
    redraws: Redraws = (),
    seed: int = 0,
) -> Parts:
    """Build *design* over *areas*, or over what it imagines where there are none.

    :param design: a key of :data:`IMAGINED`.
    :param measured: by page, see :mod:`ghostswap.codecs.lengths`.
    :param redraws: by cgroup, page -> what it measures after it was written to.
    :param seed: of whatever addresses decide in the kernel.
    :raises TierError: where the kernel would not take the tiers; UsageError as :func:`check`.
    """
    check(design, kernel)
    pages = len(measured)
    is_zram, is_virtual = design == "zram", design in ("vswap", "vswap-ste")
    if is_virtual:
        kernel, parameters = kernels.get(_VIRTUAL_BASE), replace(parameters, zpool=None)
    view = for_zram if is_zram else for_zswap
    seen = [redraw and partial(_redraw, kernel, view, redraw) for redraw in redraws]
    fresh = [replace(area, freed=[], written=bytearray()) for area in areas]
    areas = _areas(design, fresh, pages, parameters)
    zram = None
    if is_zram:
        sizes = (parameters.disksize, parameters.size, (pages + 1) * PAGE_SIZE)
        disksize = next(size for size in sizes if size is not None)
        device = SwapInfo("zram0", "zram", disksize // PAGE_SIZE - 1, prio=ZRAM_PRIO)
        areas = [*_with_slots(device), *areas]
        zram = Zram(kernel, parameters.mem_limit)
    # A dynamic ghost makes its clusters as they are needed; nothing is known of their order.
    rules = RULES[kernel.name]
    if design == "ghost-dynamic":
        swap = SwapSpace(areas, rules)
    else:
        swap = ExactSwapSpace(areas, rules, cpus=parameters.cpus)
    tiers = Tiers(areas)
    tiers.write(parameters.tiers)
    lengths = view(kernel, measured)
    if not has_zswap(design):
        state = SwapState(kernel, lengths, swap, None, cgroups, seen, zram)
        state.has_backing_dev = parameters.has_backing_dev
        return Parts(state, swap, tiers, zram=zram)
    places = VirtualPlaces(pages, swap, cgroups) if is_virtual else None
    zswap = Zswap(
        kernel,
        parameters.ram,
        places or swap,
        parameters.max_pool_percent,
        parameters.accept_threshold_percent,
        zpool=parameters.zpool,
        cgroups=cgroups,
        seed=seed,
    )
    if places is not None:
        virtual = VirtualSwap(lengths, swap, places, zswap, cgroups, seen)
        return Parts(virtual, swap, tiers, zswap)
    state = SwapState(kernel, lengths, swap, zswap, cgroups, seen)
    return Parts(state, swap, tiers, zswap)


def _areas(
    design: str, areas: Sequence[SwapInfo], pages: int, parameters: Parameters
) -> list[SwapInfo]:
    """Those of *areas* that *design* can use, behind one that it imagines if it lacks its own."""
    areas = _of_use(design, areas)
    wanted = IMAGINED[design]
    if wanted is None or parameters.size == 0 or not _lacks_area(design, areas):
        return areas
    size = pages if parameters.size is None else parameters.size // PAGE_SIZE - 1
    if design == "ghost-dynamic":
        device = parameters.size or max(pages * PAGE_SIZE, _DYNAMIC_GHOST_RAM * parameters.ram)
        size = -(-device // (SWAPFILE_CLUSTER * PAGE_SIZE)) * SWAPFILE_CLUSTER
    path = GHOST_DEVICE if design == "ghost-dynamic" else "(imagined)"
    above = max((area.prio + 1 for area in areas if area.prio is not None), default=None)
    return [*_with_slots(SwapInfo(path, wanted, size, prio=above)), *areas]


def _of_use(design: str, areas: Sequence[SwapInfo]) -> list[SwapInfo]:
    return [area for area in areas if area.type != "ghost" or design == "ghost"]


def _lacks_area(design: str, areas: Sequence[SwapInfo]) -> bool:
    wanted = IMAGINED[design]
    return wanted is not None and all(area.type != wanted for area in areas)


def _with_slots(area: SwapInfo) -> list[SwapInfo]:
    """*area*; none where it would be no more than a header, which swapon refuses."""
    return [area] if area.pages and area.pages > 0 else []


def _redraw(
    kernel: Kernel,
    view: Callable[[Kernel, array[int]], array[int]],
    redraw: Callable[[int], int],
    page: int,
) -> int:
    return view(kernel, array("H", (redraw(page),)))[0]
