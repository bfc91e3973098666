# SPDX-License-Identifier: GPL-2.0-or-later
"""A document -> the host that it describes, every key checked, alone and beside the others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, NamedTuple

from ghostswap import kernels
from ghostswap.designs import table as designs
from ghostswap.errors import UsageError
from ghostswap.kernels.rules import Kernel, Reclaim
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.scenario import kinds
from ghostswap.scenario.areas import open_areas
from ghostswap.scenario.document import Check, Document
from ghostswap.scenario.groups import read_groups
from ghostswap.scenario.key import Key, Run
from ghostswap.scenario.kinds import Path
from ghostswap.scenario.lookup import at, inside
from ghostswap.study.host import Area, Host, default_policy

#: What to say of a key that does not go with a run.
_WRONG_RUN = {
    Run.STORE: ("it is for a workload", "'ghostswap replay' has it"),
    Run.REPLAY: ("it is for memory that is stored once", "'ghostswap simulate' has it"),
}


class Use(NamedTuple):
    """What a host is read for.

    :ivar run: what is done with it.
    :ivar designs: that it is tried in, in place of its own; empty for its own.
    :ivar swept: name of the key that is given several values.
    """

    run: Run = Run.REPLAY
    designs: tuple[str, ...] = ()
    swept: str = ""


def load(path: str, *, any_design: bool = False) -> Host:
    """Read the scenario file at *path*; relative paths in it start from its directory.

    :param any_design: for other designs than its own too, so that it may have what that lacks.
    :raises TargetError: where the file cannot be read.
    :raises UsageError: where it describes no host, with its line and key.
    """
    host, _ = read(Document.load(path), Use(designs=designs.RUN if any_design else ()))
    return host


def read(document: Document, use: Use) -> tuple[Host, list[SwapArea]]:
    """The host that *document* describes, and its areas, opened.

    :raises TargetError: where something that it names cannot be opened.
    :raises UsageError: where a value is none, contradicts another, or would do nothing.
    """
    checks = _checks("") | {
        **dict.fromkeys(("zswap", "zram", "group"), kinds.table),
        "area": kinds.tables,
    }
    values = document.read((), document.values, checks)
    if "ram" not in values:
        raise document.fail(("ram",), "missing", 'say how much memory there is: ram = "16G"')
    policy = values.pop("reclaim", None)
    zswap = document.read(("zswap",), values.pop("zswap", {}), _checks("zswap"))
    if "enabled" in zswap:
        zswap["zswap_enabled"] = zswap.pop("enabled")
    zram = document.read(("zram",), values.pop("zram", {}), _checks("zram"))
    tables = values.pop("area", [])
    groups = values.pop("group", {})
    if "zeromap" in zram:
        zram["is_device"] = not zram.pop("zeromap")
    elif use.run is Run.STORE and not use.designs:
        zram["is_device"] = True
    host = Host(groups=(), **values, **zswap, **{f"zram_{name}": zram[name] for name in zram})
    if policy is None:  # what a file says is the same wherever it is read
        policy, told = default_policy(kernels.get(host.kernel), may_be_here=not document.path)
        host = replace(host, policy_from=told)
    host = replace(host, policy=policy)
    host = replace(host, areas=_read_areas(document, tables))
    host = replace(host, groups=read_groups(document, groups, host))
    opened = _open(document, host.areas)
    if not document.path and document.get(("design",)) is None and _are_full(opened):
        host = replace(host, design="classic")
    _check_tried(document, host, use.designs or (host.design,), opened, use)
    _check_kernel(document, host)
    _check_run(document, use.run)
    return host, opened


def _are_full(areas: list[SwapArea]) -> bool:
    return bool(areas) and all(area.type == "full" for area in areas)


def _checks(table: str) -> dict[str, Check]:
    return {name: key.kind.check for name, key in inside(table).items()}


def _written(document: Document) -> list[tuple[Path, Key]]:
    """All keys that have a value, in order of their writing."""
    found: list[Path] = []
    for name, value in document.values.items():
        if name == "group":
            found += (("group", group, key) for group, keys in value.items() for key in keys)
        elif name == "area":
            found += (("area", at, key) for at, area in enumerate(value) for key in area)
        elif isinstance(value, dict):
            found += ((name, key) for key in value)
        else:
            found.append((name,))
    return [(path, key) for path in found if (key := at(path)) is not None]


# Kernels, designs, runs


def _check_kernel(document: Document, host: Host) -> None:
    """Refuse what the kernel does not have."""
    kernel = kernels.get(host.kernel)
    rules, name = kernel.zswap, f"Linux {host.kernel}"
    if host.zpool is not None and host.zpool not in rules.zpools:
        known = f"it has: {', '.join(rules.zpools)}"
        raise document.fail(("zswap", "zpool"), f"{name} has no {host.zpool} for zswap", known)
    if host.shrinker_enabled and rules.reclaim is not Reclaim.MEMCG_LRU:
        key = ("zswap", "shrinker_enabled")
        raise document.fail(key, f"{name} has no shrinker for zswap", "it came with 6.8")
    if document.get(("zram", "zeromap")) is True and not kernel.swap.zeromap:
        raise document.fail(("zram", "zeromap"), f"{name} has no zeromap", "it came with 6.12")
    if host.zram_writeback_limit is not None and host.zram_writeback is None:
        key = ("zram", "writeback_limit")
        raise document.fail(key, "there is no writeback to limit", "add zram's writeback")
    if host.zram_recompress and "recompress" not in kernel.zram.attributes:
        raise document.fail(("zram", "recompress"), f"{name} has no recompression", "6.2 began")
    for knob in ("recompress_type", "recompress_threshold"):
        if document.get(("zram", knob)) is not None and not host.zram_recompress:
            why = "there is no recompression"
            raise document.fail(("zram", knob), why, "add zram's recompress, such as zstd")
    if host.flush_every is not None:
        with document.at(("flush_every",)):
            _check_flush_every(kernel, host.policy)


def _check_flush_every(kernel: Kernel, policy: str) -> None:
    """Refuse late flushes where nothing goes by what they flush."""
    if policy == "lru":
        raise UsageError("exact LRU goes by no statistics that could be flushed", "leave it out")
    if policy == "mglru":
        raise UsageError(
            "MGLRU goes by no statistics that could be flushed",
            "leave it out, or set reclaim to two-lists",
        )
    if not kernel.vmscan.flushes_late:
        raise UsageError(
            f"Linux {kernel.name} has its statistics flushed when it reclaims",
            "leave it out: 6.8 began",
        )


def _check_tried(
    document: Document, host: Host, tried: Collection[str], opened: list[SwapArea], use: Use
) -> None:
    """Refuse designs that the kernel cannot have, and what none of them has a use for.

    A file describes a host, so that it may have what only other designs than those tried use.
    """
    rows = [designs.get(name) for name in tried]
    kernel = kernels.get(host.kernel)
    if not use.designs:
        with document.at(("design",)):
            rows[0].check(kernel)
    is_own = not use.designs
    names = " and ".join(tried)
    lacks = f"and the design {names} has none" if len(rows) == 1 else f"and none is in {names}"
    has_zswap = [row.has_zswap for row in rows]
    if host.zswap_enabled is not None:
        has_zswap = [host.zswap_enabled]
    if host.zswap_enabled is False and any(row.is_virtual for row in rows):
        why = "virtual swap is nothing without zswap"
        raise document.fail(("zswap", "enabled"), why, "leave it out")
    used = {"zswap": any(has_zswap), "zram": any(row.is_zram for row in rows)}
    for path, key in _written(document):
        if not (is_own or document.is_option(path)):
            continue
        if key.part is not None and not used[key.part]:
            cure = "--design zram has it" if key.part == "zram" else "choose another design"
            raise document.fail(path, f"it is {key.part}'s, {lacks}", f"leave it out, or: {cure}")
    for number, area in enumerate(opened):
        path = ("area", number, "type" if host.areas[number].path is None else "path")
        is_asked = is_own or document.is_option(path)
        if is_asked and not any(row.can_use(area) for row in rows):
            raise document.fail(
                path,
                f"{area.path} is a ghost area, which is of no use to {names}",
                "leave it out; the design ghost has a use for it",
            )
    takes_size = any(row.takes_size(opened) for row in rows)
    is_sized = document.is_option(("size",)) or (is_own and host.size is not None)
    if not takes_size and (is_sized or use.swept == "size"):
        what = "--sweep" if use.swept == "size" else document.name(("size",))
        raise UsageError(f"{what}: there is no area to imagine for {names}", "leave it out")


def _check_run(document: Document, run: Run) -> None:
    """Refuse keys that do nothing in *run*."""
    for path, key in _written(document):
        if not key.runs & run:
            raise document.fail(path, *_WRONG_RUN[run])


# Areas


def _read_areas(document: Document, tables: list[Any]) -> tuple[Area, ...]:
    areas: list[Area] = []
    for number, table in enumerate(tables):
        key = ("area", number)
        area = Area(**document.read(key, table, _checks("area")))
        _check_area(document, key, area)
        if area.path is not None:
            area = area._replace(path=document.from_here((*key, "path"), area.path))
        areas.append(area)
    return tuple(areas)


def _open(document: Document, areas: tuple[Area, ...]) -> list[SwapArea]:
    """The areas, opened to see that they are some."""
    opened = open_areas(areas)
    found = []
    for number, area in enumerate(areas):
        with document.at(("area", number, "type" if area.path is None else "path")):
            found.append(next(opened))
    return found


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
