# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice and what came of it, as JSON: ghostswap-json-host(5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghostswap.advise.check.check import Check

_SCHEMA = 1


def as_json(found: Check, unseen: Mapping[str, str]) -> dict[str, Any]:
    """Everything; its keys are stable."""
    prediction, figures = found.prediction, found.figures
    return {
        "schema": _SCHEMA,
        "verdict": found.verdict,
        "made": prediction.made,
        "kernel": prediction.kernel,
        "design": prediction.design,
        "compressor": prediction.compressor,
        "memory_bytes": prediction.memory_bytes,
        "left_bytes": figures.left,
        "predicted": {
            "stored_bytes": figures.stored_predicted,
            "pool_bytes": figures.pool_predicted,
            "pool_interval": list(figures.pool_interval),
            "freed_bytes": figures.freed_predicted,
            "freed_interval": list(figures.freed_interval),
            "refused_share": round(figures.refused_predicted, 4),
        },
        "now": {
            "stored_bytes": figures.stored,
            "pool_bytes": figures.pool,
            "freed_bytes": figures.freed,
            "refused_share": None if figures.refused is None else round(figures.refused_share, 4),
            "refused_pages": None if figures.refused is None else sum(figures.refused.values()),
            "written_back_pages": figures.written_back,
        },
        "settings": [one._asdict() for one in found.settings],
        "reasons": [{**one._asdict(), "breaks": one.breaks or None} for one in found.reasons],
        "unseen": [{"path": path, "why": why} for path, why in unseen.items()],
    }
