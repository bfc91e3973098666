# SPDX-License-Identifier: GPL-2.0-or-later
"""The claims about ghost swapfiles and virtual swap: what to set side by side, what decides them.

Each is of one scenario file in ghostswap/examples, which tells in its first lines who said it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from ghostswap.claims import conclusions
from ghostswap.mm.swap.swap_info import SwapType, TierUse
from ghostswap.page import PAGE_SIZE
from ghostswap.study.comparison import ROWS, Contender, Row, Unit
from ghostswap.study.host import Area, Host
from ghostswap.study.outcome import GroupOutcome
from ghostswap.units import format_size


class Variant(NamedTuple):
    """What is run beside others.

    :ivar change: gives it from the scenario's host.
    """

    name: str
    change: Callable[[Host], Host]


class Example(NamedTuple):
    """One claim.

    :ivar name: of its file too.
    :ivar rows: that decide it; where there is nothing to count, they count 0.
    :ivar conclude: says what the figures of the variants, in order, show; ``None`` where that is
        not the claim. See :mod:`ghostswap.claims.conclusions`.
    """

    name: str
    variants: tuple[Variant, ...]
    rows: tuple[Row, ...]
    conclude: Callable[..., str | None]


def _with(name: str, **changes: Any) -> Variant:
    """The host with some of its fields changed."""
    return Variant(name, lambda host: replace(host, **changes))


def _designs(*names: str) -> tuple[Variant, ...]:
    return tuple(_with(name, design=name) for name in names)


def _sized(design: str, size: int) -> Variant:
    """*design* over an area of *size* bytes."""
    kind: SwapType = "ghost" if design == "ghost" else "full"
    area = Area(type=kind, size=size)
    return _with(f"{design} {format_size(size)}", design=design, areas=(area,))


def _of_groups(name: str, **changes: Any) -> Variant:
    """The host with some fields of all its groups changed."""
    return Variant(
        name,
        lambda host: replace(
            host, groups=tuple(replace(group, **changes) for group in host.groups)
        ),
    )


def _of_areas(name: str, design: str, **changes: Any) -> Variant:
    """*design* over the host's areas with some of their fields changed."""
    return Variant(
        name,
        lambda host: replace(
            host, design=design, areas=tuple(area._replace(**changes) for area in host.areas)
        ),
    )


# Rows


def _row(key: str, title: str, value: Callable[[Contender], float], unit: Unit = "count") -> Row:
    return Row(key, title, unit, 0, value)


def _of_group(name: str, key: str, title: str, value: Callable[[GroupOutcome], float]) -> Row:
    """A row that is of the group *name* alone; 0 where it is missing."""
    return _row(
        f"{name}_{key}",
        f"{name}: {title}",
        lambda c: sum(value(group) for group in c.outcome.groups if group.name == name),
    )


def _of_tier(name: str) -> Row:
    """A row of the tier *name*; 0 where it is missing."""
    return _row(
        f"{name}_slots",
        f"{name}: slots taken",
        lambda c: c.outcome.tiers.get(name, TierUse()).inuse_pages,
    )


def _seeks(contender: Contender) -> int:
    return sum(stat.seeks for stat in contender.outcome.slots if stat is not None)


def _movable(contender: Contender) -> int:
    return contender.to_disk.pages if contender.to_disk.possible else 0


_BY_KEY = {row.key: row for row in ROWS}
_RESERVED = _BY_KEY["reserved_bytes"]
_NEVER_WRITTEN = _BY_KEY["never_written_bytes"]
_MAJOR = _BY_KEY["pgmajfault"]
_STUCK = _BY_KEY["stuck_pages"]
_STATIC = _BY_KEY["metadata_static_bytes"]
_DYNAMIC = _BY_KEY["metadata_dynamic_bytes"]
_COMPRESSED = _row("compressed", "pages compressed", lambda c: c.outcome.held.compressed)
_KILLED = _row("killed", "killed", lambda c: sum(group.killed for group in c.outcome.groups))
_REFUSED = _row("refused", "pages refused", lambda c: sum(g.refused for g in c.outcome.groups))
_NO_SLOT = _row("no_slot", "no slot found", lambda c: sum(g.no_slot for g in c.outcome.groups))
_ZSWPWB = _row("zswpwb", "pages written back", lambda c: c.outcome.vmstat.get("zswpwb", 0))
_DISK_WRITES = _row(
    "disk_writes", "pages written to disk", lambda c: c.outcome.written_bytes // PAGE_SIZE
)
_DISK_SLOTS = _row(
    "disk_slots",
    "slots taken on disk",
    lambda c: sum(area.inuse_pages for area in c.outcome.areas if area.type == "full"),
)
_MOVABLE = _row("movable", "pages that can go to disk", _movable)
_WORDS = _row(
    "words", "words changed", lambda c: c.to_disk.table_words + c.to_disk.reverse_map_writes
)
_PTES = _row("ptes", "page-table entries read", lambda c: c.to_disk.pte_reads)


# The claims

_GROUP_ROWS: tuple[tuple[str, str, Callable[[GroupOutcome], float]], ...] = (
    ("disk", "reads of the disk", lambda group: group.swap_ins["disk"]),
    ("refused", "pages refused", lambda group: group.refused),
    ("pgmajfault", "major faults", lambda group: group.events["pgmajfault"]),
)
_LARGE = 1 << 30

EXAMPLES = {
    example.name: example
    for example in (
        Example(
            "slot-waste",
            _designs("classic", "ghost", "vswap-ste"),
            (_COMPRESSED, _RESERVED, _DISK_WRITES, _NEVER_WRITTEN),
            conclusions.slot_waste,
        ),
        Example(
            "no-disk",
            (_sized("classic", 10 * PAGE_SIZE), *_designs("classic", "ghost", "vswap-ste")),
            (_RESERVED, _NO_SLOT, _KILLED, _COMPRESSED, _MAJOR),
            conclusions.no_disk,
        ),
        Example(
            "ghost-write-fails",
            (
                *_designs("classic", "ghost"),
                _with("ghost on 6.18", design="ghost", kernel="6.18", zpool=None),
            ),
            (_DISK_WRITES, _REFUSED, _COMPRESSED),
            conclusions.ghost_write_fails,
        ),
        Example(
            "ghost-writeback",
            (
                _with("ghosts alone", design="ghost", areas=()),
                _with("ghost and disk", design="ghost"),
                *_designs("classic"),
            ),
            (_ZSWPWB, _REFUSED, _KILLED),
            conclusions.ghost_writeback,
        ),
        Example(
            "ghost-stuck",
            (_with("ghost and disk", design="ghost"), *_designs("classic", "vswap-ste")),
            (
                _COMPRESSED,
                _STUCK,
                _ZSWPWB,
                _row(
                    "reject_reclaim_fail",
                    "writebacks that failed",
                    lambda c: c.outcome.zswap.get("reject_reclaim_fail", 0),
                ),
            ),
            conclusions.ghost_stuck,
        ),
        Example(
            "too-small",
            (
                *(_sized("classic", size << 20) for size in (4, 8, 12, 16)),
                *_designs("vswap-ste"),
            ),
            (_RESERVED, _DISK_WRITES, _NO_SLOT, _KILLED, _COMPRESSED),
            conclusions.too_small,
        ),
        Example(
            "too-large",
            (
                _sized("classic", 16 << 20),
                _sized("classic", _LARGE),
                _sized("ghost", _LARGE),
                *_designs("vswap-ste"),
            ),
            (_MAJOR, _NEVER_WRITTEN, _STATIC),
            conclusions.too_large,
        ),
        Example(
            "xswap",
            (
                _sized("classic", _LARGE),
                _sized("ghost", _LARGE),
                _with("xswap", design="xswap"),
            ),
            (_MAJOR, _COMPRESSED, _RESERVED, _STATIC, _DYNAMIC, _STUCK),
            conclusions.xswap,
        ),
        Example(
            "backend-transfer",
            _designs("classic", "ghost", "vswap-ste"),
            (_COMPRESSED, _DISK_SLOTS, _MOVABLE, _WORDS, _PTES),
            conclusions.backend_transfer,
        ),
        Example(
            "swapoff",
            _designs("classic", "vswap-ste"),
            tuple(
                _BY_KEY[key] for key in ("swapoff_pages", "swapoff_ptes", "swapoff_minor_faults")
            ),
            conclusions.swapoff,
        ),
        Example(
            "zram-for-ghost",
            _designs("ghost", "zram"),
            (
                _RESERVED,
                _DISK_WRITES,
                _COMPRESSED,
                _STUCK,
                _row("pool_bytes", "pool", lambda c: c.outcome.pool_bytes, "bytes"),
                _row(
                    "charged_bytes",
                    "charged to the group",
                    lambda c: sum(group.zswap_current for group in c.outcome.groups),
                    "bytes",
                ),
            ),
            conclusions.zram_for_ghost,
        ),
        Example(
            "lru-inversion",
            (_with("zram and disk", design="zram"), *_designs("classic")),
            (
                _row("swap_ins_disk", "reads of the disk", lambda c: c.swap_ins("disk")),
                _row(
                    "lru_inversion_pairs",
                    "pairs the wrong way round",
                    lambda c: c.inversion.pairs if c.inversion else 0,
                    "share",
                ),
            ),
            conclusions.lru_inversion,
        ),
        Example(
            "ssd-flag",
            (
                _of_areas("HDD", "classic", type="full", rotational=True),
                _of_areas("SSD", "classic", type="full", rotational=False),
                _of_areas("ghost", "ghost", type="ghost", rotational=False),
                _of_areas("HDD and ghost", "ghost", type="full", rotational=True),
            ),
            (
                _row(
                    "vma_readahead",
                    "reads ahead by addresses",
                    lambda c: int(c.outcome.vma_readahead),
                ),
                _row("seeks", "slots out of order", _seeks),
            ),
            conclusions.ssd_flag,
        ),
        Example(
            "tiers",
            (_of_groups("no masks", swap_tiers_max={}), _with("masks")),
            (
                *map(_of_tier, ("SSD", "HDD")),
                *(
                    _of_group(
                        name, "slots", "slots held", lambda group: group.swap_current // PAGE_SIZE
                    )
                    for name in ("app", "batch")
                ),
            ),
            conclusions.tiers,
        ),
        Example(
            "group-writeback",
            (_of_groups("on", zswap_writeback=True), _with("off for app")),
            tuple(_of_group(name, *row) for name in ("app", "batch") for row in _GROUP_ROWS),
            conclusions.group_writeback,
        ),
    )
}
