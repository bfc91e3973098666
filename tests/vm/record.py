# SPDX-License-Identifier: GPL-2.0-or-later
"""New rows for the files in tests/cases, in the form that the tests of recordings take."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from support.corpora import CORPORA

from ghostswap import codecs, kernels
from ghostswap.page import INCOMPRESSIBLE
from vm.fills import MM_STAT, Fill, fills, found_counters, limits
from vm.guest import Answers

Row = dict[str, Any]

#: What tells one row of a file from another.
KEYS = {
    "swapon.json.xz": ("kernel", "name", "mode", "flags"),
    "kernel-fills.json.xz": ("kernel", "design", "corpus", "comp", "zpool", "wb"),
    "limit.json.xz": ("kernel", "corpus", "comp", "zpool", "how", "max_pool_percent", "wb"),
}


def add(path: Path, rows: Iterable[Row], origin: str) -> int:
    """Add those of *rows* to a file of cases that it has not got yet; how many.

    A row is the same as another where what was asked is; what was answered is not looked at.

    :param origin: where the rows come from, for the file's ``doc``.
    """
    case = json.loads(lzma.decompress(path.read_bytes()))
    key = KEYS[path.name]
    known = {tuple(row.get(name) for name in key) for row in case["rows"]}
    new = []
    for row in rows:
        asked = tuple(row.get(name) for name in key)
        if asked not in known:
            known.add(asked)
            new.append(row)
    if new:
        case["rows"] += new
        doc = case["doc"]
        if isinstance(doc, str):
            case["doc"] = doc if origin in doc else f"{doc} {origin}"
        else:
            doc[origin] = "As the others."
        text = json.dumps(case, separators=(",", ":")).encode()
        half = path.with_name(f"{path.name}.new")
        half.write_bytes(lzma.compress(text, preset=9))
        half.replace(path)
    return len(new)


def fill_rows(kernel: str, said: dict[str, Answers]) -> list[Row]:
    """Fills of zswap whose lengths were asked for, and of zram."""
    found = []
    for fill in fills(kernel):
        job = said.get(f"zswap-{fill.name}", Answers())
        lens = [length or INCOMPRESSIBLE for length in job.numbers("lens")]
        if fill.zpool == "zsmalloc" and lens:
            found.append({**_zswap_row(kernel, fill, job), "lens": lens})
    for comp, corpus in product(codecs.names(), CORPORA):
        job = said.get(f"zram-{corpus}-{comp}", Answers())
        if "mm_stat" in job:
            lens = [length or INCOMPRESSIBLE for length in job.numbers("lens")]
            found.append(
                {
                    "kernel": kernel,
                    "design": "zram",
                    "corpus": corpus,
                    "comp": comp,
                    "pages": len(lens),
                    "mm_stat": dict(zip(MM_STAT, job.numbers("mm_stat"), strict=True)),
                    "lens": lens,
                }
            )
    return found


def limit_rows(kernel: str, said: dict[str, Answers], memtotal: int) -> list[Row]:
    """Fills of a pool of 1 % of memory.

    :param memtotal: the guest's, in bytes.
    """
    return [
        {**_zswap_row(kernel, fill, job), "MemTotal": memtotal // 1024, "source": "vmtest"}
        for fill in limits(kernel)
        if "after" in (job := said.get(f"zswap-{fill.name}", Answers()))
    ]


def _zswap_row(kernel: str, fill: Fill, job: Answers) -> Row:
    row, counted = kernels.get(kernel), found_counters(job)
    knob = {} if fill.writeback else {"wb": 0}
    return {
        "kernel": kernel,
        "design": "zswap",
        "corpus": fill.corpus,
        "comp": fill.comp,
        "zpool": fill.zpool,
        "how": "perpage",
        "pages": len(CORPORA[fill.corpus]()) // 4096,
        "max_pool_percent": str(fill.percent),
        "accept_threshold_percent": "90",
        "debugfs": {name: counted[name] for name in row.zswap.debugfs if name in counted},
        "vmstat": {name: counted[name] for name in row.vmstat if name in counted},
        **knob,
    }
