# SPDX-License-Identifier: GPL-2.0-or-later
"""What each setting that may be advised is on a host now, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from ghostswap.designs import table
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.tree import number
from ghostswap.live.seen.zram import ZramDevice

#: A value that a setting has; ``None`` where nobody tells or there is none.
Value = int | str | None


def on_disk(seen: Status) -> int:
    """Bytes of areas that are on and on a disk."""
    return sum(area.size for area in seen.active if area.on_disk)


def settings(seen: Status, design: str, device: ZramDevice | None) -> dict[str, Value]:
    """All that *design* has, sizes in bytes.

    :param device: of zram, the one in question.
    """
    found = _zram(seen, device) if table.get(design).is_zram else _zswap(seen, design)
    return {
        **found,
        "vm.swappiness": seen.reclaim.swappiness,
        "vm.page-cluster": seen.reclaim.page_cluster,
    }


def _zswap(seen: Status, design: str) -> dict[str, Value]:
    zswap = seen.zswap
    parameters: Mapping[str, str] = zswap.parameters if zswap else {}
    return {
        "area": (on_disk(seen) or None) if design == "classic" else None,
        "compressor": parameters.get("compressor"),
        "max_pool_percent": zswap.max_pool_percent if zswap else None,
        "accept_threshold_percent": number(parameters.get("accept_threshold_percent", "")),
        "shrinker_enabled": parameters.get("shrinker_enabled"),
        "enabled": parameters.get("enabled"),
    }


def _zram(seen: Status, device: ZramDevice | None) -> dict[str, Value]:
    zswap = seen.zswap
    enabled = zswap.parameters.get("enabled") if zswap else None
    if device is None:
        return {"zswap.enabled": enabled}
    path = f"/dev/{device.name}"
    areas = [area for area in seen.active if area.path == path]
    return {
        "disksize": device.disksize,
        "compressor": device.compressor,
        "mem_limit": device.counters.get("mem_limit", 0),
        "backing_dev": device.backing_dev or "none",
        "recomp_algorithm": " ".join(device.recompressors) or "none",
        "priority": areas[0].priority if areas else None,
        "zswap.enabled": enabled,
    }
