# SPDX-License-Identifier: GPL-2.0-or-later
"""What zswap asks of a cgroup (v2), and what it charges to it."""

from __future__ import annotations

from dataclasses import dataclass

from ghostswap.pages.source import PAGE_SIZE


@dataclass(slots=True)
class Cgroup:
    """As much of ``struct mem_cgroup`` as zswap uses; a group without a parent.

    :ivar zswap_max: ``memory.zswap.max`` in bytes, ``None`` for no limit.
    :ivar zswap_writeback: ``memory.zswap.writeback``.
    :ivar zswap_bytes: ``memory.zswap.current``: compressed lengths, not pages of the pool.
    :ivar zswapped: pages in zswap.
    :ivar nr_disk_swapins: pages read from disk since the shrinker last looked.
    """

    zswap_max: int | None = None
    zswap_writeback: bool = True
    zswap_bytes: int = 0
    zswapped: int = 0
    nr_disk_swapins: int = 0

    def may_zswap(self, pages: int = 0) -> bool:
        """``obj_cgroup_may_zswap()``, after *pages* more that did not compress at all."""
        if self.zswap_max is None:
            return True
        return self.zswap_bytes // PAGE_SIZE + pages < self.zswap_max // PAGE_SIZE
