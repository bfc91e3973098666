# SPDX-License-Identifier: GPL-2.0-or-later
"""The designs that pages can leave memory by, each built from its parts for one machine."""

from __future__ import annotations

from dataclasses import dataclass

from ghostswap.mm.swapfile import SwapSpace
from ghostswap.mm.swapping import Swapping
from ghostswap.mm.zram import Zram
from ghostswap.mm.zswap import Zswap

#: zram's usual priority as a swap area, above all that swapon gives by itself.
ZRAM_PRIO = 100


@dataclass(frozen=True, slots=True)
class Parameters:
    """zswap's module parameters and zram's attributes, by their names.

    :ivar ram: ``MemTotal`` in bytes, which ``max_pool_percent`` is of.
    :ivar zpool: one of the kernel's, its default where ``None``.
    :ivar disksize: zram's, in bytes; as large as need be where ``None``.
    :ivar mem_limit: zram's, in bytes, 0 for none.
    """

    ram: int
    max_pool_percent: int = 20
    accept_threshold_percent: int = 90
    zpool: str | None = None
    disksize: int | None = None
    mem_limit: int = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """A design, ready for pages."""

    swapping: Swapping
    swap: SwapSpace
    zswap: Zswap | None = None
    zram: Zram | None = None


#: What a design wants where no area is given: the type of one as large as need be.
IMAGINED = {
    "disk": "full",
    "classic": "full",
    "ghost": "ghost",
    "ghost-dynamic": "ghost",
    "zram": None,
    "vswap": None,
    "vswap-ste": None,
}
