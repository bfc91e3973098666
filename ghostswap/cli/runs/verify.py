# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap verify``: every page kept, brought back, compared."""

from __future__ import annotations

import click

from ghostswap.cli.options.keys import document_of
from ghostswap.cli.reports.result import Result
from ghostswap.cli.runs.simulate import emit
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.scenario.key import Run
from ghostswap.scenario.reader import Use, read
from ghostswap.study.fill import store
from ghostswap.study.round_trip import verify


def run(context: click.Context) -> int:
    """Verify what *context* says."""
    document = document_of(context)
    host, areas = read(document, Use(Run.STORE))
    if host.zram_recompress:
        why = "pages are verified as they are compressed first"
        raise document.fail(("zram", "recompress"), why, "leave it out")
    force = context.params["force"]
    measured, verified = verify(host, areas, force=force, progress=progress_bar)
    _, outcome = store(host, measured, areas)
    emit(context, Result(host, measured, outcome, Run.STORE, verified=verified))
    return 0
