# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiers of swap areas, /sys/kernel/mm/swap/tiers and memory.swap.tiers.max: the swap.tiers series.

As posted, not merged: mm/swap_tier.c of [PATCH v10] mm: swap: introduce swap tier infrastructure,
13 July 2026. It needs a kernel (6.19) where an area without a priority has -1, so that is what
the lower ones count as that older kernels give.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from ghostswap.errors import GhostswapError
from ghostswap.mm.swap.swap_info import ALL_TIERS, DEFAULT_TIER, SwapInfo
from ghostswap.units import printable

DEF_SWAP_PRIO = -1
SHRT_MAX = 32767
NR_SWAP_TIERS = 4  # CONFIG_NR_SWAP_TIERS, 1 to 31
MAX_TIERNAME = 16  # with the byte that ends it

_SEPARATORS = re.compile(r"[, \t\n]+")
_NAME = re.compile(rf"[A-Za-z0-9_]{{1,{MAX_TIERNAME - 1}}}")
_S16 = re.compile(r"[+-]?[0-9]+")


class TierError(GhostswapError):
    """The kernel would refuse a write.

    :param errno: the name of the error, as in ``EBUSY``.
    """

    def __init__(self, errno: str, message: str, hint: str) -> None:
        super().__init__(f"{message} ({errno})", hint)
        self.errno = errno


@dataclass(frozen=True, slots=True)
class Tier:
    """A range of priorities with a name.

    :ivar index: the number of its bit.
    :ivar start: the lowest priority; the highest is the one below the next tier's start.
    """

    name: str
    index: int
    start: int

    @property
    def mask(self) -> int:
        return 1 << self.index


class Tiers:
    """The tiers of a machine, none to begin with.

    Indices are given as the series' code does: the highest is the first tier's, and one that was
    given up is the next to be given. Its documentation counts from 0.

    :param areas: that are switched on; each has the bit of its tier put in ``tier_mask``.
    :param count: as many tiers as there can be.
    :ivar active: the tiers, highest priorities first.
    """

    def __init__(self, areas: Iterable[SwapInfo] = (), count: int = NR_SWAP_TIERS) -> None:
        self.active: tuple[Tier, ...] = ()
        self._areas = tuple(areas)
        self._inactive = list(range(count))  # the last is the next
        for area in self._areas:
            area.tier_mask = DEFAULT_TIER

    def write(self, text: str) -> int:
        """``echo text > /sys/kernel/mm/swap/tiers``: all of it or nothing.

        :param text: any of ``+NAME:START`` and ``-NAME``, with blanks or commas between them.
        :return: bits of tiers that were removed: :func:`forget` them in every cgroup's mask.
        :raises TierError: EINVAL, EBUSY, EEXIST or ENOSPC.
        """
        before = self.active, self._inactive[:]
        removed = 0
        try:
            for word in _SEPARATORS.split(text):
                if word.startswith("+"):
                    self._add(word)
                elif word.startswith("-"):
                    removed |= self._remove(word[1:])
                elif word:
                    raise TierError(
                        "EINVAL", f'"{printable(word)}" neither adds nor removes', _HINT
                    )
            if self.active and self.active[-1].start != DEF_SWAP_PRIO:
                raise TierError(
                    "EINVAL",
                    f"no tier has priorities from {DEF_SWAP_PRIO} to {self.active[-1].start - 1}",
                    f"the lowest starts at {DEF_SWAP_PRIO}: +NAME:{DEF_SWAP_PRIO}",
                )
        except TierError:
            self.active, self._inactive = before[0], sorted(before[1])
            raise
        for area in self._areas:
            if area.tier_mask == DEFAULT_TIER:
                area.tier_mask = self.mask_of(_prio(area))
        return removed

    def read(self) -> str:
        """``cat /sys/kernel/mm/swap/tiers``"""
        rows = ["{:<16} {:<5} {:<11} {:<11}\n".format("Name", "Idx", "PrioStart", "PrioEnd")]
        end = SHRT_MAX
        for tier in self.active:
            rows.append(f"{tier.name:<16} {tier.index:<5} {tier.start:<11} {end:<11}\n")
            end = tier.start - 1
        return "".join(rows)

    def tier_of(self, prio: int) -> Tier | None:
        """The tier that an area of priority *prio* is in; ``None`` while there are no tiers."""
        prio = max(prio, DEF_SWAP_PRIO)
        return next((tier for tier in self.active if tier.start <= prio), None)

    def mask_of(self, prio: int) -> int:
        """The bit of that tier; ``DEFAULT_TIER`` while there are none."""
        tier = self.tier_of(prio)
        return DEFAULT_TIER if tier is None else tier.mask

    def read_max(self, mask: int) -> str:
        """``cat memory.swap.tiers.max`` of a cgroup whose own mask is *mask*."""
        return "".join(
            f"{tier.name} {'max' if mask & tier.mask else '0'}\n" for tier in self.active
        )

    def write_max(self, mask: int, text: str) -> int:
        """``echo text > memory.swap.tiers.max``: the cgroup's own mask afterwards.

        :param mask: its mask before; new cgroups have ``ALL_TIERS``.
        :param text: ``NAME max`` or ``NAME 0``.
        :raises TierError: EINVAL.
        """
        words = text.split()
        if len(words) != 2 or words[1] not in ("max", "0"):
            raise TierError(
                "EINVAL",
                f'"{printable(text.strip())}" is no line of memory.swap.tiers.max',
                "write NAME max or NAME 0, one tier at a time",
            )
        bit = self._get(words[0]).mask
        return mask | bit if words[1] == "max" else mask & ~bit

    def _add(self, word: str) -> None:
        name, colon, number = word[1:].partition(":")
        start = int(number) if _S16.fullmatch(number) else SHRT_MAX + 1
        if not colon or not -SHRT_MAX - 1 <= start <= SHRT_MAX:
            raise TierError("EINVAL", f'"{printable(word)}" has no number to start at', _HINT)
        if any(tier.name == name for tier in self.active):
            raise TierError("EEXIST", f"there is a tier {name}", "remove it first, or name another")
        if not _NAME.fullmatch(name):
            raise TierError(
                "EINVAL",
                f'"{printable(name)}" is no name for a tier',
                f"1 to {MAX_TIERNAME - 1} letters, digits and underscores",
            )
        for tier in self.active:
            if tier.start == start:
                raise TierError("EBUSY", f"{tier.name} starts at {start}", "choose another start")
        self._check_split(start)
        if start < DEF_SWAP_PRIO:
            raise TierError(
                "EINVAL", f"no priority is {start}", f"they go from {DEF_SWAP_PRIO} to {SHRT_MAX}"
            )
        if not self._inactive:
            raise TierError(
                "ENOSPC",
                f"there are {len(self.active)} tiers, and no more can be",
                "remove one first, or build the kernel with more CONFIG_NR_SWAP_TIERS",
            )
        found = (*self.active, Tier(name, self._inactive.pop(), start))
        self.active = tuple(sorted(found, key=lambda tier: tier.start, reverse=True))

    def _remove(self, name: str) -> int:
        tier = self._get(name)
        self._check_split(tier.start)
        left = [other for other in self.active if other is not tier]
        if left and tier.start == DEF_SWAP_PRIO:
            left[-1] = replace(left[-1], start=DEF_SWAP_PRIO)
        self.active = tuple(left)
        self._inactive.append(tier.index)
        return tier.mask

    def _get(self, name: str) -> Tier:
        for tier in self.active:
            if tier.name == name:
                return tier
        names = ", ".join(tier.name for tier in self.active) or "none"
        raise TierError("EINVAL", f"there is no tier {printable(name)}", f"there is: {names}")

    def _check_split(self, start: int) -> None:
        """``swap_tier_can_split_range()``: an area that is on keeps its tier."""
        for area in self._areas:
            if area.tier_mask == DEFAULT_TIER or _prio(area) < start:
                continue
            tier = self.tier_of(start) if start >= DEF_SWAP_PRIO else None
            if tier is not None and tier.mask == area.tier_mask:
                raise TierError(
                    "EBUSY",
                    f"{area.path} of priority {area.prio} is on in tier {tier.name}",
                    f"start above {area.prio}, or switch it off first",
                )


_HINT = "+NAME:START adds a tier from priority START on, -NAME removes one"


def effective_mask(groups: Iterable[int]) -> int:
    """The tiers a cgroup may use, from its own mask and those of all above it."""
    return reduce(and_, groups, ALL_TIERS)


def forget(masks: Sequence[int], removed: int) -> list[int]:
    """The cgroups' masks after tiers were removed: what takes their place is allowed again."""
    return [mask | removed for mask in masks]


def _prio(area: SwapInfo) -> int:
    return max(area.prio, DEF_SWAP_PRIO)
