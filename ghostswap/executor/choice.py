# SPDX-License-Identifier: GPL-2.0-or-later
"""Which engine does the work, by what the command line says."""

from __future__ import annotations

import os

from ghostswap.executor.engine import Engine, Here
from ghostswap.executor.processes import Processes


def engine_for(jobs: int | None, tasks: int, deadline: float, scheduler: str | None) -> Engine:
    """Who works on *tasks*.

    :param jobs: processes on this machine; one for each core where ``None``.
    :param deadline: seconds that one task may take.
    :param scheduler: of Dask, in place of them.
    :raises GhostswapError: where Dask is not installed, or no scheduler is there.
    """
    jobs = jobs or len(os.sched_getaffinity(0))
    if scheduler is not None:
        from ghostswap.executor.on_dask import Dask

        return Dask(scheduler, jobs, deadline)
    if jobs == 1 or tasks < 2:
        return Here()
    return Processes(min(jobs, tasks), deadline)
