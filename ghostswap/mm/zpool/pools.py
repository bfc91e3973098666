# SPDX-License-Identifier: GPL-2.0-or-later
"""The allocators behind one zswap: of the type asked for, and as many as the kernel makes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ghostswap.kernels.rules import Kernel
from ghostswap.mm.zpool import z3fold, zbud, zsmalloc
from ghostswap.mm.zpool.api import Allocator
from ghostswap.mm.zpool.size_class import Filling, size_classes
from ghostswap.mm.zpool.zsmalloc import ClassStat

Pool = zsmalloc.Pool | zbud.Pool | z3fold.Pool


def create(kernel: Kernel, zpool: str, seed: int) -> Pool | ManyPools:
    """``zswap_pool_create()``.

    :param zpool: one of ``kernel.zswap.zpools``.
    :param seed: of the choice among many pools.
    """
    pools = [_create(kernel, zpool) for _ in range(kernel.zswap.nr_zpools)]
    return pools[0] if len(pools) == 1 else ManyPools(pools, seed)


def _create(kernel: Kernel, zpool: str) -> Pool:
    header_size = kernel.zswap.evictable_header_size
    match zpool:
        case "zsmalloc":
            return zsmalloc.Pool(rules=kernel.zsmalloc)
        case "zbud":
            return zbud.Pool(header_size)
        case "z3fold":
            return z3fold.Pool(header_size)
    raise ValueError(f"no allocator {zpool!r}")


class _Lots:
    """Which pool the next object goes to: the kernel hashes its address, here lots are drawn."""

    def __init__(self, nr_zpools: int, seed: int) -> None:
        self._numbers = range(nr_zpools)
        self._random = random.Random(seed)

    def draw(self, count: int) -> list[int]:
        """The next *count* lots: the same ones whether drawn at once or one by one."""
        return self._random.choices(self._numbers, k=count)


class ManyPools(Allocator):
    """``ZSWAP_NR_ZPOOLS`` allocators (6.6) as one, with the pages that they hold together."""

    def __init__(self, pools: Sequence[Pool], seed: int) -> None:
        super().__init__(pools[0].max_length)
        self._pools = pools
        self._lots = _Lots(len(pools), seed)

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes; handle and errors as the pool's own."""
        (number,) = self._lots.draw(1)
        pool = self._pools[number]
        before = pool.pages
        handle = pool.malloc(length)
        self.pages += pool.pages - before
        return handle * len(self._pools) + number

    def free(self, handle: int) -> None:
        """Give the object's room back."""
        inner, number = divmod(handle, len(self._pools))
        pool = self._pools[number]
        before = pool.pages
        pool.free(inner)
        self.pages += pool.pages - before

    def classes(self) -> tuple[ClassStat, ...]:
        """Take stock of every size class, over all pools."""
        stocks = [pool.classes() for pool in self._pools if isinstance(pool, zsmalloc.Pool)]
        return tuple(sum(same[1:], same[0]) for same in zip(*stocks, strict=True))


class Fillings:
    """As many pages as :func:`create`'s zsmalloc would hold, while objects are only stored."""

    def __init__(self, kernel: Kernel, seed: int) -> None:
        classes = size_classes(rules=kernel.zsmalloc)
        self._largest_zspage = max(c.pages_per_zspage for c in classes)
        self._fillings = [Filling(classes) for _ in range(kernel.zswap.nr_zpools)]
        self._lots = _Lots(kernel.zswap.nr_zpools, seed)

    @property
    def pages(self) -> int:
        """Pages that they hold together."""
        return sum(filling.pages for filling in self._fillings)

    def pages_after(self, counts: Mapping[int, int]) -> int:
        """Most pages that they could hold after so many more objects, by length."""
        if len(self._fillings) == 1:
            return self._fillings[0].pages_after(counts)
        return self.pages + sum(counts.values()) * self._largest_zspage

    def store(self, counts: Mapping[int, int], in_order: Iterable[int]) -> None:
        """Store objects.

        :param counts: how many, by length.
        :param in_order: the length of each; looked at only where lots are drawn for them.
        """
        if len(self._fillings) == 1:
            for length, count in counts.items():
                self._fillings[0].store(length, count)
        else:
            lengths = tuple(in_order)
            lots = self._lots.draw(len(lengths))
            for (number, length), count in Counter(zip(lots, lengths, strict=True)).items():
                self._fillings[number].store(length, count)
