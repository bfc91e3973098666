# SPDX-License-Identifier: GPL-2.0-or-later
"""The designs that pages can leave memory by, a row each: whatever tells one from another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Literal, NamedTuple

from ghostswap import kernels
from ghostswap.errors import UsageError
from ghostswap.kernels import v6_1, v6_18, v7_1, v7_2
from ghostswap.kernels.rules import Field, Kernel, MetadataRules, Per, Reclaim
from ghostswap.mm.swap.swap_info import SwapArea, SwapType
from ghostswap.units import printable

#: Where pages live: compressed in memory (zswap's pool, or zram's), or on disk.
Backend = Literal["zswap", "disk"]


class Moves(Enum):
    """How a page-table entry leads to its page, and so what moving the page elsewhere takes."""

    SLOT = "the entry is a slot of the area, reserved when the page left"
    TABLE = "the entry is a block of zram, whose table says where the page is"
    DESCRIPTOR = "the entry is a virtual slot, whose descriptor says where the page is"


class Design(NamedTuple):
    """A way to keep pages that left memory.

    :ivar status: "merged", "merged in" a release, or "posted, not merged".
    :ivar description: one line.
    :ivar area: the type of the area that it imagines where it is given none of that type; ``None``
        for a design that imagines none.
    :ivar has_zswap: zswap stands before the rest.
    :ivar moves: how an entry leads to its page.
    :ivar fields: what it keeps in memory, by what its kernel keeps.
    :ivar backends: where its pages can live; the zeromap is everywhere.
    :ivar sized: pages in zswap take slots of an area that somebody gave a size.
    :ivar device: its area is a device that takes no disk, at this path.
    :ivar per_ram: the size of its area, in units of the machine's memory, where none is given.
    :ivar is_as_large_as_ram: and not a page more, however many pages there are.
    :ivar base: the kernel whose zswap it has, whichever is asked for: it was never ported to older
        ones, whose zswap keeps entries that were loaded and evicts them by the page.
    :ivar needs_memcg_lru: only kernels whose zswap has a list for each cgroup can have it.
    :ivar runs: it can be simulated; else its metadata is all that is known.
    :ivar counted: its metadata stands in tables of its own.
    """

    name: str
    status: str
    description: str
    area: SwapType | None
    fields: Callable[[MetadataRules], tuple[Field, ...]]
    has_zswap: bool = True
    moves: Moves = Moves.SLOT
    backends: tuple[Backend, ...] = ("zswap", "disk")
    sized: bool = True
    device: str | None = None
    per_ram: int = 0
    is_as_large_as_ram: bool = False
    base: str | None = None
    needs_memcg_lru: bool = False
    runs: bool = True
    counted: bool = True

    @property
    def is_virtual(self) -> bool:
        """Whether an entry is a virtual slot, behind which pages move."""
        return self.moves is Moves.DESCRIPTOR

    @property
    def is_zram(self) -> bool:
        """Whether it is a swap area in compressed memory."""
        return self.moves is Moves.TABLE

    @property
    def compresses_for(self) -> str:
        """Whose compressor it goes by, as :func:`ghostswap.codecs.get` takes it."""
        return "zram" if self.is_zram else "zswap"

    def is_on(self, kernel: Kernel) -> bool:
        """Whether it could be on *kernel*."""
        return not self.needs_memcg_lru or kernel.zswap.reclaim is Reclaim.MEMCG_LRU

    def check(self, kernel: Kernel) -> None:
        """Refuse a *kernel* that it could not be on.

        :raises UsageError: saying on which it is.
        """
        if self.is_on(kernel):
            return
        nearest = next(name for name in kernels.RELEASES if self.is_on(kernels.get(name)))
        raise UsageError(
            f"{self.name} is for newer kernels than Linux {kernel.name}",
            f"Linux {nearest} is the nearest",
        )

    def kernel(self, asked: Kernel) -> Kernel:
        """The kernel whose parts it is made of, where *asked* is wanted."""
        return asked if self.base is None else kernels.get(self.base)

    def can_use(self, area: SwapArea) -> bool:
        """Whether pages of this design could go to *area*."""
        return area.type != "ghost" or (self.area == "ghost" and self.device is None)

    def lacks_area(self, areas: Sequence[SwapArea]) -> bool:
        """Whether it imagines an area in front of *areas*."""
        return self.area is not None and all(area.type != self.area for area in areas)

    def takes_size(self, areas: Sequence[SwapArea]) -> bool:
        """Whether the size of an imagined area makes a difference to it over *areas*."""
        return self.is_zram or self.lacks_area([area for area in areas if self.can_use(area)])


_CLUSTER_INFO = v7_1.cluster_info(48)
_REVERSE_MAP = Field("reverse map", 8, Per.DISK, in_clusters=True)
_VIRTUAL_TABLE = Field("virtual table", 8, Per.USED, in_clusters=True)
_OF_ZSWAP = ("zswap tree", "zswap_entry")


def _classic(rules: MetadataRules) -> tuple[Field, ...]:
    return rules.slot_maps + rules.in_use


def _without_zswap(rules: MetadataRules) -> tuple[Field, ...]:
    return tuple(field for field in _classic(rules) if field.name not in _OF_ZSWAP)


def _zram_table(rules: MetadataRules) -> Field:
    return Field("zram table", rules.zram_entry, Per.SLOT)  # from disksize on


def _zram(rules: MetadataRules) -> tuple[Field, ...]:
    return (_zram_table(rules), *_without_zswap(rules))


def _always(*fields: Field) -> Callable[[MetadataRules], tuple[Field, ...]]:
    return lambda _: fields


def _rows(*rows: Design) -> Mapping[str, Design]:
    return MappingProxyType({row.name: row for row in rows})


_MERGED, _POSTED = "merged", "posted, not merged"

DESIGNS = _rows(
    Design(
        "disk",
        _MERGED,
        "a swapfile or partition by itself, no zswap before it",
        area="full",
        fields=_without_zswap,
        has_zswap=False,
        backends=("disk",),
        counted=False,
    ),
    Design("classic", _MERGED, "zswap over a swapfile or partition", "full", _classic),
    Design(
        "classic-p3",
        "merged in 7.1",
        "swap table, phase 3: the count of a slot moves from swap_map into the table",
        "full",
        _always(*_classic(v7_1.KERNEL.metadata)),
        runs=False,
    ),
    Design(
        "classic-p4",
        "merged in 7.2",
        "swap table, phase 4: unused slots take 48 bytes a cluster, and nothing else",
        "full",
        _always(*_classic(v7_2.KERNEL.metadata)),
        runs=False,
    ),
    Design(
        "ghost",
        _POSTED,
        "ghost swapfile RFC: zswap over an area without disk, its slots as any area's",
        "ghost",
        _classic,
        backends=("zswap",),
    ),
    Design(
        "ghost-dynamic",
        _POSTED,
        "phase 4's dynamic ghost, no size to choose; on disk only with a reverse map",
        "ghost",
        _always(v6_18.SWAP_TABLE, _VIRTUAL_TABLE, _REVERSE_MAP, v6_1.zswap_entry(48), v6_1.HANDLE),
        sized=False,
        device="/dev/ghostswap",
        # As it was tested: the number is free, and once (phase 4, 14/15) was 1. The kernel rounds
        # the size up to whole clusters.
        per_ram=8,
        needs_memcg_lru=True,
    ),
    Design(
        "xswap",
        _POSTED,
        "the ghost's successor (RFC v3): no file and no header, memory for slots as they are used",
        "ghost",
        _always(
            Field("cluster info", 48, Per.USED, in_clusters=True, chunk=85, shared_by=512),
            v6_18.SWAP_TABLE,
            v7_2.MEMCG_TABLE,
            v6_18.TREE,
            v6_1.zswap_entry(56),
            v6_1.HANDLE,
        ),
        backends=("zswap",),
        sized=False,
        device="xswap0",
        per_ram=1,
        is_as_large_as_ram=True,
        base="7.3",
        needs_memcg_lru=True,
    ),
    Design(
        "vswap",
        _POSTED,
        "virtual swap v3 to v6: a descriptor for each page out, no disk before it is written",
        None,
        _always(
            Field("area bitmaps", 1, Per.SLOT, shared_by=4),
            Field("desc: backend", 8, Per.USED, in_clusters=True),
            Field("desc: folio or shadow", 8, Per.USED, in_clusters=True),
            Field("desc: swap_count", 4, Per.USED, in_clusters=True),
            Field("desc: memcgid", 2, Per.USED, in_clusters=True),
            Field("desc: type, in_swapcache", 2, Per.USED, in_clusters=True),
            Field("cluster bitmap", 1, Per.USED, in_clusters=True, shared_by=8),
            _REVERSE_MAP,
            v6_1.zswap_entry(56),
            v6_1.HANDLE,
        ),
        moves=Moves.DESCRIPTOR,
        sized=False,
        base="6.18",
        needs_memcg_lru=True,
    ),
    Design(
        "vswap-ste",
        _POSTED,
        "virtual swap, swap table edition (v5): phase 4's tables, 8 TB at most",
        None,
        _always(
            _CLUSTER_INFO,
            v6_18.SWAP_TABLE,
            _VIRTUAL_TABLE,
            v7_2.MEMCG_TABLE,
            _REVERSE_MAP,
            Field("memcg table, unused", 2, Per.DISK, in_clusters=True),
            v6_1.zswap_entry(48),
            v6_1.HANDLE,
        ),
        moves=Moves.DESCRIPTOR,
        sized=False,
        base="6.18",
        needs_memcg_lru=True,
    ),
    Design(
        "zswap-zram",
        _MERGED,
        "zswap over a swap area in compressed memory, which is compressing twice",
        None,
        lambda rules: (_zram_table(rules), *_classic(rules)),
        moves=Moves.TABLE,
        backends=("zswap",),
        counted=False,
    ),
    Design(
        "zram",
        _MERGED,
        "a swap area in compressed memory, in place of zswap",
        None,
        _zram,
        has_zswap=False,
        moves=Moves.TABLE,
        backends=("zswap",),
    ),
)

#: Names of those that can be simulated, and of those whose metadata is listed.
RUN = tuple(name for name, row in DESIGNS.items() if row.runs)
COUNTED = tuple(name for name, row in DESIGNS.items() if row.counted)
#: Of those that can be simulated, those that somebody has to give a size, and the others.
SIZED = tuple(name for name in RUN if DESIGNS[name].sized)
UNSIZED = tuple(name for name in RUN if not DESIGNS[name].sized)


def get(name: str) -> Design:
    """The row of design *name*.

    :raises UsageError: for one that is not known, naming those that are.
    """
    try:
        return DESIGNS[name]
    except KeyError:
        known = f"known: {', '.join(DESIGNS)}"
        raise UsageError(f'unknown design: "{printable(name)}"', known) from None
