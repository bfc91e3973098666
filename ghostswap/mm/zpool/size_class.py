# SPDX-License-Identifier: GPL-2.0-or-later
"""``struct size_class`` of mm/zsmalloc.c: which sizes there are, and what fits into their zspages.

A *size class* holds objects up to its ``size``, packed over page borders into *zspages* of
``pages_per_zspage`` pages. Every object carries its handle, 8 bytes more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from ghostswap.kernels import v6_6
from ghostswap.kernels.rules import ChainSize, Fullness, ZsmallocRules
from ghostswap.mm.zpool.api import TooLarge

#: zsmalloc's rules since 6.4.
RECENT = v6_6.KERNEL.zsmalloc

ZS_HANDLE_SIZE = 8
ZS_MIN_ALLOC_SIZE = 32  # on every 64-bit kernel; only 32-bit PAE could need more
CLASS_BITS = 8


def _least_waste(size: int, chain_size: int, page_size: int) -> int:
    """``calculate_zspage_chain_size()``, 6.3 and later."""
    return min(range(1, chain_size + 1), key=lambda k: k * page_size % size)


def _largest_usedpc(size: int, chain_size: int, page_size: int) -> int:
    """``get_pages_per_zspage()``, up to 6.2: whole percents, so a short chain wins a near tie."""

    def usedpc(k: int) -> int:
        zspage_size = k * page_size
        return (zspage_size - zspage_size % size) * 100 // zspage_size

    return max(range(1, chain_size + 1), key=usedpc)


def _inuse_ratio(inuse: int, objs_per_zspage: int) -> int:
    """``get_fullness_group()``, 6.4 and later: tenths, so an almost full zspage is told apart."""
    if inuse == 0:
        return 0
    return 11 if inuse == objs_per_zspage else 100 * inuse // objs_per_zspage // 10 + 1


def _three_quarters(inuse: int, objs_per_zspage: int) -> int:
    """``get_fullness_group()``, up to 6.3."""
    if inuse == 0:
        return 0
    if inuse == objs_per_zspage:
        return 3
    return 1 if inuse <= 3 * objs_per_zspage // 4 else 2


_CHAIN_SIZE: Mapping[ChainSize, Callable[[int, int, int], int]] = MappingProxyType(
    {ChainSize.LARGEST_USEDPC: _largest_usedpc, ChainSize.LEAST_WASTE: _least_waste}
)
#: (inuse, objs_per_zspage) -> fullness group; 0 is empty, the last one full.
FULLNESS: Mapping[Fullness, Callable[[int, int], int]] = MappingProxyType(
    {Fullness.THREE_QUARTERS: _three_quarters, Fullness.TENTHS: _inuse_ratio}
)


@dataclass(frozen=True, slots=True)
class SizeClass:
    """The fixed part of ``struct size_class``.

    :ivar index: its place among the classes before merging, as debugfs numbers it.
    :ivar size: bytes of the largest object, handle included.
    """

    index: int
    size: int
    pages_per_zspage: int
    objs_per_zspage: int

    def __hash__(self) -> int:
        """No two of a pool are of a size; all of them are hashed wherever tables are looked up."""
        return self.size


@lru_cache(maxsize=32)
def size_classes(
    chain_size: int | None = None, page_size: int = 4096, rules: ZsmallocRules = RECENT
) -> tuple[SizeClass, ...]:
    """Lay out the size classes as ``zs_create_pool()`` does; the last one takes whole pages.

    A class that would have the zspage of the next larger one is merged into it and is absent.

    :param chain_size: 4 to 16, as Kconfig has it; the kernel's own where not given.
    :param page_size: a power of two from 4096 to 65536 bytes.
    :raises ValueError: for anything else.

    >>> classes = size_classes()
    >>> len(classes), classes[-1].size, max(c.pages_per_zspage for c in classes)
    (119, 4096, 8)
    """
    chain_size = rules.max_chain_size if chain_size is None else chain_size
    if not 4 <= chain_size <= 16:
        raise ValueError(f"chain_size {chain_size} is not within 4 to 16")
    if not 4096 <= page_size <= 65536 or page_size & (page_size - 1):
        raise ValueError(f"page_size {page_size} is not a power of two from 4096 to 65536")

    size_class_delta = page_size >> CLASS_BITS
    sizes = [*range(ZS_MIN_ALLOC_SIZE, page_size, size_class_delta), page_size]
    pages_per_zspage = _CHAIN_SIZE[rules.chain_size]
    classes: list[SizeClass] = []
    for index, size in reversed([*enumerate(sizes)]):
        pages = pages_per_zspage(size, chain_size, page_size)
        objs = pages * page_size // size
        if not classes or (pages, objs) != (
            classes[-1].pages_per_zspage,
            classes[-1].objs_per_zspage,
        ):
            classes.append(SizeClass(index, size, pages, objs))
    return tuple(reversed(classes))


def huge_class_size(classes: Sequence[SizeClass]) -> int:
    """Say from which length on an object has a page to itself, as ``zs_huge_class_size()``.

    zram stores a page of this compressed length or more as it is.

    :param classes: of :func:`size_classes`.

    >>> huge_class_size(size_classes())
    3625
    """
    packed = max(c.size for c in classes if c.pages_per_zspage != 1 and c.objs_per_zspage != 1)
    return packed - ZS_HANDLE_SIZE + 1


class Filling:
    """A pool into which objects are only ever stored: its pages from their lengths alone.

    Without frees the order of the objects is no matter, so many of one length cost one step.

    :param classes: of :func:`size_classes`.
    :ivar pages: as a :class:`~ghostswap.mm.zpool.zsmalloc.Pool`'s after as many ``malloc``.
    """

    def __init__(self, classes: tuple[SizeClass, ...]) -> None:
        self.pages = 0
        self._classes = classes
        self._class_by_length = class_by_length(classes)
        self._objects = [0] * len(classes)

    def store(self, length: int, count: int = 1) -> None:
        """Store *count* objects of *length* bytes.

        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above the page size.
        """
        if not 0 < length < len(self._class_by_length):
            raise refusal(length, self._classes[-1].size)
        self._store(self._class_by_length[length], count)

    def pages_after(self, counts: Mapping[int, int]) -> int:
        """What :attr:`pages` would be after so many more objects, by length."""
        more = [0] * len(self._classes)
        for length, count in counts.items():
            more[self._class_by_length[length]] += count
        return self.pages + sum(map(self._pages_for, range(len(more)), more))

    def _store(self, position: int, count: int) -> None:
        self.pages += self._pages_for(position, count)
        self._objects[position] += count

    def _pages_for(self, position: int, count: int) -> int:
        """Pages that *count* more objects of a class take."""
        c, before = self._classes[position], self._objects[position]
        zspages = -(-(before + count) // c.objs_per_zspage) + -before // c.objs_per_zspage
        return zspages * c.pages_per_zspage


@lru_cache(maxsize=32)
def class_by_length(classes: tuple[SizeClass, ...]) -> tuple[int, ...]:
    """Tabulate ``get_size_class_index()``: position in *classes* by length, 0 to the page size."""
    by_size: list[int] = []
    for position, c in enumerate(classes):
        by_size += [position] * (c.size + 1 - len(by_size))
    # What would not fit a page with its handle is huge: the handle is kept elsewhere.
    return (*by_size[ZS_HANDLE_SIZE:], *by_size[-1:] * ZS_HANDLE_SIZE)


def refusal(length: int, page_size: int) -> ValueError:
    """Why no pool takes an object of *length* bytes, as an error to raise."""
    if length < 1:
        return ValueError(f"an object of {length} bytes")
    return TooLarge(f"an object of {length} bytes, in pages of {page_size}")
