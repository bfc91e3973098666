# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zsmalloc.c without the bytes: which zspage an object goes to, and how many pages that takes.

The zspages of a size class (:mod:`ghostswap.mm.size_class`) are grouped by how full they are, and
a new object goes into one of the fullest that still has room.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from operator import add

from ghostswap.mm.size_class import RULES, Rules, SizeClass, class_by_length, refusal, size_classes


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


class _Class:
    """The part of ``struct size_class`` that changes: its zspages, by their numbers.

    :ivar groups: ``fullness_list``: zspages by fullness group. The head of the kernel's list comes
        last, for a dictionary gives up its last key in one step, and any other when asked for it.
    :ivar group_of: of them, the one for a zspage by its objects in use.
    :ivar bit_of: by objects in use, the bit of that group in
    :ivar usable: the groups that have a zspage with room; the full and the empty are none.
    """

    __slots__ = ("bit_of", "group_of", "groups", "pages", "size", "usable")

    def __init__(self, size: SizeClass, rules: Rules) -> None:
        self.size = size
        self.pages = size.pages_per_zspage
        self.groups: list[dict[int, None]] = [{} for _ in rules.fullness_groups]
        objs, full = size.objs_per_zspage, len(self.groups) - 1
        fullness = [rules.fullness(inuse, objs) for inuse in range(objs + 1)]
        self.group_of = [self.groups[group] for group in fullness]
        self.bit_of = [1 << group if 0 < group < full else 0 for group in fullness]
        self.usable = 0


class Pool:
    """A zsmalloc pool, ``struct zs_pool``; an :class:`~ghostswap.mm.zpool.Allocator`.

    Nothing is compacted: the kernel does that only when memory is short, or when told.

    :param chain_size: and the others as for :func:`~ghostswap.mm.size_class.size_classes`.
    :ivar pages: pages that the pool holds, ``zs_get_total_pages()``.
    """

    def __init__(
        self, chain_size: int | None = None, page_size: int = 4096, rules: str = "6.12"
    ) -> None:
        self.pages = 0
        self._page_size = page_size
        sizes = size_classes(chain_size, page_size, rules)
        self._classes = [_Class(size, RULES[rules]) for size in sizes]
        self._class_by_length = [self._classes[position] for position in class_by_length(sizes)]
        self._zspage_by_handle = array("I", (0,))  # 0 where no object is
        self._free_handles = array("I")
        # By zspage; none is 0.
        self._inuse = array("H", (0,))
        self._class_of = self._classes[:1]
        self._free_zspages = array("I")

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
            group = class_.groups[usable.bit_length() - 1]
            zspage, _ = group.popitem()
            inuse = self._inuse[zspage]
            if not group:
                usable ^= class_.bit_of[inuse]
            inuse += 1
        else:
            zspage = self._new_zspage(class_)
            inuse = 1
        self._inuse[zspage] = inuse
        class_.group_of[inuse][zspage] = None
        class_.usable = usable | class_.bit_of[inuse]
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
        zspage = zspages[handle] if 0 < handle < len(zspages) else 0
        if not zspage:
            raise ValueError(f"no live object has the handle {handle}")
        zspages[handle] = 0
        self._free_handles.append(handle)
        class_, inuse = self._class_of[zspage], self._inuse[zspage]
        before, after = class_.group_of[inuse], class_.group_of[inuse - 1]
        self._inuse[zspage] = inuse - 1
        if after is before:
            return
        del before[zspage]
        if not before:
            class_.usable &= ~class_.bit_of[inuse]
        if inuse > 1:
            after[zspage] = None
            class_.usable |= class_.bit_of[inuse - 1]
        else:
            self._free_zspages.append(zspage)
            self.pages -= class_.pages

    def classes(self) -> tuple[ClassStat, ...]:
        """Take stock of every class, by index, as debugfs' ``classes`` file does."""
        return tuple(map(self._stat, self._classes))

    def _new_zspage(self, class_: _Class) -> int:
        self.pages += class_.pages
        if self._free_zspages:
            zspage = self._free_zspages.pop()
            self._class_of[zspage] = class_
            return zspage
        self._inuse.append(0)
        self._class_of.append(class_)
        return len(self._inuse) - 1

    def _stat(self, class_: _Class) -> ClassStat:
        size = class_.size
        zspages = sum(map(len, class_.groups))
        obj_allocated = zspages * size.objs_per_zspage
        obj_used = sum(self._inuse[zspage] for group in class_.groups for zspage in group)
        wasted = (obj_allocated - obj_used) // size.objs_per_zspage
        return ClassStat(
            index=size.index,
            size=size.size,
            fullness=tuple(map(len, class_.groups)),
            obj_allocated=obj_allocated,
            obj_used=obj_used,
            pages_used=zspages * size.pages_per_zspage,
            pages_per_zspage=size.pages_per_zspage,
            freeable=wasted * size.pages_per_zspage,
        )
