# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zsmalloc.c without the bytes: which zspage an object goes to, and how many pages that takes.

The zspages of a size class (:mod:`ghostswap.mm.zpool.size_class`) are grouped by how full they
are, and a new object goes into one of the fullest that still has room.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import add

from ghostswap.kernels.rules import ZsmallocRules
from ghostswap.mm.columns import grown, zeros
from ghostswap.mm.zpool.api import Allocator
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


# A zspage is a row of words, and known by the place of its row as it is by its address in the
# kernel. The heads of lists are rows, too. No row is at 0.
_NEXT, _PREV, _HEAD, _CLASS = range(4)
_ROW_SHIFT = 2
_ROW = 1 << _ROW_SHIFT
#: The word of _CLASS: the number of the class above, objects in use below.
_CLASS_SHIFT = 16
_INUSE = 0xFFFF
#: Of a handle that is free; the rest says which one was freed before.
_FREE = 1 << 31
#: By a class's usable groups, the fullest of them.
_FULLEST = bytes(max(usable.bit_length() - 1, 0) for usable in range(1 << 12))


@lru_cache(maxsize=32)
def _classes_of(sizes: tuple[SizeClass, ...]) -> memoryview:
    """By length, the number of an object's class."""
    return memoryview(array("H", class_by_length(sizes)))


@lru_cache(maxsize=32)
def _heads_of(sizes: tuple[SizeClass, ...], rules: ZsmallocRules) -> memoryview:
    """By class and objects in use, the head of the list that such a zspage is on."""
    groups, group_of = len(rules.fullness_groups), FULLNESS[rules.fullness]
    return memoryview(
        array(
            "I",
            (
                (number * groups + group_of(inuse, size.objs_per_zspage) + 1) * _ROW
                for number, size in enumerate(sizes)
                for inuse in range(size.objs_per_zspage + 1)
            ),
        )
    )


class Pool(Allocator):
    """A zsmalloc pool, ``struct zs_pool``.

    Nothing is compacted: the kernel does that only when memory is short, or when told.

    :param chain_size: and the others as for :func:`~ghostswap.mm.zpool.size_class.size_classes`.

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
        super().__init__(page_size)
        self._sizes = size_classes(chain_size, page_size, rules)
        self._groups = len(rules.fullness_groups)
        self._class_of = _classes_of(self._sizes)  # by length
        self._first_head = zeros("I", len(self._sizes))  # by class, where in the next column
        self._head_of = _heads_of(self._sizes, rules)  # by objects in use
        self._pages = zeros("I", len(self._sizes))  # by class, of a zspage
        self._usable = zeros("I", len(self._sizes))  # by class, a bit for a group with room
        first = 0
        for number, size in enumerate(self._sizes):
            self._pages[number] = size.pages_per_zspage
            self._first_head[number] = first
            first += size.objs_per_zspage + 1
        self._end = self._head(len(self._sizes), 0)
        self._rows = zeros("I", 2 * self._end)
        for head in range(_ROW, self._end, _ROW):
            self._rows[head + _NEXT] = self._rows[head + _PREV] = head
        self._unused = 0  # row of the zspage that was freed last; its next is the one before
        self._zspage = zeros("I", 64)  # by handle
        self._handles = 1
        self._free_handle = 0  # that was freed last

    def malloc(self, length: int) -> int:
        """Place an object of *length* bytes, its handle not counted.

        :return: a handle from 1 up; that of a freed object is given out again.
        :raises ValueError: for a length below 1, :exc:`TooLarge` for one above the page size.
        """
        if not 0 < length <= self.max_length:
            raise refusal(length, self.max_length)
        number = self._class_of[length]
        usable = self._usable[number]
        if usable:
            zspage = self._rows[self._head(number, _FULLEST[usable]) + _NEXT]
        else:
            zspage = self._new_zspage(number)
            self.pages += self._pages[number]
        self._rows[zspage + _CLASS] += 1
        self._fix_fullness_group(zspage)
        handle = self._free_handle
        if handle:
            self._free_handle = self._zspage[handle] & ~_FREE
        else:
            handle = self._handles
            self._handles += 1
            if handle >= len(self._zspage):
                self._zspage = grown("I", self._zspage, handle)
        self._zspage[handle] = zspage
        return handle

    def free(self, handle: int) -> None:
        """Give an object's room back; the zspage goes with its last object.

        :raises ValueError: where *handle* is not that of a live object.
        """
        zspage = self._zspage[handle] if 0 < handle < self._handles else _FREE
        if zspage & _FREE:
            raise ValueError(f"no live object has the handle {handle}")
        self._zspage[handle] = self._free_handle | _FREE
        self._free_handle = handle
        self._rows[zspage + _CLASS] -= 1
        self._fix_fullness_group(zspage)
        if not self._rows[zspage + _CLASS] & _INUSE:
            self._unlink(zspage)
            self.pages -= self._pages[self._rows[zspage + _CLASS] >> _CLASS_SHIFT]
            self._rows[zspage + _NEXT] = self._unused
            self._unused = zspage

    def classes(self) -> tuple[ClassStat, ...]:
        """Take stock of every class, by index, as debugfs' ``classes`` file does."""
        return tuple(map(self._stat, range(len(self._sizes))))

    def _head(self, number: int, group: int) -> int:
        """The head of the list of class *number* for zspages as full as *group*."""
        return number * self._groups + group + 1 << _ROW_SHIFT

    def _new_zspage(self, number: int) -> int:
        """A zspage of class *number*, on no list."""
        zspage = self._unused
        if zspage:
            self._unused = self._rows[zspage + _NEXT]
        else:
            zspage = self._end
            self._end += _ROW
            if self._end > len(self._rows):
                self._rows = grown("I", self._rows, self._end)
        self._rows[zspage + _NEXT] = self._rows[zspage + _PREV] = zspage
        self._rows[zspage + _HEAD] = self._head(number, 0)
        self._rows[zspage + _CLASS] = number << _CLASS_SHIFT
        return zspage

    def _fix_fullness_group(self, zspage: int) -> None:
        """``fix_fullness_group()``: put *zspage* at the front of the list that it belongs on now.

        It stays where it is if it is on that list.
        """
        word = self._rows[zspage + _CLASS]
        number = word >> _CLASS_SHIFT
        head = self._head_of[self._first_head[number] + (word & _INUSE)]
        if head == self._rows[zspage + _HEAD]:
            return
        self._unlink(zspage)
        first = self._rows[head + _NEXT]
        self._rows[zspage + _NEXT] = first
        self._rows[zspage + _PREV] = head
        self._rows[zspage + _HEAD] = head
        self._rows[first + _PREV] = self._rows[head + _NEXT] = zspage
        self._usable[number] |= self._bit(head, number)

    def _unlink(self, zspage: int) -> None:
        """``list_del()``; a list that is empty then has no zspage to use."""
        after, before = self._rows[zspage + _NEXT], self._rows[zspage + _PREV]
        self._rows[before + _NEXT] = after
        self._rows[after + _PREV] = before
        if after == before:  # the head, left alone
            number = self._rows[zspage + _CLASS] >> _CLASS_SHIFT
            self._usable[number] &= ~self._bit(self._rows[zspage + _HEAD], number)

    def _bit(self, head: int, number: int) -> int:
        """Of the list of *head* in :attr:`_usable`: none if its zspages are empty or full."""
        group = head - self._head(number, 0) >> _ROW_SHIFT
        return 1 << group if 0 < group < self._groups - 1 else 0

    def _stat(self, number: int) -> ClassStat:
        size = self._sizes[number]
        heads = [self._head(number, group) for group in range(self._groups)]
        inuse = [[*self._inuse_on(head)] for head in heads]
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

    def _inuse_on(self, head: int) -> Iterator[int]:
        """Objects in use of each zspage on the list of *head*."""
        zspage = self._rows[head + _NEXT]
        while zspage != head:
            yield self._rows[zspage + _CLASS] & _INUSE
            zspage = self._rows[zspage + _NEXT]
