# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice as JSON: ghostswap-json-host(5)."""

from __future__ import annotations

from typing import Any

from ghostswap.advise.advice import Advice
from ghostswap.advise.commands import commands
from ghostswap.advise.defaults import DefaultOutcome
from ghostswap.advise.options import Option, at_limit
from ghostswap.pages.source import IN_SWAP, MISSING, Source

_SCHEMA = 1


def as_json(found: Advice, source: Source) -> dict[str, Any]:
    """Everything; its keys are stable."""
    choice = found.choice
    return {
        "schema": _SCHEMA,
        "kernel": found.place.kernel.name,
        "ram": found.place.ram,
        "source": {
            "name": source.name,
            "pages": choice.outcome.pages,
            "sampled_pages": choice.outcome.drawn or choice.outcome.pages,
            "unreadable_pages": source.account.pages(MISSING),
            "swapped_pages": source.account.pages(IN_SWAP),
        },
        "goal": found.goal,
        "weights": found.weights._asdict(),
        "choice": {
            "design": choice.design,
            "compressor": choice.compressor,
            "size_bytes": choice.size,
            **{
                _key(one.name): one.value
                for one in found.settings
                if one.name not in ("area", "disksize")
            },
            "lacks": choice.lacks or None,
        },
        "settings": [
            {
                "name": one.name,
                "value": one.value,
                "now": one.now,
                "because": one.because,
                "otherwise": one.otherwise,
            }
            for one in found.settings
        ],
        "options": [_option(found, option) for option in found.ranked],
        "other_sizes": [
            {
                "design": one.design,
                "size_bytes": one.size,
                "refused_bytes": one.refused,
                "metadata_bytes": one.metadata,
            }
            for one in found.others
        ],
        "defaults": [_default(one) for one in found.defaults],
        "hibernation": {
            "image_bytes": found.hibernation.image,
            "slots_bytes": found.hibernation.slots,
            "need_bytes": found.hibernation.need,
            "disk_bytes": found.hibernation.disk,
            "fits": found.hibernation.fits,
            "lacks": found.hibernation.lacks or None,
            "because": found.hibernation.because,
            "otherwise": found.hibernation.otherwise,
        },
        "groups": [
            {
                "name": one.name or None,
                "memory_bytes": one.memory,
                "compressed_bytes": one.compressed,
                "zswap_max": one.value,
                "lacks": found.limits.lacks or None,
                "because": one.because,
                "otherwise": one.otherwise,
            }
            for one in found.limits.groups
        ],
        "touches": None if found.work is None else found.work.curve.touches,
        "commands": list(commands(found)),
        "unseen": [{"path": path, "why": why} for path, why in found.place.seen.unseen.items()],
    }


def _key(name: str) -> str:
    """The name of a setting as a key: ``page_cluster``, ``zswap_enabled``."""
    return name.removeprefix("vm.").replace("-", "_").replace(".", "_")


def _option(found: Advice, option: Option) -> dict[str, Any]:
    time = option.time
    return {
        "design": option.design,
        "compressor": option.compressor,
        "lacks": option.lacks or None,
        "score": round(found.score(option), 4),
        "freed_bytes": option.freed,
        "freed_interval": list(option.freed_interval),
        "pool_bytes": option.pool,
        "pool_interval": list(option.pool_interval),
        "metadata_bytes": option.outcome.metadata.total_bytes,
        "freed_at": [
            {"swapped_bytes": part, "freed_bytes": option.freed_at(part)}
            for part in (option.memory * quarter // 4 for quarter in range(1, 5))
        ],
        "break_even_bytes": option.break_even,
        "waits": [] if found.work is None else [one._asdict() for one in found.work.waits(option)],
        "wait_us": None if option.wait_us is None else round(option.wait_us, 3),
        "size_bytes": option.size,
        "disk_bytes": option.disk,
        "compress_ns": None if time is None else time.compress_ns,
        "decompress_ns": None if time is None else time.decompress_ns,
        "lengths": "estimate" if option.error else "exact",
        "lengths_error": option.error or None,
        "at_limit": at_limit(option.design),
    }


def _default(one: DefaultOutcome) -> dict[str, Any]:
    return {
        "name": one.rule.name,
        "design": one.rule.design,
        "compressor": one.rule.compressor or None,
        "size_bytes": one.size,
        "swapped_bytes": one.swapped,
        "freed_bytes": one.freed,
        "disk_bytes": one.disk,
        "rule": one.rule.rule,
        "source": one.rule.source,
    }
