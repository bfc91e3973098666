# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zsmalloc.c without the bytes: which zspage an object goes to, and how many pages that takes.

The zspages of a size class (:mod:`ghostswap.mm.zpool.size_class`) are grouped by how full they
are, and a new object goes into one of the fullest that still has room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import add

from ghostswap.kernels.rules import ZsmallocRules
from ghostswap.mm.zpool.size_class import (
    FULLNESS,
    RECENT,
    SizeClass,
    class_by_length,
    refusal,
    size_classes,
)


@dataclass(frozen=True, slots=True)
class ClassStat:
    """One line of debugfs' ``zsmalloc/POOL/classes``.

    :ivar fullness: number of zspages in each of ``fullness_groups``.
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

    def __init__(self, size: SizeClass, rules: ZsmallocRules) -> None:
        self.size = size
        self.pages = size.pages_per_zspage
        full = len(rules.fullness_groups) - 1
        self.fullness_list = [
            _Head(1 << group if 0 < group < full else 0) for group in range(full + 1)
        ]
        objs, group_of = size.objs_per_zspage, FULLNESS[rules.fullness]
        self.head = [self.fullness_list[group_of(n, objs)] for n in range(objs + 1)]
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
    """A zsmalloc pool, ``struct zs_pool``; an :class:`~ghostswap.mm.zpool.api.Allocator`.

    Nothing is compacted: the kernel does that only when memory is short, or when told.

    :param chain_size: and the others as for :func:`~ghostswap.mm.zpool.size_class.size_classes`.
    :ivar pages: pages that the pool holds, ``zs_get_total_pages()``.

    >>> pool = Pool()
    >>> handles = [pool.malloc(1500) for _ in range(9)]
    >>> pool.pages
    6
    >>> for handle in handles[:8]:
    ...     pool.free(handle)
    >>> pool.pages
    3
    """

    def __init__(
        self, chain_size: int | None = None, page_size: int = 4096, rules: ZsmallocRules = RECENT
    ) -> None:
        self.pages = 0
        self._page_size = page_size
        sizes = size_classes(chain_size, page_size, rules)
        self._classes = [_Class(size, rules) for size in sizes]
        self._class_by_length = [self._classes[position] for position in class_by_length(sizes)]
        self._zspage_by_handle: list[_Zspage | None] = [None]
        self._free_handles: list[int] = []

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes, its handle not counted.

        :return: a handle from 1 up; that of a freed object is given out again.
        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above the page size.
        """
        if not 0 < length <= self._page_size:
            raise refusal(length, self._page_size)
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
