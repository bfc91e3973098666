# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zsmalloc.c without the bytes: which zspage an object goes to, and how many pages that takes.

A *size class* holds objects up to its ``size``, packed over page borders into *zspages* of
``pages_per_zspage`` pages. zspages of a class are grouped by how full they are, and a new object
goes into one of the fullest that still has room. Every object carries its handle, 8 bytes more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add
from types import MappingProxyType

from ghostswap.mm.zpool import TooLarge

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


@dataclass(frozen=True, slots=True)
class Rules:
    """What one kernel's zsmalloc does otherwise than another's.

    6.1 also puts a zspage behind the head of its new list where that one is fuller. That never
    comes about: a zspage that lost an object enters its group with as many as the group can
    have, and one that gained an object enters an empty list, or a fuller one had been taken.

    :ivar chain_size: most pages in a zspage: ``CONFIG_ZSMALLOC_CHAIN_SIZE`` as it comes, before
        6.3 the constant ``ZS_MAX_PAGES_PER_ZSPAGE``.
    :ivar pages_per_zspage: (size, chain_size, page_size) -> pages in a zspage of that size class.
    :ivar fullness: (inuse, objs_per_zspage) -> fullness group; 0 is empty, the last one full.
    :ivar fullness_groups: names of the groups, as debugfs heads its columns.
    :ivar shown_groups: those that debugfs has a column for, in its order.
    """

    chain_size: int
    pages_per_zspage: Callable[[int, int, int], int]
    fullness: Callable[[int, int], int]
    fullness_groups: tuple[str, ...]
    shown_groups: tuple[str, ...]


_TENTHS = (*(f"{tens}0%" for tens in range(1, 10)), "99%", "100%")

RULES: Mapping[str, Rules] = MappingProxyType(
    {
        "6.1": Rules(
            chain_size=4,
            pages_per_zspage=_largest_usedpc,
            fullness=_three_quarters,
            fullness_groups=("empty", "almost_empty", "almost_full", "full"),
            shown_groups=("almost_full", "almost_empty"),
        ),
        "6.12": Rules(
            chain_size=8,
            pages_per_zspage=_least_waste,
            fullness=_inuse_ratio,
            fullness_groups=("0%", *_TENTHS),
            shown_groups=_TENTHS,
        ),
    }
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


@lru_cache(maxsize=32)
def size_classes(
    chain_size: int | None = None, page_size: int = 4096, rules: str = "6.12"
) -> tuple[SizeClass, ...]:
    """Lay out the size classes as ``zs_create_pool()`` does; the last one takes whole pages.

    A class that would have the zspage of the next larger one is merged into it and is absent.

    :param chain_size: 4 to 16, as Kconfig has it; the kernel's own where not given.
    :param page_size: a power of two from 4096 to 65536 bytes.
    :param rules: a key of :data:`RULES`.
    :raises ValueError: for anything else.
    """
    if rules not in RULES:
        raise ValueError(f"no zsmalloc rules {rules!r}: one of {', '.join(RULES)}")
    kernel = RULES[rules]
    chain_size = kernel.chain_size if chain_size is None else chain_size
    if not 4 <= chain_size <= 16:
        raise ValueError(f"chain_size {chain_size} is not within 4 to 16")
    if not 4096 <= page_size <= 65536 or page_size & (page_size - 1):
        raise ValueError(f"page_size {page_size} is not a power of two from 4096 to 65536")

    size_class_delta = page_size >> CLASS_BITS
    sizes = [*range(ZS_MIN_ALLOC_SIZE, page_size, size_class_delta), page_size]
    classes: list[SizeClass] = []
    for index, size in reversed([*enumerate(sizes)]):
        pages = kernel.pages_per_zspage(size, chain_size, page_size)
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
    """
    packed = max(c.size for c in classes if c.pages_per_zspage != 1 and c.objs_per_zspage != 1)
    return packed - ZS_HANDLE_SIZE + 1


class Filling:
    """A pool into which objects are only ever stored: its pages from their lengths alone.

    Without frees the order of the objects is no matter, so many of one length cost one step.

    :param classes: of :func:`size_classes`.
    :ivar pages: as :attr:`Pool.pages` after that many calls of :meth:`Pool.malloc`.
    """

    def __init__(self, classes: Sequence[SizeClass]) -> None:
        self.pages = 0
        self._classes = classes
        self._class_by_length = _class_by_length(classes)
        self._objects = [0] * len(classes)

    def store(self, length: int, count: int = 1) -> None:
        """Store *count* objects of *length* bytes.

        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above the page size.
        """
        if not 0 < length < len(self._class_by_length):
            raise _refusal(length, self._classes[-1].size)
        self._store(self._class_by_length[length], count)

    def store_all(self, lengths: Iterable[int]) -> None:
        """Store an object of each length, all from 1 to the page size."""
        positions = map(self._class_by_length.__getitem__, lengths)
        for position, count in Counter(positions).items():
            self._store(position, count)

    def _store(self, position: int, count: int) -> None:
        c, before = self._classes[position], self._objects[position]
        self._objects[position] = after = before + count
        zspages = -(-after // c.objs_per_zspage) + -before // c.objs_per_zspage
        self.pages += zspages * c.pages_per_zspage


def _class_by_length(classes: Sequence[SizeClass]) -> list[int]:
    """Tabulate ``get_size_class_index()``: position in *classes* by length, 0 to the page size."""
    by_size: list[int] = []
    for position, c in enumerate(classes):
        by_size += [position] * (c.size + 1 - len(by_size))
    # What would not fit a page with its handle is huge: the handle is kept elsewhere.
    return by_size[ZS_HANDLE_SIZE:] + by_size[-1:] * ZS_HANDLE_SIZE


def _refusal(length: int, page_size: int) -> ValueError:
    if length < 1:
        return ValueError(f"an object of {length} bytes")
    return TooLarge(f"an object of {length} bytes, in pages of {page_size}")


@dataclass(frozen=True, slots=True)
class ClassStat:
    """One line of debugfs' ``zsmalloc/POOL/classes``.

    :ivar fullness: number of zspages in each of :attr:`Rules.fullness_groups`.
    :ivar obj_allocated: objects that the zspages of this class have room for.
    :ivar pages_used: pages that they take.
    :ivar freeable: pages that compaction could give back.
    """

    index: int
    size: int
    fullness: tuple[int, ...]
    obj_allocated: int
    obj_used: int
    pages_used: int
    pages_per_zspage: int
    freeable: int

    def __add__(self, other: ClassStat) -> ClassStat:
        """The same class in two pools."""
        return ClassStat(
            self.index,
            self.size,
            tuple(map(add, self.fullness, other.fullness)),
            self.obj_allocated + other.obj_allocated,
            self.obj_used + other.obj_used,
            self.pages_used + other.pages_used,
            self.pages_per_zspage,
            self.freeable + other.freeable,
        )


class _Zspage:
    """``struct zspage``: on the list of *head*."""

    __slots__ = ("class_", "head", "inuse", "next", "prev")

    def __init__(self, class_: _Class) -> None:
        self.class_ = class_
        self.head = class_.fullness_list[0]
        self.inuse = 0
        self.next: _Zspage = self
        self.prev: _Zspage = self


class _Head(_Zspage):
    """The head of a list of zspages, as full as each other.

    :ivar bit: of the list in :attr:`_Class.usable`; 0 where no zspage is kept, or has room.
    """

    __slots__ = ("bit",)

    def __init__(self, bit: int) -> None:
        self.bit = bit
        self.next = self.prev = self

    def __iter__(self) -> Iterator[_Zspage]:
        """``list_for_each_entry()``"""
        zspage = self.next
        while zspage is not self:
            yield zspage
            zspage = zspage.next


class _Class:
    """The part of ``struct size_class`` that changes: its zspages.

    :ivar fullness_list: heads of the groups' lists.
    :ivar head: of them, the one for a zspage by its objects in use.
    :ivar usable: bit per group that has a zspage with room, so that finding one is one step.
    """

    __slots__ = ("fullness_list", "head", "pages", "size", "usable")

    def __init__(self, size: SizeClass, rules: Rules) -> None:
        self.size = size
        self.pages = size.pages_per_zspage
        full = len(rules.fullness_groups) - 1
        self.fullness_list = [
            _Head(1 << group if 0 < group < full else 0) for group in range(full + 1)
        ]
        objs = size.objs_per_zspage
        self.head = [self.fullness_list[rules.fullness(n, objs)] for n in range(objs + 1)]
        self.usable = 0

    def fix_fullness_group(self, zspage: _Zspage) -> None:
        """Take *zspage* off its list, if it is on one, and put it where it belongs now."""
        prev, next_ = zspage.prev, zspage.next
        prev.next = next_
        next_.prev = prev
        if prev is next_:  # the head, left alone
            self.usable &= ~zspage.head.bit
        zspage.head = zspage.prev = head = self.head[zspage.inuse]
        zspage.next = first = head.next
        first.prev = head.next = zspage
        self.usable |= head.bit

    def free_zspage(self) -> None:
        """Drop the zspage that has become empty."""
        empty = self.fullness_list[0]
        empty.next = empty.prev = empty

    def stat(self) -> ClassStat:
        size = self.size
        inuse = [[zspage.inuse for zspage in head] for head in self.fullness_list]
        zspages = sum(map(len, inuse))
        obj_allocated = zspages * size.objs_per_zspage
        obj_used = sum(map(sum, inuse))
        wasted = (obj_allocated - obj_used) // size.objs_per_zspage
        return ClassStat(
            index=size.index,
            size=size.size,
            fullness=tuple(map(len, inuse)),
            obj_allocated=obj_allocated,
            obj_used=obj_used,
            pages_used=zspages * size.pages_per_zspage,
            pages_per_zspage=size.pages_per_zspage,
            freeable=wasted * size.pages_per_zspage,
        )


class Pool:
    """A zsmalloc pool, ``struct zs_pool``; an :class:`~ghostswap.mm.zpool.Allocator`.

    Nothing is compacted: the kernel does that only when memory is short, or when told.

    :param chain_size: and the others as for :func:`size_classes`.
    :ivar pages: pages that the pool holds, ``zs_get_total_pages()``.
    """

    def __init__(
        self, chain_size: int | None = None, page_size: int = 4096, rules: str = "6.12"
    ) -> None:
        self.pages = 0
        self._page_size = page_size
        sizes = size_classes(chain_size, page_size, rules)
        self._classes = [_Class(size, RULES[rules]) for size in sizes]
        self._class_by_length = [self._classes[position] for position in _class_by_length(sizes)]
        self._zspage_by_handle: list[_Zspage | None] = [None]
        self._free_handles: list[int] = []

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes, its handle not counted.

        :return: a handle from 1 up; that of a freed object is given out again.
        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above the page size.
        """
        if not 0 < length <= self._page_size:
            raise _refusal(length, self._page_size)
        class_ = self._class_by_length[length]
        usable = class_.usable
        if usable:
            zspage = class_.fullness_list[usable.bit_length() - 1].next
            zspage.inuse = inuse = zspage.inuse + 1
            if zspage.head is not class_.head[inuse]:
                class_.fix_fullness_group(zspage)
        else:
            zspage = _Zspage(class_)
            zspage.inuse = 1
            class_.fix_fullness_group(zspage)
            self.pages += class_.pages
        if self._free_handles:
            handle = self._free_handles.pop()
            self._zspage_by_handle[handle] = zspage
        else:
            handle = len(self._zspage_by_handle)
            self._zspage_by_handle.append(zspage)
        return handle

    def free(self, handle: int) -> None:
        """Give an object's room back; the zspage goes with its last object.

        :raises ValueError: where *handle* is not that of a live object.
        """
        zspages = self._zspage_by_handle
        zspage = zspages[handle] if 0 < handle < len(zspages) else None
        if zspage is None:
            raise ValueError(f"no live object has the handle {handle}")
        zspages[handle] = None
        self._free_handles.append(handle)
        class_ = zspage.class_
        zspage.inuse = inuse = zspage.inuse - 1
        if zspage.head is not class_.head[inuse]:
            class_.fix_fullness_group(zspage)
            if not inuse:
                class_.free_zspage()
                self.pages -= class_.pages

    def classes(self) -> tuple[ClassStat, ...]:
        """Take stock of every class, by index, as debugfs' ``classes`` file does."""
        return tuple(class_.stat() for class_ in self._classes)
