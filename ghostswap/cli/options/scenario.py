# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario files: a host to simulate, described in TOML; see ghostswap-scenario(5)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Literal

from ghostswap import codecs, kernels
from ghostswap.area.header.bounds import MAX_PAGES, MIN_PAGES
from ghostswap.cli.options import schema
from ghostswap.cli.options.areas import open_areas
from ghostswap.cli.options.hosts import AREA_SIZES, check_flush_every
from ghostswap.cli.options.idle import refuse_ghosts
from ghostswap.cli.options.schema import Check, Document
from ghostswap.cli.options.toml_lines import Path
from ghostswap.designs import table as designs
from ghostswap.errors import UsageError
from ghostswap.kernels import Kernel, Reclaim
from ghostswap.mm.swap.tiers import Tiers
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import SYNTHETIC, open_source
from ghostswap.pages.trace import open_trace, split_spec
from ghostswap.study.host import Area, Group, Host

_SHRT_MAX = (1 << 15) - 1


def _name(value: Any) -> str:
    """The name of a cgroup's directory."""
    name = schema.text(value)
    if name in (".", "..") or "/" in name or "\n" in name or len(os.fsencode(name)) > 255:
        raise UsageError(f"{schema.show(name)} is no cgroup's name", "choose a name without /")
    return name


def _write_ratio(value: Any) -> float | Literal["odd"]:
    if value == "odd":
        return "odd"
    try:
        return schema.share(value)
    except UsageError as error:
        raise UsageError(error.message, f'{error.hint}, or "odd"') from None


def _area_size(value: Any) -> int:
    size = schema.size(value)
    if not MIN_PAGES <= size // PAGE_SIZE <= MAX_PAGES:
        raise UsageError(f"{schema.show(value)} is no size of an area", f"write {AREA_SIZES}")
    return size


_PERCENT = schema.integer(0, 100)
_HOST: Mapping[str, Check] = {
    "ram": schema.size,
    "kernel": schema.one_of(*kernels.RELEASES),
    "design": schema.one_of(*designs.IMAGINED),
    "compressor": schema.one_of(*codecs.names()),
    "reclaim": schema.one_of("kernel", "lru"),
    "cgroup_version": schema.integer(1, 2),
    "cpus": schema.integer(1, 8192),
    "flush_every": schema.integer(0, (1 << 63) - 1),
    "kernel_pages": schema.integer(0, 1 << 20),
    "seed": schema.integer(-(1 << 63), (1 << 63) - 1),
    "tiers": schema.text,
    "zswap": schema.table,
    "zram": schema.table,
    "area": schema.tables,
    "group": schema.table,
}
_ZSWAP: Mapping[str, Check] = {
    "max_pool_percent": _PERCENT,
    "accept_threshold_percent": _PERCENT,
    "zpool": schema.one_of(*kernels.ZPOOLS),
    "shrinker_enabled": schema.boolean,
}
_ZRAM: Mapping[str, Check] = {
    "disksize": _area_size,
    "mem_limit": schema.size,
    "backing_dev": schema.size,
}
_AREA: Mapping[str, Check] = {
    "path": schema.text,
    "type": schema.one_of("full", "ghost"),
    "size": _area_size,
    "prio": schema.integer(0, _SHRT_MAX),
    "rotational": schema.boolean,
    "discard": schema.boolean,
}
_GROUP: Mapping[str, Check] = {
    "parent": schema.text,
    "source": schema.text,
    "touches": schema.text,
    "write_ratio": _write_ratio,
    "changed_ratio": schema.share,
    "memory_max": schema.limit,
    "swap_max": schema.limit,
    "zswap_max": schema.limit,
    "limit_frames": schema.integer(1, (1 << 63) // PAGE_SIZE),
    "zswap_writeback": schema.boolean,
    "swap_tiers_max": schema.table,
}
#: What is of zswap there.
_ZSWAPS = ("zswap_max", "zswap_writeback")
#: What only cgroup version 2 has.
_ONLY_V2 = ("swap_max", *_ZSWAPS, "swap_tiers_max")


def load(path: str, *, any_design: bool = False) -> Host:
    """Read the scenario file at *path*; relative paths in it start from its directory.

    :param any_design: for other designs than its own too, so that it may have what that lacks.
    :raises TargetError: where the file cannot be read.
    :raises UsageError: where it describes no host, with its line and key.
    """
    document = Document(path)
    values = document.read((), document.values, _HOST)
    if "ram" not in values:
        raise document.fail(("ram",), "missing", 'say how much memory there is: ram = "16G"')
    if values["ram"] < PAGE_SIZE:
        raise document.fail(("ram",), "less than a page", 'write a size, as in ram = "16G"')
    values["policy"] = values.pop("reclaim", "kernel")
    zswap = document.read(("zswap",), values.pop("zswap", {}), _ZSWAP)
    zram = document.read(("zram",), values.pop("zram", {}), _ZRAM)
    tables = values.pop("area", [])
    groups = values.pop("group", {})
    zram = {f"zram_{name}": value for name, value in zram.items()}
    host = Host(groups=(), **values, **zswap, **zram)
    host = replace(host, areas=_read_areas(document, tables, None if any_design else host.design))
    _check_zswap(document, zswap, kernels.get(host.kernel))
    if host.flush_every is not None:
        with document.at(("flush_every",)):
            check_flush_every(host.kernel, host.policy)
    host = replace(host, groups=_read_groups(document, groups, host))
    if not any_design:
        _check_design(document, host)
    return host


def _check_design(document: Document, host: Host) -> None:
    """Refuse a design that the kernel cannot have, and what it has no use for but ghost areas."""
    with document.at(("design",)):
        designs.check(host.design, kernels.get(host.kernel))
    own: dict[str, list[Path]] = {
        name: [(name, key) for key in document.values.get(name, ())] for name in ("zswap", "zram")
    }
    for name, values in document.values["group"].items():
        own["zswap"] += (("group", name, key) for key in _ZSWAPS if key in values)
    used = {"zswap": designs.has_zswap(host.design), "zram": host.design == "zram"}
    for name, keys in own.items():
        if keys and not used[name]:
            why = f"it is {name}'s, and the design {host.design} has none"
            raise document.fail(keys[0], why, "leave it out, or choose another design")


def _check_zswap(document: Document, values: Mapping[str, Any], kernel: Kernel) -> None:
    """Refuse what *kernel* does not have."""
    if "zpool" in values and values["zpool"] not in kernel.zpools:
        raise document.fail(
            ("zswap", "zpool"),
            f"Linux {kernel.name} has no {values['zpool']} for zswap",
            f"it has: {', '.join(kernel.zpools)}",
        )
    if values.get("shrinker_enabled") and kernel.reclaim is not Reclaim.MEMCG_LRU:
        raise document.fail(
            ("zswap", "shrinker_enabled"),
            f"Linux {kernel.name} has no shrinker for zswap",
            "it came with 6.8",
        )


# Areas


def _read_areas(document: Document, tables: list[Any], design: str | None) -> tuple[Area, ...]:
    """The areas, opened to see that they are some, and of use to *design* where that is given."""
    areas: list[Area] = []
    for number, table in enumerate(tables):
        key = ("area", number)
        area = Area(**document.read(key, table, _AREA))
        _check_area(document, key, area)
        if area.path is not None:
            area = replace(area, path=_from_here(document, area.path))
        areas.append(area)
    opened = open_areas(areas)
    for number, area in enumerate(areas):
        with document.at(("area", number, "type" if area.path is None else "path")):
            found = next(opened)
            if design is not None:
                refuse_ghosts((found,), (design,))
    return tuple(areas)


def _check_area(document: Document, key: Path, area: Area) -> None:
    """Refuse what is not one area."""
    if area.path is None and area.type is None:
        raise document.fail(
            key, "neither path nor type is given", 'path = "/swapfile", or type = "full" and a size'
        )
    if area.path is None:
        if area.size is None:
            raise document.fail(key, "no size is given", 'add size = "8G", or so')
    elif area.type is not None or area.size is not None:
        extra = "type" if area.type is not None else "size"
        raise document.fail(
            (*key, extra), "the file at path says that itself", "leave out one of the two"
        )
    if area.type == "ghost" and area.discard:
        raise document.fail(
            (*key, "discard"), "a ghost has no disk to discard from", "leave it out"
        )
    if area.type == "ghost" and area.rotational:
        raise document.fail((*key, "rotational"), "a ghost has no disk that turns", "leave it out")


# Groups


def _read_groups(document: Document, table: dict[str, Any], host: Host) -> tuple[Group, ...]:
    with document.at(("tiers",)):
        tiers = Tiers()
        tiers.write(host.tiers)
    of_tiers = {tier.name: schema.one_of("max", "0") for tier in tiers.active}
    groups: dict[str, Group] = {}
    for name, values in table.items():
        key = ("group", name)
        with document.at(key):
            _name(name)
        _check_nesting(document, name, values)
        read = document.read(key, values, _GROUP)
        _check_group(document, key, read, host)
        if "swap_tiers_max" in read:
            document.read((*key, "swap_tiers_max"), read["swap_tiers_max"], of_tiers, "tier")
        if "source" in read:
            with document.at((*key, "source")):
                read["source"] = _find_source(document, read["source"])
        if "touches" in read:
            with document.at((*key, "touches")):
                read["touches"] = _find_trace(document, read["touches"])
        groups[name] = Group(name, **read, at=_placing(document, key))
    _check_parents(document, groups, host)
    _check_stdin(document, groups.values())
    if all(group.source is None for group in groups.values()):
        raise document.fail(
            ("group",), "no group has a source of memory", 'add [group.NAME] with source = "…"'
        )
    return tuple(groups.values())


def _check_nesting(document: Document, name: str, values: Any) -> None:
    """Refuse a group inside of a group, which looks as if it were its child."""
    inner = values.items() if isinstance(values, dict) else ()
    for key, value in inner:
        if isinstance(value, dict) and key not in _GROUP:
            raise document.fail(
                ("group", name, key),
                "groups are not nested here",
                f"write [{schema.join(('group', key))}] and in it parent = {schema.show(name)}",
            )


def _check_group(document: Document, key: Path, values: Mapping[str, Any], host: Host) -> None:
    """Refuse what the kernel does not have, and keys that mean nothing as the others are."""
    kernel = kernels.get(host.kernel)
    for name in values:
        if host.cgroup_version == 1 and name in _ONLY_V2:
            raise document.fail((*key, name), "cgroup version 1 has no such limit", "leave it out")
    if "zswap_writeback" in values and not kernel.has_writeback_knob:
        raise document.fail(
            (*key, "zswap_writeback"),
            f"Linux {kernel.name} has no memory.zswap.writeback",
            "it came with 6.8",
        )
    if "limit_frames" in values and "memory_max" in values:
        raise document.fail(
            (*key, "limit_frames"), "memory_max is given too", "leave out one of the two"
        )
    for name, need in (
        ("touches", "source"),
        ("write_ratio", "touches"),
        ("changed_ratio", "touches"),
    ):
        if name in values and need not in values:
            raise document.fail((*key, name), f"there is no {need}", f"add {need}")


def _check_parents(document: Document, groups: Mapping[str, Group], host: Host) -> None:
    """Refuse parents that are not there, that are below their own children, or have processes."""
    for name, group in groups.items():
        key = ("group", name, "parent")
        if group.parent is None:
            continue
        if group.parent not in groups:
            raise document.fail(
                key,
                f"there is no group {schema.show(group.parent)}",
                schema.suggest(group.parent, groups),
            )
        if host.cgroup_version == 2 and groups[group.parent].source is not None:
            raise document.fail(
                key,
                f"{group.parent} has a process, and so no groups below it in cgroup version 2",
                "move its source to a group of its own below it",
            )
    rooted: set[str] = set()
    for name in groups:
        above: dict[str, None] = {}
        at: str | None = name
        while at is not None and at not in rooted:
            if at in above:
                raise document.fail(
                    ("group", at, "parent"),
                    f"{at} is above itself",
                    "let one of them have no parent",
                )
            above[at] = None
            at = groups[at].parent
        rooted |= above.keys()


def _check_stdin(document: Document, groups: Collection[Group]) -> None:
    """Refuse a second use of standard input; but groups may have the same memory."""
    first = next((("group", group.name, "source") for group in groups if group.source == "-"), None)
    for group in groups:
        if split_spec(group.touches or "")[1] == "-":
            key = ("group", group.name, "touches")
            if first is not None:
                raise document.fail(
                    key,
                    f"standard input is read by {schema.join(first)} already",
                    "write one of them to a file and name that",
                )
            first = key


def _placing(document: Document, key: Path) -> Callable[[str], AbstractContextManager[None]]:
    return lambda name: document.at((*key, name))


def _find_source(document: Document, spec: str) -> str:
    """The source *spec*, seen from where ghostswap runs; it can be opened."""
    if spec not in ("-", "mine") and not spec.startswith(("pid:", SYNTHETIC)):
        spec = _from_here(document, spec)
    with open_source(spec):
        return spec


def _find_trace(document: Document, spec: str) -> str:
    """The trace *spec*, seen from where ghostswap runs; it can be opened."""
    kind, path = split_spec(spec)
    if kind and path not in ("", "-"):
        spec = f"{kind}:{_from_here(document, path)}"
    open_trace(spec)
    return spec


def _from_here(document: Document, path: str) -> str:
    """*path*, which starts from the scenario's directory."""
    return os.path.join(os.path.dirname(document.path), path)
