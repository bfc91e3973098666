# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines for a root shell that set what is advised, until the next boot."""

from __future__ import annotations

from collections.abc import Iterator

from ghostswap.advise.advice import Advice
from ghostswap.advise.finding import swapoff
from ghostswap.designs import table
from ghostswap.live.seen.areas import AreaState
from ghostswap.live.seen.zswap import PARAMETERS
from ghostswap.units import exact_size, shell_word

#: Parameters of zswap among the settings, in the order in which they are set; on comes last.
ZSWAP = (
    "compressor",
    "max_pool_percent",
    "accept_threshold_percent",
    "shrinker_enabled",
    "enabled",
)


def commands(found: Advice) -> Iterator[str]:
    """What is not so yet, line by line; nothing where the choice cannot be had."""
    if found.choice.lacks:
        return
    if table.get(found.choice.design).is_zram:
        yield from _zram(found)
    else:
        yield from _zswap(found)
    for group in found.limits.wanted:
        if group.path:
            file = limit_file(group.path)
            yield f"[ ! -e {file} ] || echo {group.value} > {file}"
    for setting in found.settings:
        if setting.name.startswith("vm.") and setting.is_new:
            yield f"sysctl --write {setting.name}={setting.value}"


def limit_file(path: str) -> str:
    """The file with the limit of zswap's pool of the cgroup at *path*, a word for a shell."""
    return shell_word(f"/sys/fs/cgroup{path}/memory.zswap.max")


def makes_device(found: Advice) -> bool:
    """Whether a zram device is to be made: what one is made with can be set once."""
    made = ("disksize", "compressor", "mem_limit")
    is_zram = table.get(found.choice.design).is_zram
    return is_zram and any(one.is_new for one in found.settings if one.name in made)


def replaced(found: Advice) -> tuple[AreaState, ...]:
    """The areas on zram that are on and are to be switched off."""
    if table.get(found.choice.design).is_zram and not makes_device(found):
        return ()
    return tuple(area for area in found.place.seen.active if area.medium == "zram")


def _zswap(found: Advice) -> Iterator[str]:
    choice, seen = found.choice, found.place.seen
    if choice.disk:
        path = shell_word(seen.room.path)
        yield f"ghostswap mkswap --file --size {exact_size(choice.disk)} {path} && swapon {path}"
    elif choice.design == "ghost":
        path = shell_word(seen.room.path)
        yield f"ghostswap mkswap --size {exact_size(choice.size)} {path} && swapon {path}"
    for setting in found.settings:
        if setting.name in ZSWAP and setting.is_new:
            yield f"echo {setting.value} > {PARAMETERS}/{setting.name}"
    if zram := replaced(found):
        yield swapoff(*zram)


def _zram(found: Advice) -> Iterator[str]:
    by_name = {setting.name: setting for setting in found.settings}
    if makes_device(found):
        size = exact_size(int(by_name["disksize"].value))
        compressor = by_name["compressor"].value
        limit = by_name["mem_limit"].value
        offered = found.place.offered
        load = "" if offered is not None and offered.zram is not None else "modprobe zram && "
        yield (
            f"{load}device=$(zramctl --find --algorithm {compressor} --size {size})"
            + (f' && echo {limit} > "/sys/block/${{device#/dev/}}/mem_limit"' if limit else "")
            + ' && mkswap "$device"'
            f' && swapon --discard --priority {by_name["priority"].value} "$device"'
        )
        if zram := replaced(found):
            yield swapoff(*zram)
    off = by_name.get("zswap.enabled")
    if off is not None and off.is_new:
        yield f"echo N > {PARAMETERS}/enabled"
