# SPDX-License-Identifier: GPL-2.0-or-later
"""A cgroup's limits, and what is charged to it and to all above it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ghostswap.mm.swap.swap_info import ALL_TIERS
from ghostswap.page import PAGE_SIZE


@dataclass(eq=False)
class Cgroup:
    """As much of ``struct mem_cgroup`` (include/linux/memcontrol.h) as swap uses.

    What is counted here is of this group and all below it; limits and knobs are its own.

    :ivar zswap_max: ``memory.zswap.max`` in bytes, ``None`` for no limit.
    :ivar zswap_writeback: ``memory.zswap.writeback`` of this group alone.
    :ivar memory_max: ``memory.max`` in bytes, ``None`` for no limit; so
    :ivar swap_max: ``memory.swap.max``.
    :ivar swap_tiers: ``memory.swap.tiers.max`` as a mask of tiers, the parents' already taken off.
    :ivar parent: the group above it, ``None`` for one right below the root.
    :ivar lineage: this group and all above it, upwards.
    :ivar zswap_limited: those of them that have a *zswap_max* from the start.
    :ivar zswap_bytes: ``memory.zswap.current``: compressed lengths, not pages of the pool.
    :ivar zswapped: pages in zswap; of them
    :ivar zswap_incomp: those that are kept as they are (``memory.stat``'s has their bytes).
    :ivar swap_pages: ``memory.swap.current`` in pages: slots, wherever their pages are.
    :ivar memory_pages: pages of processes in memory, and of the kernel on their behalf; together
        with the bytes in zswap ``memory.current``.
    :ivar nr_disk_swapins: pages read from disk since the shrinker last looked; of this group alone.
    """

    zswap_max: int | None = None
    zswap_writeback: bool = True
    memory_max: int | None = None
    swap_max: int | None = None
    swap_tiers: int = ALL_TIERS
    parent: Cgroup | None = None
    swap_pages: int = 0
    zswap_bytes: int = 0
    zswapped: int = 0
    zswap_incomp: int = 0
    nr_disk_swapins: int = 0
    memory_pages: int = 0
    lineage: tuple[Cgroup, ...] = field(init=False, repr=False)
    zswap_limited: tuple[Cgroup, ...] = field(init=False, repr=False)
    # Most groups have no limits, and are asked all the time.
    _swap_limits: tuple[tuple[Cgroup, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.lineage = (self,) if self.parent is None else (self, *self.parent.lineage)
        self._swap_limits = tuple(
            (group, group.swap_max // PAGE_SIZE)
            for group in self.lineage
            if group.swap_max is not None
        )
        self.zswap_limited = tuple(group for group in self.lineage if group.zswap_max is not None)

    def may_zswap(self, pages: int = 0) -> bool:
        """``obj_cgroup_may_zswap()``, after *pages* more that did not compress at all."""
        for group in self.zswap_limited:
            most = group.zswap_max
            if most is not None and group.zswap_bytes // PAGE_SIZE + pages >= most // PAGE_SIZE:
                return False
        return True

    def may_write_back(self) -> bool:
        """``mem_cgroup_zswap_writeback_enabled()``: no group up to the root forbids it."""
        for group in self.lineage:  # noqa: SIM110  # asked at every page
            if not group.zswap_writeback:
                return False
        return True

    def charge_zswap(self, pages: int, size: int, as_is: int = 0) -> None:
        """``obj_cgroup_charge_zswap()``; below 0 ``obj_cgroup_uncharge_zswap()``.

        :param as_is: of the *pages*, those that did not compress.
        """
        for group in self.lineage:
            group.zswapped += pages
            group.zswap_bytes += size
            group.zswap_incomp += as_is

    def try_charge_swap(self) -> bool:
        """``__mem_cgroup_try_charge_swap()``: charge a slot, if no limit up to the root forbids."""
        if not self.has_swap():
            return False
        for group in self.lineage:
            group.swap_pages += 1
        return True

    def charge_swap(self, slots: int) -> None:
        """Charge *slots* to this group and all above it; below 0, give them back."""
        for group in self.lineage:
            group.swap_pages += slots

    def is_swap_full(self) -> bool:
        """``mem_cgroup_swap_full()``: half of some limit is in use, so slots are not kept."""
        for group, most in self._swap_limits:  # noqa: SIM110  # asked at every page
            if group.swap_pages * 2 >= most:
                return True
        return False

    @property
    def is_swap_limited(self) -> bool:
        """Whether some group up to the root has a ``memory.swap.max``."""
        return bool(self._swap_limits)

    def has_swap(self, slots: int = 1) -> bool:
        """``mem_cgroup_get_nr_swap_pages()``: whether so many *slots* may still be taken."""
        for group, most in self._swap_limits:  # noqa: SIM110  # asked at every page
            if group.swap_pages + slots > most:
                return False
        return True


class Member(NamedTuple):
    """A cgroup with processes, and the numbers of their pages: so many from *first* on."""

    cgroup: Cgroup
    first: int
    pages: int
