# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap status``: one look at the host, or a look a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from ghostswap.advise import findings
from ghostswap.cli.reports.host import status_json, status_report
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.live.seen import change
from ghostswap.live.seen.change import Change
from ghostswap.live.seen.status import read
from ghostswap.live.seen.tree import Tree


def run(*, watch: bool, as_json: bool) -> int:
    """Say how things are; 0, whatever is found."""
    seen = read(Tree())
    found = findings.find(seen)
    if as_json:
        emit_json(status_json.as_json(seen, found))
        return 0
    status_report.print_all(seen, found)
    if watch:
        sys.stdout.flush()
        status_report.print_changes(_changes())
    return 0


def _changes() -> Iterator[Change]:
    """What changed in each second, until somebody interrupts."""
    before, due = change.sample(Tree()), time.monotonic()
    while True:
        due += 1
        time.sleep(max(due - time.monotonic(), 0))
        now = change.sample(Tree())
        yield change.between(before, now)
        before = now
