# SPDX-License-Identifier: GPL-2.0-or-later
"""swapon(2) of areas good and bad, on ext4, on block devices and on tmpfs, beside the verdicts."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from area.judge.test_rules import area_of
from support.images import Image, generated, mutated

from ghostswap import kernels
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.rules import judge
from vm.guest import FILES, SWAP, Answers
from vm.table import Answer, Value

#: Areas by dice, besides those with a name.
RANDOM = 150
#: swapon's flags: SWAP_FLAG_PREFER with a priority, SWAP_FLAG_DISCARD, and one that is none.
FLAGS = (0x8005, 0x8000, 0x7FFF, 0x10000, 0x40000, 0x80000, 0x100000)
_PREFER, _PRIO = 0x8000, 0x7FFF
_WITHOUT_PRIO = -2


@dataclass(frozen=True)
class Case:
    """An area to switch on: as a ``file``, a ``loop`` device, on ``tmpfs``, or as a ``disk``.

    A disk is all of ``$swap`` with the area's first bytes, whatever size the area has.
    """

    image: Image
    mode: str
    flags: int = 0

    @property
    def name(self) -> str:
        return f"{self.image.name} {self.mode}" + (f" {self.flags:#x}" if self.flags else "")

    @property
    def start(self) -> bytes:
        return self.image.start[: self.image.size]

    @property
    def alloc(self) -> str:
        """As the recordings call it."""
        inside = [page for page in self.image.holes if (page + 1) * 4096 <= self.image.size]
        return "hole" if inside and self.mode == "file" else "full"


def cases(*, has_loop: bool) -> list[Case]:
    """All areas to ask about; without loop devices block devices are the one disk."""
    images = [*generated(), *map(mutated, range(RANDOM))]
    images = [image for image in images if image.size < FILES << 19]
    whole_disk = [replace(image, size=SWAP << 20) for image in images]
    blocks = [Case(image, "loop") for image in images]
    found = [Case(image, "file") for image in images]
    found += blocks if has_loop else [Case(image, "disk") for image in whole_disk]
    good = images[0]
    found += [Case(image, "tmpfs") for image in images[:2]]
    return found + [Case(good, "file", flags) for flags in FLAGS]


def packed(asked: list[Case]) -> bytes:
    """The file that the helper reads."""
    lines = []
    for case in asked:
        start, holes = case.start, case.image.holes if case.alloc == "hole" else ()
        pages = [page for page in holes if (page + 1) * 4096 <= case.image.size]
        words = (case.mode, case.image.size, case.flags, len(start), *pages)
        lines.append(" ".join(map(str, words)).encode() + b"\n" + start)
    return b"".join(lines)


def script() -> str:
    return "echo '@job swapon'\nhelper swapon /mnt/cases $swap\n"


def refusals(log: list[str]) -> list[str]:
    """Of what was logged during swapon what it means to say.

    Debian builds with UBSAN, which once a boot takes the bad page list for an array of one.
    """
    found, in_trace = [], False
    for line in log:
        in_trace = in_trace or "[ cut here ]" in line
        if not in_trace and not line.startswith("Adding "):
            found.append(line)
        in_trace = in_trace and "[ end trace ]" not in line
    return found


def answered(kernel: str, asked: list[Case], said: Answers) -> list[dict[str, Any]]:
    """What the kernel said, as rows of tests/cases/swapon.json.xz."""
    logs: dict[int, list[str]] = {}
    for number, *words in said.words.get("log", []):
        logs.setdefault(int(number), []).append(" ".join(words))
    rows = []
    for number, error, kib, prio in said.words.get("answer", []):
        case = asked[int(number)]
        data = zlib.compress(case.start[: 64 << 10].rstrip(b"\0"))
        taken = error == "0"
        rows.append(
            {
                "kernel": kernel,
                "name": case.image.name,
                "mode": "loop" if case.mode == "disk" else case.mode,
                "alloc": case.alloc,
                "size": case.image.size,
                "flags": case.flags,
                "errno": None if taken else error,
                "pages": int(kib) // 4 if taken else None,
                "prio": int(prio) if taken else None,
                "log": refusals(logs.get(int(number), [])),
                "data_z64": base64.b64encode(data).decode(),
            }
        )
    return rows


def predicted_prio(kernel: str, flags: int) -> int:
    if flags & _PREFER:
        return flags & _PRIO
    default = kernels.get(kernel).swap.default_prio
    return _WITHOUT_PRIO if default is None else default


def compare(kernel: str, rows: list[dict[str, Any]], memtotal: int) -> Iterator[Answer]:
    """A question for each area: errno, log line, pages and priority at once.

    :param memtotal: the guest's, in bytes.
    """
    for row in rows:
        verdict = judge(area_of(row), kernels.get(kernel), Machine(memtotal), row["flags"])
        refusal = verdict.refusal
        log = [refusal.log] if refusal and refusal.log else []
        predicted = _said(
            refusal.errno if refusal else None,
            verdict.pages,
            None if refusal else predicted_prio(kernel, row["flags"]),
            log,
        )
        found = _said(row["errno"], row["pages"], row["prio"], row["log"])
        name = f"{row['mode']}-{row['name']}" + (f"-{row['flags']:#x}" if row["flags"] else "")
        yield Answer(kernel, "swapon", name, predicted, found)


def _said(errno: str | None, pages: int | None, prio: int | None, log: list[str]) -> Value:
    parts = [errno] if errno else [f"{pages} pages, priority {prio}"]
    return "; ".join([*parts, *log])
