# SPDX-License-Identifier: GPL-2.0-or-later
"""A swap area as it is given to swapon, and as it is on: ``struct swap_info_struct``."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Literal, NamedTuple

from ghostswap.page import PAGE_SIZE

#: ``ghost`` areas have slots and no disk; ``full`` ones have both; ``zram`` is a device in memory.
SwapType = Literal["ghost", "full", "zram"]

#: The mask of a cgroup that may use every tier (``TIER_ALL_MASK`` of the swap.tiers series).
ALL_TIERS = (1 << 32) - 1
#: The tier of every area while no tiers are defined (``TIER_DEFAULT_MASK``).
DEFAULT_TIER = 1 << 31


class SwapArea(NamedTuple):
    """An area to switch on.

    :ivar pages: usable slots; ``None`` for an imagined area that is as large as it needs to be.
    :ivar prio: ``None`` for what swapon gives by itself.
    :ivar badpages: page numbers of the area that are no slots, as its header lists them.
    :ivar rotational: on a disk that seeks; a ghost never is.
    :ivar discard: clusters are discarded when they are free.
    :ivar blkdev: a device, not a file: it can give a folio slots in a row.
    :ivar is_imagined: it is nowhere, and *path* only what it is called.
    """

    path: str
    type: SwapType
    pages: int | None = None
    prio: int | None = None
    badpages: tuple[int, ...] = ()
    rotational: bool = False
    discard: bool = False
    blkdev: bool = False
    is_imagined: bool = False

    @property
    def seeks(self) -> bool:
        """Whether the kernel treats it as rotational: not where ``SWP_SOLIDSTATE`` is set."""
        return self.rotational and self.type != "ghost"


@dataclass
class SwapInfo:
    """``struct swap_info_struct`` (include/linux/swap.h, Linux 6.12) as far as slots go.

    Slots are numbered by their pages in the area: the header is page 0, the first slot is 1.

    :ivar prio: the area's, or what swapon gave.
    :ivar pages: usable slots; ``None`` while the size of an imagined area is open.
    :ivar tier_mask: the bit of its tier.
    :ivar inuse_pages: slots taken.
    :ivar writes: pages written to its disk.
    :ivar written_pages: slots whose disk was ever written to.
    """

    path: str
    type: SwapType
    pages: int | None
    prio: int
    seeks: bool = False
    blkdev: bool = False
    tier_mask: int = DEFAULT_TIER
    inuse_pages: int = 0
    writes: int = 0
    written_pages: int = 0
    _written: bytearray = field(default_factory=bytearray, repr=False)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """It goes between processes, compiled too."""
        return SwapInfo, astuple(self)

    @classmethod
    def on(cls, area: SwapArea, prio: int) -> SwapInfo:
        """*area*, just switched on with *prio*."""
        return cls(area.path, area.type, area.pages, prio, area.seeks, area.blkdev)

    def note_write(self, offset: int) -> None:
        """Note that a page was written to the disk behind slot *offset* of this area."""
        missing = offset + 1 - len(self._written)
        if missing > 0:
            self._written.extend(bytes(missing + offset // 8))
        if not self._written[offset]:
            self._written[offset] = 1
            self.written_pages += 1
        self.writes += 1

    @property
    def reserved_bytes(self) -> int:
        """Disk that it takes, used or not: all its slots, or a ghost's header."""
        if self.type == "full":
            return (self.pages or 0) * PAGE_SIZE
        return PAGE_SIZE if self.type == "ghost" else 0

    def has_room(self, count: int = 1) -> bool:
        """Whether *count* more slots are free."""
        most = self.pages
        return most is None or self.inuse_pages + count <= most


@dataclass(slots=True)
class TierUse:
    """What a tier gave and refused.

    :ivar inuse_pages: slots taken.
    :ivar masked: allocations that failed and might not use it.
    :ivar full: allocations that failed and might, but no area of it had a slot.
    """

    inuse_pages: int = 0
    masked: int = 0
    full: int = 0
