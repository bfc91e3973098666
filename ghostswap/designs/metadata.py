# SPDX-License-Identifier: GPL-2.0-or-later
"""What swap costs in memory beside the pages: each design's fields, and their sums by use.

Sizes are those of x86-64 with 4 KiB pages. The published tables that they reproduce are in the
covers of virtual swap, v4 to v6 (20260505153854.1612033-1-nphamcs@gmail.com). They leave out what
every design needs alike: zsmalloc's pool, zswap's entries, and headers of clusters, of which only
phase 4 of the swap table counts its own (20260220-swap-table-p4-v1-13-104795d19815@tencent.com,
whose series has the dynamic ghost too).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ghostswap import kernels
from ghostswap.designs import table
from ghostswap.designs.table import Backend
from ghostswap.kernels.rules import SWAPFILE_CLUSTER, Field, Kernel, Per
from ghostswap.page import PAGE_SIZE

if TYPE_CHECKING:
    from fractions import Fraction


class Metadata(NamedTuple):
    """Memory that a design takes for itself, in bytes."""

    static_bytes: int
    dynamic_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.static_bytes + self.dynamic_bytes


class SlotCost(NamedTuple):
    """Bytes of one slot that is used, dense; *static* is taken whether it is used or not."""

    static: Fraction
    dynamic: Fraction

    @property
    def gross(self) -> Fraction:
        """All of them."""
        return self.static + self.dynamic


def fields_in(
    design: str, backend: Backend, kernel: Kernel, *, entries: bool = False
) -> tuple[Field, ...]:
    """What a slot of *design* takes part in whose page lives in *backend*.

    :param entries: as for :func:`of`.
    """
    row = table.get(design)
    absent = {Per.DISK} if backend == "zswap" else {Per.POOL, Per.ZSWAP}
    if backend == "zswap" and not row.sized:
        absent |= {Per.SLOT, Per.CLUSTER}
    return tuple(
        field
        for field in row.fields(kernel.metadata)
        if field.per not in absent and (field.published or entries)
    )


def slot_cost(design: str, backend: Backend, kernel: str, *, entries: bool = False) -> SlotCost:
    """What a slot of *design* takes whose page lives in *backend*, in bytes.

    >>> slot_cost("ghost", "zswap", "6.18").static
    Fraction(25, 8)
    """
    from fractions import Fraction  # here, for most runs do without

    static = dynamic = Fraction()
    for field in fields_in(design, backend, kernels.get(kernel), entries=entries):
        if field.is_static:
            static += field.slot_bytes
        else:
            dynamic += field.slot_bytes
    return SlotCost(static, dynamic)


def follows_kernel(design: str) -> bool:
    """Whether *design* keeps other things in another kernel."""
    rows = (kernels.get(name).metadata for name in kernels.RELEASES)
    return len({table.get(design).fields(rules) for rules in rows}) > 1


def of(
    design: str,
    kernel: str,
    *,
    slots: int,
    zswap: int = 0,
    zram: int = 0,
    disk: int = 0,
    zero: int = 0,
    clusters: int | None = None,
    disk_clusters: int | None = None,
    entries: bool = False,
) -> Metadata:
    """What *design* takes for pages that live in different places.

    :param slots: of the areas that are on: swapfiles, ghosts, zram; 0 where there is none.
    :param zswap: used slots whose page is in zswap.
    :param zram: used slots whose page is in zram's pool.
    :param disk: used slots whose page is on disk.
    :param zero: used slots whose page is in the zeromap or, in zram, kept as a word.
    :param clusters: in how many clusters the slots that page tables name are. The tables are then
        counted as they are allocated, whole; else by the slots that are used.
    :param disk_clusters: the same, of the area behind, in a design that has two layers.
    :param entries: with what published tables leave out: zswap's entries, zsmalloc's handles.
    :raises UsageError: for a design or kernel that is not known.
    """
    fields = table.get(design).fields(kernels.get(kernel).metadata)
    counts = {
        Per.SLOT: slots,
        Per.CLUSTER: -(-slots // SWAPFILE_CLUSTER),
        Per.USED: zswap + zram + disk + zero,
        Per.POOL: zswap + zram,
        Per.ZSWAP: zswap,
        Per.DISK: disk,
    }
    whole = dict(counts)
    if clusters is not None:
        whole[Per.USED] = clusters * SWAPFILE_CLUSTER
    if disk_clusters is not None:
        whole[Per.DISK] = disk_clusters * SWAPFILE_CLUSTER
    static = dynamic = 0  # of SWAPFILE_CLUSTER times as many, so that all are whole bytes
    for field in fields:
        if field.published or entries:
            cost = field.bytes * SWAPFILE_CLUSTER // field.shared_by
            cost *= (whole if field.in_clusters else counts)[field.per]
            if field.chunk and clusters is not None:
                cost = -(-clusters // field.chunk) * PAGE_SIZE * SWAPFILE_CLUSTER
            if field.is_static:
                static += cost
            else:
                dynamic += cost
    return Metadata(-(-static // SWAPFILE_CLUSTER), -(-dynamic // SWAPFILE_CLUSTER))


def break_even(
    one: str, other: str, backend: Backend, kernel: str, *, entries: bool = False
) -> Fraction | None:
    """Which part of the slots is used where two designs take the same; ``None`` if never.

    Where they start equal, or are equal throughout, no use parts them.

    >>> break_even("ghost", "vswap", "zswap", "6.18")
    Fraction(5, 13)
    """
    first = slot_cost(one, backend, kernel, entries=entries)
    second = slot_cost(other, backend, kernel, entries=entries)
    if first.dynamic == second.dynamic:
        return None
    used = (first.static - second.static) / (second.dynamic - first.dynamic)
    return used if 0 < used <= 1 else None
