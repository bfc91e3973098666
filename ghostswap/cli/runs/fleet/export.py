# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet export``: figures of all hosts, written for other tools."""

from __future__ import annotations

from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.fleet.export import parquet
from ghostswap.fleet.store import Store

_SCHEMA = 1


def run(store: str, path: str, *, as_json: bool) -> int:
    """Write what is in *store* to *path*.

    :raises GhostswapError: where one cannot be read, or the other not be written.
    """
    with Store(store) as opened:
        hosts, rows = opened.count(), parquet(opened, path)
    if as_json:
        emit_json({"schema": _SCHEMA, "store": store, "path": path, "hosts": hosts, "rows": rows})
    else:
        show.paragraph(f"{path}: {rows} rows of {hosts} hosts")
    return 0
