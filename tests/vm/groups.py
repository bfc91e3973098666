# SPDX-License-Identifier: GPL-2.0-or-later
"""Groups filled under the memory.zswap.max that ``advise`` gives them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from support.corpora import CORPORA

from vm.fills import Fill, compare_one, measured
from vm.guest import Answers
from vm.table import Answer

#: What the groups hold is by lz4, and half of so many MiB is less than that grown by half.
COMP, RAM = "lz4", 12
_ASKED = "advised limit"


@cache
def fills(kernel: str) -> tuple[Fill, ...]:
    """A fill for each corpus, with the limit that it is given beside the others."""
    with tempfile.TemporaryDirectory() as name:
        directory, pages = Path(name), []
        for corpus, content in CORPORA.items():
            (directory / corpus).write_bytes(content())
            pages += ["--pages", corpus]
        profile = ("profile", "--names", "--compressor", COMP, "--output", "groups.gsp", *pages)
        _ghostswap(directory, *profile, "--kernel", kernel)
        asked = ("--pages", "groups.gsp", "--ram", f"{RAM}M", "--goal", "memory", "--json")
        found = json.loads(_ghostswap(directory, "advise", *asked, "--kernel", kernel))
    return tuple(
        Fill(row["name"], COMP, zmax=row["zswap_max"])
        for row in found["groups"]
        if row["zswap_max"] != "max"
    )


def _ghostswap(directory: Path, *args: str) -> str:
    call = [sys.executable, "-m", "ghostswap", *args]
    done = subprocess.run(call, cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


def script(kernel: str) -> str:
    return "".join(fill.script(each=False) for fill in fills(kernel))


def compare(kernel: str, said: dict[str, Answers], memtotal: int) -> Iterator[Answer]:
    """Whether each limit is set, and what zswap holds of its group and has written back."""
    for fill in fills(kernel):
        job = said.get(f"zswap-{fill.name}", Answers())
        pages = measured(kernel, "zswap", fill.comp, fill.corpus)
        if "after" in job and pages is not None:
            limit = job.number("limit")
            yield Answer(kernel, _ASKED, f"{fill.name} memory.zswap.max", fill.zmax, limit)
            yield from compare_one(kernel, _ASKED, fill, pages, job, memtotal)
