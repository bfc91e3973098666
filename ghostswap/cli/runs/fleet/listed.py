# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet list``: what is in a store."""

from __future__ import annotations

from ghostswap.cli.reports.fleet import list_report
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.fleet.store import Store


def run(store: str, *, as_json: bool) -> int:
    """List the hosts in *store*.

    :raises GhostswapError: where it cannot be read.
    """
    with Store(store) as opened:
        rows = [(host, opened.columns(host)) for host in opened.hosts()]
    if as_json:
        emit_json(list_report.as_json(store, rows))
    else:
        list_report.print_all(store, rows)
    return 0
