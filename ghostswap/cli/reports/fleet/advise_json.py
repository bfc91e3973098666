# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice for a fleet as JSON: ghostswap-json(5)."""

from __future__ import annotations

from typing import Any

from ghostswap.fleet.advice import Advice
from ghostswap.fleet.kinds import Kind
from ghostswap.fleet.sizing import Plan, Spread

_SCHEMA = 1


def as_json(found: Advice) -> dict[str, Any]:
    """Everything; its keys are stable."""
    question = found.question
    return {
        "schema": _SCHEMA,
        "hosts": found.hosts,
        "design": question.design,
        "compressor": question.compressor,
        "kernel": question.kernel,
        "max_pool_percent": question.max_pool_percent,
        "cover": question.cover,
        "sampled_hosts": found.drawn,
        "lengths_error": found.error or None,
        "one_size": _plan(found.one_size),
        "by_kind": [{**_kind(one.kind), **_plan(one.plan)} for one in found.by_kind],
        "kinds_together": _plan(found.kinds),
        "own_sizes": _plan(found.own),
        "dynamic": None
        if found.dynamic is None
        else {"design": question.dynamic, **_plan(found.dynamic)},
        "look_first": [
            {
                "name": one.host.name,
                "id": one.host.id,
                "mem_total": one.host.mem_total,
                **_kind(one.kind),
                "own_size": one.size,
                "lost_bytes": one.lost,
                "freed_bytes": one.stored.freed_bytes,
                "refused_pages": one.stored.refused_pages,
                "wasted_bytes": one.stored.wasted_bytes,
            }
            for one in found.look
        ],
        "failed": [
            {"name": one.host.name, "id": one.host.id, "why": one.why} for one in found.failed
        ],
    }


def _kind(kind: Kind) -> dict[str, Any]:
    return {"kind_memory": kind.memory, "kind_ratio": [kind.low, kind.high]}


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "size": plan.size,
        "hosts": plan.hosts,
        "worse_off": len(plan.worse_off),
        "losing": plan.losing,
        "freed_bytes": _spread(plan.freed),
        "refused_pages": _spread(plan.refused_pages),
        "wasted_bytes": _spread(plan.wasted),
        "wasted_disk_bytes": _spread(plan.wasted_disk),
    }


def _spread(spread: Spread) -> dict[str, int]:
    return {
        "total": spread.total,
        "min": spread.least,
        **{f"p{percent}": value for percent, value in spread.percentiles.items()},
        "max": spread.most,
    }
