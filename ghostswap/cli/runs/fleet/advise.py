# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet advise``: hosts run by whoever is there, and what sizes come to."""

from __future__ import annotations

from ghostswap import kernels
from ghostswap.cli.options.running import running_kernel
from ghostswap.cli.reports.fleet import advise_json, advise_report
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.designs import table
from ghostswap.executor.choice import engine_for
from ghostswap.fleet.advice import Question, advise
from ghostswap.fleet.runs import DEADLINE
from ghostswap.fleet.store import Store

#: What is set beside sizes unless another one is named.
_DYNAMIC = "vswap"


def kernel_name(named: str | None) -> str:
    """The kernel that is *named*, or the running one."""
    return named or running_kernel().name


def dynamic_on(kernel: str) -> str | None:
    """The design without a size, unless it could not be on *kernel*, which is said."""
    if table.get(_DYNAMIC).is_on(kernels.get(kernel)):
        return _DYNAMIC
    note(f"{_DYNAMIC} is left out: it is for newer kernels than Linux {kernel}")
    return None


def run(
    store: str, question: Question, jobs: int | None, scheduler: str | None, *, as_json: bool
) -> int:
    """Answer *question* for the hosts in *store*; 1 where some of them failed, else 0.

    :raises GhostswapError: where there is nobody to say anything about.
    """
    question.check()
    with Store(store) as opened:
        if not opened.may_write:
            note(f"{store} cannot be written: what is run is not kept")
        with engine_for(jobs, opened.count(), DEADLINE, scheduler) as engine:
            found = advise(opened, question, engine, progress_bar)
    if as_json:
        emit_json(advise_json.as_json(found))
    else:
        advise_report.print_all(found)
    return 1 if found.failed else 0
