# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be wrong with zram as swap (drivers/block/zram, Linux 6.1 to 6.18)."""

from __future__ import annotations

from collections.abc import Iterator

from ghostswap.advise.finding import Said, named, swapoff
from ghostswap.advise.of_zswap import ON
from ghostswap.live.seen.areas import AreaState
from ghostswap.live.seen.status import Status
from ghostswap.units import format_size, printable, shell_word

#: Of ``mem_limit``, what counts as having reached it.
_NEARLY = 0.9


def above_disk(seen: Status) -> Iterator[Said]:
    """zram is filled first, then a disk."""
    zram, disks = _both(seen)
    for upper in zram:
        for lower in disks:
            if (upper.priority or 0) > (lower.priority or 0):
                yield Said(
                    f"{named(upper)} stands above {named(lower)}",
                    "zram keeps what left first; what is wanted sooner then goes to the disk",
                    _one_of_both(seen, zram, disks),
                )
                return


def below_disk(seen: Status) -> Iterator[Said]:
    """A disk is filled before zram, or both in turn."""
    zram, disks = _both(seen)
    for lower in zram:
        for upper in disks:
            if (upper.priority or 0) < (lower.priority or 0):
                continue
            equal = upper.priority == lower.priority
            how = "are of equal rank" if equal else "are the wrong way round"
            yield Said(
                f"{named(upper)} and {named(lower)} {how}",
                "pages go to both in turn, wanted or not"
                if equal
                else "zram gets no page before the disk is full",
                _one_of_both(seen, zram, disks),
            )
            return


def page_cluster(seen: Status) -> Iterator[Said]:
    """Swap is in zram, and the kernel reads ahead as from a disk."""
    value = seen.reclaim.page_cluster
    if not value or not seen.active or seen.active[0].medium != "zram":
        return
    pages = 1 << value
    yield Said(
        f"vm.page-cluster is {value}, and swap is in {printable(seen.active[0].path)}",
        f"a fault in shared memory decompresses up to {pages} pages, and saves no seek",
        "echo 0 > /proc/sys/vm/page-cluster",
    )


def refuses(seen: Status) -> Iterator[Said]:
    """A device has come to its mem_limit."""
    for device in seen.zram:
        limit = device.counters.get("mem_limit", 0)
        failed = device.counters.get("failed_writes", 0)
        used = device.counters.get("mem_used_total", 0)
        if limit and failed and used >= _NEARLY * limit:
            yield Said(
                f"{device.name} has {format_size(used)} of its mem_limit of {format_size(limit)},"
                f" and has refused {failed:,} pages",
                "a page that it refuses stays in memory, and is tried again in vain",
                f"echo {2 * limit} > /sys/block/{device.name}/mem_limit",
            )


def compressor(seen: Status) -> Iterator[Said]:
    """A device compresses with another than its tool was told."""
    for tool in seen.tools:
        for device in seen.zram:
            asked = tool.compressors.get(device.name)
            if not asked or asked == device.compressor:
                continue
            known = asked in device.known
            unit = tool.unit or f"systemd-zram-setup@{device.name}.service"
            word = f"s/{asked}/{device.compressor}/"
            yield Said(
                f"{device.name} compresses with {device.compressor}, and"
                f" {printable(tool.config)} asks for {printable(asked)}",
                "a device keeps the compressor that it was set up with"
                if known
                else f"this kernel's zram has no {printable(asked)}",
                f"systemctl restart {unit}"
                if known
                else f"sed -i {shell_word(word)} {shell_word(tool.config)}",
            )


def two_tools(seen: Status) -> Iterator[Said]:
    """More than one service sets zram up."""
    if len(seen.tools) < 2:
        return
    units = [tool.unit for tool in seen.tools if tool.unit]
    # zram-generator is no unit; else the first that there is may stay.
    spare = units if len(units) < len(seen.tools) else units[1:]
    yield Said(
        f"{' and '.join(tool.name for tool in seen.tools)} set zram up at boot",
        "the second finds the device taken, or adds one more: size and compressor are those of"
        " whichever came first",
        f"systemctl disable --now {' '.join(spare)}",
    )


def _both(seen: Status) -> tuple[list[AreaState], list[AreaState]]:
    """Areas in zram and areas on disks."""
    zram = [area for area in seen.active if area.medium == "zram"]
    return zram, [area for area in seen.active if area.on_disk]


def _one_of_both(seen: Status, zram: list[AreaState], disks: list[AreaState]) -> str:
    """zswap does in front of a disk what zram should: it hands on what is cold."""
    if seen.zswap is None:
        return swapoff(*disks)
    return swapoff(*zram) if seen.zswap.enabled else f"{swapoff(*zram)} && {ON}"
