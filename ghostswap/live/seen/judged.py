# SPDX-License-Identifier: GPL-2.0-or-later
"""Each swap area of a host as :mod:`ghostswap.area.judge` judges it, and what resuming finds there.

An area that is on is judged as if it were not: the kernel took it, and may still leave pages out.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence

from ghostswap.area.disk import resume, scan
from ghostswap.area.disk.resume import Resume
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.subject import Judges, judge_paths
from ghostswap.area.target.target import open_target
from ghostswap.errors import TargetError
from ghostswap.here import page_size
from ghostswap.kernels.rules import Kernel
from ghostswap.live.seen.areas import AreaState, ResumeState
from ghostswap.live.seen.tree import Tree

#: What writes the kernel's command line for the next boot.
_LOADERS = ("update-grub", "grubby")
#: Nobody knows the memory; then nothing is too large for it.
_BOUNDLESS = 1 << 64


def judge(
    tree: Tree, areas: Sequence[AreaState], kernel: Kernel, ram: int
) -> tuple[AreaState, ...]:
    """*areas* with what is wrong with them; what only root may read is noted.

    :param kernel: whose swapon(2) judges.
    :param ram: bytes of the machine's memory, 0 where nobody knows.
    """
    judges = Judges([kernel], Machine(ram or _BOUNDLESS, page_size()), as_if_off=True)
    return tuple(_judged(tree, areas, judges))


def find_resume(tree: Tree, areas: Sequence[AreaState]) -> ResumeState | None:
    """Where the kernel looks for an image, and what is there; ``None`` where it does not look."""
    asked = resume.asked_for(tree.root)
    if asked is None:
        return None
    there, others = None, list[str]()
    for area in areas:
        found = _resume(tree, area)
        if found is None:
            continue
        where, device = found
        if resume.is_place(where, asked, device):
            there = area
        elif where.line is not None:
            others.append(where.line)
    loader = next((name for name in _LOADERS if tree.exists(f"/usr/sbin/{name}")), "")
    image_size = tree.number("/sys/power/image_size")
    return ResumeState(asked.line or "", there, image_size, tuple(others), loader)


def _resume(tree: Tree, area: AreaState) -> tuple[Resume, int] | None:
    """How to resume from *area*, and the device that it lies on; ``None`` where nobody tells."""
    with (
        contextlib.suppress(TargetError, OSError),
        open_target(tree.path(area.path)) as target,
    ):
        refused = area.refusal.reason if area.refusal else ""
        info = os.fstat(target.fd)
        device = info.st_rdev if target.kind == "block" else info.st_dev
        return resume.find(target, scan.one(target), refused), device
    return None


def _judged(tree: Tree, areas: Sequence[AreaState], judges: Judges) -> Iterator[AreaState]:
    """*areas* with what is wrong with them; what only root may read is noted."""
    paths = {area.path: tree.path(area.path) for area in areas if _can_be_judged(tree, area)}
    judgements = dict(zip(paths, judge_paths(list(paths.values()), judges), strict=True))
    for area in areas:
        found = judgements.get(area.path)
        if found is None:
            yield area
        elif area.active:
            yield area._replace(dangers=found.dangers)
        else:
            yield area._replace(refusal=found.verdicts[0].refusal, dangers=found.dangers)


def _can_be_judged(tree: Tree, area: AreaState) -> bool:
    if area.active and area.medium == "zram":
        return False  # what set it up had just written its header
    path = tree.path(area.path)
    try:
        os.stat(path)
        barred = not os.access(path, os.R_OK)
    except PermissionError:
        barred = True
    except OSError:
        return not area.active  # one that is on and has no name any more still works
    if barred:
        tree.bar(area.path, os.strerror(errno.EACCES))
    return not barred
