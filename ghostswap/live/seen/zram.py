# SPDX-License-Identifier: GPL-2.0-or-later
"""zram as it is on a host: each device with what it holds, and who sets it up.

Read: /sys/block/zramN (Documentation/admin-guide/blockdev/zram.rst, Linux 6.18). ``mem_limit`` is
write-only there; mm_stat has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ghostswap.live.seen.tree import Tree

#: Fields of mm_stat and io_stat in the order of the files; those in bytes are named so.
MM_STAT = (
    "orig_data_size",
    "compr_data_size",
    "mem_used_total",
    "mem_limit",
    "mem_used_max",
    "same_pages",
    "pages_compacted",
    "huge_pages",
    "huge_pages_since",
)
IO_STAT = ("failed_reads", "failed_writes", "invalid_io", "notify_free")
_BD_STAT = ("bd_count", "bd_reads", "bd_writes")
_GENERATOR = "/usr/lib/systemd/system-generators/zram-generator"
_UNITS = "/etc/systemd/system"
#: Services that set zram up.
_SERVICES = (
    "zramswap.service",
    "zram-config.service",
    "zram-swap.service",
    "systemd-swap.service",
    "zramen.service",
)


class ZramDevice(NamedTuple):
    """A device of zram; sizes in bytes.

    :ivar name: such as ``zram0``.
    :ivar compressor: ``comp_algorithm``, the one in brackets.
    :ivar known: all that this kernel's zram has.
    :ivar counters: of mm_stat, io_stat and bd_stat, by name.
    :ivar backing_dev: where writeback goes; ``""`` for nowhere.
    :ivar recompressors: ``recomp_algorithm``, those in brackets.
    """

    name: str
    disksize: int
    compressor: str
    known: tuple[str, ...]
    counters: Mapping[str, int]
    backing_dev: str
    recompressors: tuple[str, ...] = ()


class Tool(NamedTuple):
    """Something on the host that sets zram up at boot.

    :ivar unit: the service to disable; ``""`` for zram-generator.
    :ivar config: the file that it reads, ``""`` where it has none.
    :ivar compressors: those that it is told to take, by device.
    """

    name: str
    unit: str
    config: str
    compressors: Mapping[str, str]


def devices(tree: Tree) -> tuple[ZramDevice, ...]:
    """Those that have a size: others are there to be taken by whoever wants one."""
    found = []
    for name in tree.names("/sys/block"):
        if not re.fullmatch("zram[0-9]+", name):
            continue
        place = f"/sys/block/{name}"
        disksize = tree.number(f"{place}/disksize")
        if not disksize:
            continue
        known = tree.word(f"{place}/comp_algorithm").split()
        backing = tree.word(f"{place}/backing_dev")
        counters = {
            **counted(tree.word(f"{place}/mm_stat"), MM_STAT),
            **counted(tree.word(f"{place}/io_stat"), IO_STAT),
            **counted(tree.word(f"{place}/bd_stat"), _BD_STAT),
        }
        found.append(
            ZramDevice(
                name,
                disksize,
                next((one.strip("[]") for one in known if one.startswith("[")), ""),
                tuple(one.strip("[]") for one in known),
                counters,
                "" if backing == "none" else backing,
                tuple(re.findall(r"\[([\w-]+)\]", tree.word(f"{place}/recomp_algorithm"))),
            )
        )
    return tuple(found)


def counted(text: str, names: Sequence[str]) -> dict[str, int]:
    """The numbers in a line of sysfs by their names; kernels append new ones."""
    return dict(zip(names, map(int, text.split()), strict=False))


def tools(tree: Tree) -> tuple[Tool, ...]:
    """Who sets zram up at boot."""
    return tuple(_tools(tree))


def _tools(tree: Tree) -> Iterator[Tool]:
    if tree.exists(_GENERATOR):
        config, sections = _generator(tree)
        if sections:
            yield Tool("zram-generator", "", config, sections)
    wanted = {
        name
        for directory in tree.names(_UNITS)
        if directory.endswith((".wants", ".requires"))
        for name in tree.names(f"{_UNITS}/{directory}")
    }
    for unit in _SERVICES:
        if unit not in wanted:
            continue
        name = unit.removesuffix(".service")
        config = f"/etc/default/{name}"
        values = dict(line.split("=", 1) for line in tree.lines(config) if "=" in line)
        compressor = values.get("ALGO", "").strip("\"' ")
        there = config if tree.exists(config) else ""
        yield Tool(name, unit, there, {"zram0": compressor} if compressor else {})


def _generator(tree: Tree) -> tuple[str, dict[str, str]]:
    """The file that zram-generator goes by, and for each device its compressor, or ``""``.

    The first main file that there is counts, and what is dropped in beside any is added to it.
    """
    places = [f"{top}/systemd/zram-generator.conf" for top in ("/etc", "/run", "/usr/local/lib")]
    places.append("/usr/lib/systemd/zram-generator.conf")
    files = [place for place in places if tree.exists(place)][:1]
    for place in reversed(places):
        files += [f"{place}.d/{name}" for name in tree.names(f"{place}.d")]
    found: dict[str, str] = {}
    for file in files:
        device = ""
        for line in tree.lines(file):
            if line.startswith("["):
                device = line.strip("[]")
                found.setdefault(device, "")
                continue
            key, _, value = (part.strip() for part in line.partition("="))
            if device and key == "compression-algorithm":
                found[device] = value.split(None, 1)[0].partition("(")[0] if value else ""
    return (files[0] if files else ""), found
