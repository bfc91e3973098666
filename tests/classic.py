# SPDX-License-Identifier: GPL-2.0-or-later
"""What reclaim meets in an ordinary kernel: slots, zswap before them, and a disk behind them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ghostswap.mm import kernels
from ghostswap.mm.backing import Origin, Out
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swapfile import SwapInfo, SwapSpace
from ghostswap.mm.zswap import Zswap

_NONE = -1


class Classic:
    """A page keeps its slot while it is in memory, unless slots are half used up.

    :param lengths: by page, what it compresses to.
    :param zswap: whether it is enabled.
    """

    def __init__(
        self,
        kernel: str,
        lengths: Sequence[int],
        cgroups: Sequence[Cgroup],
        areas: Sequence[SwapInfo],
        ram: int,
        *,
        zswap: bool = True,
    ) -> None:
        self.kernel = kernels.get(kernel)
        self.lengths = lengths
        self.cgroups = cgroups
        self.swap = SwapSpace(areas)
        self.zswap = Zswap(self.kernel, ram, self.swap, cgroups=cgroups) if zswap else None
        self.pswpout = 0
        self._slot_of = array("q", [_NONE]) * len(lengths)
        self._total = sum(area.pages or 0 for area in areas)

    def _free(self) -> int:
        return self._total - sum(area.inuse_pages for area in self.swap.areas)

    def has_swap(self) -> bool:
        return self._free() > 0

    def swap_out(self, page: int, cgroup: int, dirty: bool) -> Out:
        slot = self._slot_of[page]
        memcg = self.cgroups[cgroup]
        if slot == _NONE:
            left = memcg.nr_swap_pages()
            found = self.swap.alloc() if left is None or left > 0 else None
            if found is None:
                return Out.ACTIVATE
            slot = self._slot_of[page] = found
            memcg.charge_swap(1)
        elif not dirty:
            return Out.FREED
        if self.zswap is not None and self._store(slot, page, cgroup):
            return Out.FREED
        stays = self.zswap is not None and not memcg.may_write_back()
        if stays or self.swap.area_of(slot).type == "ghost":
            return Out.ACTIVATE
        self.pswpout += 1
        return Out.WRITING

    def _store(self, slot: int, page: int, cgroup: int) -> bool:
        assert self.zswap is not None
        stored = self.zswap.store(slot, self.lengths[page], cgroup)
        if self.zswap.shrink_queued:
            for _ in self.zswap.shrink_worker():
                pass
        return stored

    def swap_in(self, page: int, cgroup: int) -> Origin:
        slot = self._slot_of[page]
        memcg = self.cgroups[cgroup]
        is_here = self.zswap is not None and self.zswap.load(slot)
        if not is_here:
            memcg.nr_disk_swapins += 1
        if self._free() * 2 >= self._total and not memcg.is_swap_full():
            return Origin.ZSWAP if is_here else Origin.DISK
        if self.zswap is not None:
            self.zswap.invalidate(slot)
        self.swap.free(slot)
        self._slot_of[page] = _NONE
        memcg.charge_swap(-1)
        return Origin.ZSWAP if is_here else Origin.DISK
