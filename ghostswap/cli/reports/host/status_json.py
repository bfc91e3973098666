# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``status`` saw of a host and found, as JSON: ghostswap-json-host(5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ghostswap.advise.finding import Finding
from ghostswap.live.seen.areas import AreaState, ResumeState
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.zswap import Zswap

_SCHEMA = 1


def as_json(seen: Status, found: Sequence[Finding]) -> dict[str, Any]:
    """Everything; its keys are stable."""
    return {
        "schema": _SCHEMA,
        "kernel": seen.kernel or None,
        "areas": [_area(area) for area in seen.areas],
        "reserved_bytes": seen.reserved,
        "never_written_bytes": seen.never_written,
        "zswap": seen.zswap and _zswap(seen.zswap),
        "zram": [
            {
                "name": device.name,
                "disksize": device.disksize,
                "comp_algorithm": device.compressor,
                "known_algorithms": list(device.known),
                "backing_dev": device.backing_dev or None,
                "counters": dict(device.counters),
            }
            for device in seen.zram
        ],
        "zram_tools": [{"name": tool.name, "config": tool.config or None} for tool in seen.tools],
        "reclaim": {
            "swappiness": seen.reclaim.swappiness,
            "page_cluster": seen.reclaim.page_cluster,
            "watermark_scale_factor": seen.reclaim.watermark_scale_factor,
            "lru_gen": seen.reclaim.lru_gen,
            "pressure": dict(seen.reclaim.pressure),
            "meminfo": dict(seen.reclaim.meminfo),
            "vmstat": dict(seen.reclaim.vmstat),
        },
        "cgroups": {
            "version": seen.cgroups.version,
            "looked_at": seen.cgroups.looked_at,
            "more": seen.cgroups.more,
            "groups": [
                {
                    "path": group.path,
                    "settings": dict(group.settings),
                    "counters": dict(group.counters),
                }
                for group in seen.cgroups.groups
            ],
        },
        "resume": seen.resume and _resume(seen.resume),
        "findings": [one._asdict() for one in found],
        "unseen": [{"path": path, "why": said} for path, said in seen.unseen.items()],
    }


def _area(area: AreaState) -> dict[str, Any]:
    return {
        "path": area.path,
        "type": area.type,
        "active": area.active,
        "size": area.size,
        "used": area.used,
        "priority": area.priority,
        "medium": area.medium or None,
        "configured": area.configured or None,
    }


def _zswap(zswap: Zswap) -> dict[str, Any]:
    return {
        "enabled": zswap.enabled,
        "parameters": dict(zswap.parameters),
        "zpool": zswap.zpool,
        "pool_bytes": zswap.pool,
        "stored_bytes": zswap.stored,
        "limit_bytes": zswap.limit,
        "accept_threshold_bytes": zswap.accept_threshold,
        "debugfs": dict(zswap.debugfs),
        "vmstat": dict(zswap.vmstat),
        "asked": zswap.asked and {"value": zswap.asked.value, "source": zswap.asked.source},
    }


def _resume(resume: ResumeState) -> dict[str, Any]:
    return {
        "asked": resume.asked,
        "path": resume.area.path if resume.area else None,
        "image_size": resume.image_size,
        "others": list(resume.others),
    }
