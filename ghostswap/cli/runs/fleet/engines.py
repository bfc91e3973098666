# SPDX-License-Identifier: GPL-2.0-or-later
"""Which engine does the work of a fleet, by what the command line says."""

from __future__ import annotations

from ghostswap.executor.engine import Engine, Here


def engine_for(jobs: int | None, tasks: int) -> Engine:
    """Who works on *tasks*: this process where it is alone, else as many as *jobs* beside it."""
    del jobs, tasks
    return Here()
