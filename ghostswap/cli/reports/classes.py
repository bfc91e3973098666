# SPDX-License-Identifier: GPL-2.0-or-later
"""zsmalloc's size classes as /sys/kernel/debug/zsmalloc/POOL/classes shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ghostswap.kernels.rules import ZsmallocRules
from ghostswap.mm.zpool.zsmalloc import ClassStat

_HEAD = (("class", 5), ("size", 5))
_TAIL = (
    ("obj_allocated", 13),
    ("obj_used", 10),
    ("pages_used", 10),
    ("pages_per_zspage", 16),
    ("freeable", 8),
)


class Classes(NamedTuple):
    """``zs_stats_size_show()`` in mm/zsmalloc.c.

    :ivar stats: one for each size class, used or not.
    """

    stats: Sequence[ClassStat]
    rules: ZsmallocRules

    def rows(self) -> list[dict[str, int]]:
        """A line each, by the names of the columns."""
        groups = self.rules.fullness_groups
        return [
            {
                "class": stat.index,
                "size": stat.size,
                **{name: stat.fullness[groups.index(name)] for name in self.rules.shown_groups},
                **{name: getattr(stat, name) for name, _ in _TAIL},
            }
            for stat in self.stats
        ]

    def lines(self) -> Iterator[str]:
        """The file, line by line, with the kernel's widths."""
        columns = (*_HEAD, *((name, max(9, len(name))) for name in self.rules.shown_groups), *_TAIL)
        rows = self.rows()
        sums: dict[str, str | int] = {name: sum(row[name] for row in rows) for name, _ in columns}
        sums |= {"class": "Total", "size": "", "pages_per_zspage": ""}
        heads = {name: name for name, _ in columns}
        for row in (heads, *rows, None, sums):
            cells = () if row is None else (f"{row[name]:>{width}}" for name, width in columns)
            yield " ".join(("", *cells))
