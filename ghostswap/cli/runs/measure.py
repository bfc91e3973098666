# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap measure``: what the model says beside what the running kernel does."""

from __future__ import annotations

import os
from typing import Any

from ghostswap.cli.options.running import running_kernel
from ghostswap.cli.reports.outcome import lengths_fact, print_skipped
from ghostswap.cli.reports.outcome_json import SCHEMA, lengths_json, source_json
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.live.against import Comparison, Task, compare
from ghostswap.units import parse_size


def run(
    spec: str,
    design: str,
    compressor: str | None,
    mem_limit: str | None,
    scratch: str | None,
    *,
    as_json: bool,
) -> int:
    """Measure *spec*; 0 where all counters are equal.

    :param design: zswap is also called classic.
    :raises UsageError: where options do not go together.
    :raises GhostswapError: without root's rights.
    """
    if design not in ("zswap", "classic", "zram"):
        raise UsageError(f"no running kernel has {design}", "--design zswap, or zram")
    is_zram = design == "zram"
    if mem_limit is not None and not is_zram:
        raise UsageError("--mem-limit is zram's", "add --design zram")
    if scratch is not None and is_zram:
        raise UsageError("--scratch is zswap's: zram needs no swap area", "leave it out")
    if os.geteuid() != 0:
        raise GhostswapError("the running kernel is changed, which needs root", "run it with sudo")
    task = Task(
        spec,
        "zram" if is_zram else "zswap",
        running_kernel(),
        compressor,
        0 if mem_limit is None else parse_size(mem_limit),
        scratch,
    )
    found = compare(task, lambda: note("another process has the kernel's swap; waiting"))
    if as_json:
        emit_json(_json(found))
    else:
        _print(found)
    return 0 if found.equal else 1


def _json(found: Comparison) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kernel": found.kernel,
        "release": found.release,
        "design": found.design,
        "compressor": found.codec.name,
        **lengths_json(found.codec.error),
        "source": source_json(found.source, found.pages, found.pages),
        "counters": [
            {
                "name": name,
                "predicted": found.predicted[name],
                "measured": found.measured[name],
                "equal": found.predicted[name] == found.measured[name],
            }
            for name in found.names
        ],
        "pages_intact": found.intact,
        "pages_refused": found.refused,
        "equal": found.equal,
    }


def _print(found: Comparison) -> None:
    rows = [(name, found.predicted[name], found.measured[name]) for name in found.names]
    equal = sum(ours == its for _, ours, its in rows)
    same = "The model says what the kernel did" if found.equal else "The model differs"
    show.paragraph(f"{same}: {equal} of {len(rows)} counters are equal.")
    show.heading(
        f"{found.source.name}: {found.pages} pages through {found.design} of Linux"
        f" {found.release} with {found.codec.name}, beside the model of {found.kernel}"
    )
    show.table(
        ("counter", "predicted", "measured", ""),
        [
            (name, str(ours), str(its), "equal" if ours == its else "different")
            for name, ours, its in rows
        ],
        right=("predicted", "measured"),
    )
    back = "came back as they were" if found.intact else "came back otherwise"
    if found.refused:
        back = f"{found.pages - found.refused} {back}, {found.refused} were refused"
    show.facts([("pages", back), lengths_fact(found.codec.error)])
    print_skipped(found.source)
