# SPDX-License-Identifier: GPL-2.0-or-later
"""Would swapon(2) of this kernel take this area, and if not, what would make it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ghostswap.area.judge.area import Area, Machine
from ghostswap.area.judge.checks import CHECKS, U32, Case
from ghostswap.area.judge.refusal import Refusal
from ghostswap.kernels.rules import Check, Kernel

#: What these find lies in the file, and no header mends it.
_OF_THE_FILE = (Check.OPENING, Check.ENCRYPTED, Check.ACTIVATION)


class Verdict(NamedTuple):
    """A kernel's answer.

    :ivar pages: usable pages as /proc/swaps shows them (Size / page size); ``None`` if refused.
    """

    kernel: str
    pages: int | None
    refusal: Refusal | None = None

    @property
    def accepted(self) -> bool:
        return self.refusal is None


def judge(area: Area, kernel: Kernel, machine: Machine, flags: int = 0) -> Verdict:
    """What swapon(2) of *kernel* on *machine* would answer for *area*.

    The cure of a refusal mends what later checks would refuse as well.

    :param flags: the second argument of swapon(2).
    """
    case = Case(area, machine, kernel, machine.parse(area.start), flags)
    said = ((check, CHECKS[check](case)) for check in kernel.swapon.checks)
    faults = ((check, refusal) for check, refusal in said if refusal is not None)
    first = next(faults, None)
    if first is not None:
        others = faults if area.opening or area.encrypted or area.activation else ()
        return Verdict(kernel.name, None, _with_whole_cure((first, *others)))
    # swap_show() prints pages * PAGE_SIZE / 1024 in 32 bits, so Size wraps at 4 TiB.
    kib = (case.good_pages * (machine.page_size // 1024)) & U32
    return Verdict(kernel.name, kib * 1024 // machine.page_size)


def _with_whole_cure(faults: Sequence[tuple[Check, Refusal]]) -> Refusal:
    """The refusal that decides, with the commands that cure all of *faults*, if any do."""
    decides = faults[0][1]
    of_the_file = [refusal for check, refusal in faults if check in _OF_THE_FILE]
    # A new header is free of all faults of the old one.
    of_the_header = [refusal for check, refusal in faults if check not in _OF_THE_FILE][:1]
    if any(refusal.makes_area for refusal in of_the_file):
        of_the_header = []
    steps = of_the_file + of_the_header
    hopeless = next((step for step in steps if not step.command), None)
    if hopeless is not None:
        return decides._replace(advice=hopeless.advice, command="")
    return decides._replace(command=" && ".join(step.command for step in steps))
