# SPDX-License-Identifier: GPL-2.0-or-later
"""What swap costs in memory beside the pages: each design's fields, and their sums by use.

Sizes are those of x86-64 with 4 KiB pages. The published tables that they reproduce are in the
covers of virtual swap, v4 to v6 (20260505153854.1612033-1-nphamcs@gmail.com). They leave out what
every design needs alike: zsmalloc's pool, zswap's entries, and headers of clusters, of which only
phase 4 of the swap table counts its own (20260220-swap-table-p4-v1-13-104795d19815@tencent.com,
whose series has the dynamic ghost too).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import ceil
from typing import Literal

from ghostswap import kernels
from ghostswap.area.judge.slot_maps import SLOT_MAPS
from ghostswap.errors import UsageError
from ghostswap.mm.swap.slot_map import SWAPFILE_CLUSTER
from ghostswap.mm.zpool.size_class import ZS_HANDLE_SIZE
from ghostswap.units import printable

#: Where pages live: compressed in memory (zswap's pool, or zram's), or on disk.
Backend = Literal["zswap", "disk"]


class Per(Enum):
    """What a field is needed for, each one of."""

    SLOT = "slot"  # of the area that is on, used or not
    CLUSTER = "cluster"  # of that area, used or not
    USED = "used slot"  # wherever its page is, the zeromap included
    ZSWAP = "page in zswap"  # or in zram
    DISK = "page on disk"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a design keeps.

    :ivar bytes: of one, exactly.
    :ivar in_clusters: a table that is allocated for all slots of a cluster as soon as one of them
        is used.
    :ivar published: counted in the published tables; else it is what they leave out of every
        design alike.
    """

    name: str
    bytes: Fraction | int
    per: Per
    in_clusters: bool = False
    published: bool = True

    @property
    def is_static(self) -> bool:
        """Whether it is there before any slot is used."""
        return self.per in (Per.SLOT, Per.CLUSTER)

    @property
    def slot_bytes(self) -> Fraction:
        """A slot's share."""
        return Fraction(self.bytes, SWAPFILE_CLUSTER if self.per is Per.CLUSTER else 1)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Memory that a design takes for itself, in bytes."""

    static_bytes: int
    dynamic_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.static_bytes + self.dynamic_bytes


@dataclass(frozen=True, slots=True)
class SlotCost:
    """Bytes of one slot that is used, dense; *static* is taken whether it is used or not."""

    static: Fraction
    dynamic: Fraction

    @property
    def gross(self) -> Fraction:
        """All of them."""
        return self.static + self.dynamic


@dataclass(frozen=True, slots=True)
class Design:
    """A way to keep pages that left memory.

    :ivar status: "merged", "merged in" a release, or "posted, not merged".
    :ivar description: one line.
    :ivar fields: by kernel, a name of :data:`ghostswap.kernels.RELEASES`.
    :ivar backends: where its pages can live; the zeromap is everywhere.
    :ivar sized: pages in zswap take slots of an area that somebody gave a size.
    """

    name: str
    status: str
    description: str
    fields: Mapping[str, tuple[Field, ...]]
    backends: tuple[Backend, ...] = ("zswap", "disk")
    sized: bool = True

    @property
    def follows_kernel(self) -> bool:
        """Whether it is another one in another kernel."""
        return len(set(self.fields.values())) > 1

    def fields_in(
        self, backend: Backend, kernel: str, *, entries: bool = False
    ) -> tuple[Field, ...]:
        """What a slot takes part in whose page lives in *backend*; *entries* as for :func:`of`."""
        absent = {Per.DISK if backend == "zswap" else Per.ZSWAP}
        if backend == "zswap" and not self.sized:
            absent |= {Per.SLOT, Per.CLUSTER}
        return tuple(
            field
            for field in self.fields[kernel]
            if field.per not in absent and (field.published or entries)
        )

    def slot_cost(self, backend: Backend, kernel: str, *, entries: bool = False) -> SlotCost:
        """What a slot takes whose page lives in *backend*."""
        static = dynamic = Fraction()
        for field in self.fields_in(backend, kernel, entries=entries):
            if field.is_static:
                static += field.slot_bytes
            else:
                dynamic += field.slot_bytes
        return SlotCost(static, dynamic)


def _entry(size: int) -> Field:
    """``struct zswap_entry`` in mm/zswap.c."""
    return Field("zswap_entry", size, Per.ZSWAP, published=False)


def _tree(size: int) -> Field:
    return Field("zswap tree", size, Per.ZSWAP)


# A node of an XArray is 576 bytes for 64 slots; published figures count the 8 of its pointers.
_SWAP_CACHE = Field("swap cache", 9, Per.USED)
_SWAP_TABLE = Field("swap table", 8, Per.USED, in_clusters=True)
_CLUSTER_INFO = Field("cluster info", 48, Per.CLUSTER)
_MEMCG_TABLE = Field("memcg table", 2, Per.USED, in_clusters=True)
_REVERSE_MAP = Field("reverse map", 8, Per.DISK, in_clusters=True)
_VIRTUAL_TABLE = Field("virtual table", 8, Per.USED, in_clusters=True)
_HANDLE = Field("zsmalloc handle", ZS_HANDLE_SIZE, Per.ZSWAP, published=False)
_ZRAM_TABLE = Field("zram table", 16, Per.SLOT)  # struct zram_table_entry, from disksize on

#: Slots in use, and zswap over them; up to 6.6 the tree is in the entries.
_IN_USE: dict[str, tuple[Field, ...]] = {
    "6.1": (_SWAP_CACHE, _entry(64), _HANDLE),
    "6.6": (_SWAP_CACHE, _entry(80), _HANDLE),
    "6.12": (_SWAP_CACHE, _tree(9), _entry(56), _HANDLE),
    "6.18": (_SWAP_TABLE, _tree(8), _entry(56), _HANDLE),
}


def _maps(kernel: str) -> tuple[Field, ...]:
    return tuple(Field(name, size, Per.SLOT) for name, size in SLOT_MAPS[kernel].items())


def _always(*fields: Field) -> dict[str, tuple[Field, ...]]:
    return dict.fromkeys(kernels.RELEASES, fields)


_CLASSIC = {kernel: _maps(kernel) + fields for kernel, fields in _IN_USE.items()}
_ZSWAPS = ("zswap tree", "zswap_entry")

DESIGNS: Mapping[str, Design] = {
    design.name: design
    for design in (
        Design("classic", "merged", "zswap over a swapfile or partition, or that alone", _CLASSIC),
        Design(
            "classic-p3",
            "merged in 7.1",
            "swap table, phase 3: the count of a slot moves from swap_map into the table",
            _always(
                *(field for field in _maps("6.18") if field.name != "swap_map"), *_IN_USE["6.18"]
            ),
        ),
        Design(
            "classic-p4",
            "posted, not merged",
            "swap table, phase 4: unused slots take 48 bytes a cluster, and nothing else",
            _always(_CLUSTER_INFO, _SWAP_TABLE, _MEMCG_TABLE, _tree(8), _entry(48), _HANDLE),
        ),
        Design(
            "ghost",
            "posted, not merged",
            "ghost swapfile RFC: zswap over an area without disk, its slots as any area's",
            _CLASSIC,
            backends=("zswap",),
        ),
        Design(
            "ghost-dynamic",
            "posted, not merged",
            "phase 4's dynamic ghost, no size to choose; on disk only with a reverse map",
            _always(_SWAP_TABLE, _VIRTUAL_TABLE, _REVERSE_MAP, _entry(48), _HANDLE),
            sized=False,
        ),
        Design(
            "vswap",
            "posted, not merged",
            "virtual swap v3 to v6: a descriptor for each page out, no disk before it is written",
            _always(
                Field("area bitmaps", Fraction(1, 4), Per.SLOT),
                Field("desc: backend", 8, Per.USED, in_clusters=True),
                Field("desc: folio or shadow", 8, Per.USED, in_clusters=True),
                Field("desc: swap_count", 4, Per.USED, in_clusters=True),
                Field("desc: memcgid", 2, Per.USED, in_clusters=True),
                Field("desc: type, in_swapcache", 2, Per.USED, in_clusters=True),
                Field("cluster bitmap", Fraction(1, 8), Per.USED, in_clusters=True),
                _REVERSE_MAP,
                _entry(56),
                _HANDLE,
            ),
            sized=False,
        ),
        Design(
            "vswap-ste",
            "posted, not merged",
            "virtual swap, swap table edition (RFC v1): the descriptor is phase 4's tables",
            _always(
                _CLUSTER_INFO,
                _SWAP_TABLE,
                _VIRTUAL_TABLE,
                _MEMCG_TABLE,
                _REVERSE_MAP,
                Field("memcg table, unused", 2, Per.DISK, in_clusters=True),
                _entry(48),
                _HANDLE,
            ),
            sized=False,
        ),
        Design(
            "zram",
            "merged",
            "a swap area in compressed memory, in place of zswap",
            {
                kernel: (_ZRAM_TABLE, *(field for field in fields if field.name not in _ZSWAPS))
                for kernel, fields in _CLASSIC.items()
            },
            backends=("zswap",),
        ),
    )
}


def get(name: str) -> Design:
    """The record of design *name*.

    :raises UsageError: for one that is not known, naming those that are.
    """
    try:
        return DESIGNS[name]
    except KeyError:
        known = f"known: {', '.join(DESIGNS)}"
        raise UsageError(f'unknown design: "{printable(name)}"', known) from None


def of(
    design: str,
    kernel: str,
    *,
    slots: int,
    zswap: int = 0,
    disk: int = 0,
    zero: int = 0,
    clusters: int | None = None,
    disk_clusters: int | None = None,
    entries: bool = False,
) -> Metadata:
    """What *design* takes for pages that live in different places.

    :param slots: of the areas that are on: swapfiles, ghosts, zram; 0 where there is none.
    :param zswap: used slots whose page is in zswap, or in zram's pool; so *disk*, and *zero* for
        those in the zeromap or, in zram, kept as a value.
    :param clusters: in how many clusters the slots that page tables name are. The tables are then
        counted as they are allocated, whole; else by the slots that are used.
    :param disk_clusters: the same, of the area behind, in a design that has two layers.
    :param entries: with what published tables leave out: zswap's entries, zsmalloc's handles.
    :raises UsageError: for a design or kernel that is not known.
    """
    fields = get(design).fields[kernels.get(kernel).name]
    counts = {
        Per.SLOT: slots,
        Per.CLUSTER: -(-slots // SWAPFILE_CLUSTER),
        Per.USED: zswap + disk + zero,
        Per.ZSWAP: zswap,
        Per.DISK: disk,
    }
    whole = dict(counts)
    if clusters is not None:
        whole[Per.USED] = clusters * SWAPFILE_CLUSTER
    if disk_clusters is not None:
        whole[Per.DISK] = disk_clusters * SWAPFILE_CLUSTER
    static = dynamic = Fraction()
    for field in fields:
        if field.published or entries:
            cost = field.bytes * (whole if field.in_clusters else counts)[field.per]
            if field.is_static:
                static += cost
            else:
                dynamic += cost
    return Metadata(ceil(static), ceil(dynamic))


def break_even(
    one: str, other: str, backend: Backend, kernel: str, *, entries: bool = False
) -> Fraction | None:
    """Which part of the slots is used where two designs take the same; ``None`` if never.

    Where they start equal, or are equal throughout, no use parts them.
    """
    first = get(one).slot_cost(backend, kernel, entries=entries)
    second = get(other).slot_cost(backend, kernel, entries=entries)
    if first.dynamic == second.dynamic:
        return None
    used = (first.static - second.static) / (second.dynamic - first.dynamic)
    return used if 0 < used <= 1 else None
