# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap advise --check``: a prediction that was kept, beside what the host has now."""

from __future__ import annotations

import os

from ghostswap.advise.advice import Advice
from ghostswap.advise.check import prediction
from ghostswap.advise.check.check import check
from ghostswap.advise.check.prediction import Prediction
from ghostswap.cli.reports.host import check_json, check_report
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.live.seen.status import read
from ghostswap.live.seen.tree import Tree

_BOOT = "/proc/sys/kernel/random/boot_id"
#: What apply.sh keeps, for undo.sh to take away: a directory, and in it the device of zram.
_KEPT = "before"
_DEVICE = "zram"


def predicted(found: Advice, source: str, tree: Tree) -> Prediction:
    """What is to be kept of *found*, which was made from *source* on the host of *tree*."""
    import time

    made = time.strftime("%Y-%m-%d")
    return prediction.of(found, source, made=made, boot=tree.word(_BOOT))


def run(directory: str, *, as_json: bool) -> int:
    """Say how what was predicted in *directory* went; 0, whatever came of it.

    :raises GhostswapError: where nothing can be compared.
    """
    known = prediction.read(directory)
    kept, tree = os.path.join(directory, _KEPT), Tree()
    seen = read(tree)
    found = check(
        known,
        seen,
        boot=tree.word(_BOOT),
        applied=os.path.isdir(kept),
        device=Tree(os.path.abspath(kept)).word(f"/{_DEVICE}"),
    )
    if as_json:
        emit_json(check_json.as_json(found, seen.unseen))
    else:
        check_report.print_all(found, seen.unseen)
    return 0
