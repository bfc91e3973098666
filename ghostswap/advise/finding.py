# SPDX-License-Identifier: GPL-2.0-or-later
"""What a finding is, and what findings share: how an area is called, switched off and on again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ghostswap.live.seen.areas import AreaState
from ghostswap.live.seen.status import Status
from ghostswap.units import printable, shell_word

Severity = Literal["critical", "warning", "note"]
#: The worst first: memory or data may be lost, memory or time is lost, something to know.
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "note")


class Said(NamedTuple):
    """What a check says.

    :ivar what: is there, a clause.
    :ivar why: it is wrong, or what may come of it.
    :ivar cure: a command line for a root shell; advice in words where no command does it.
    """

    what: str
    why: str
    cure: str


#: Looks for one thing; most find it once or not at all.
Check = Callable[[Status], Iterator[Said]]


class Finding(NamedTuple):
    """One thing that is wrong on a host."""

    id: str
    severity: Severity
    what: str
    why: str
    cure: str


def named(area: AreaState) -> str:
    """An area with its priority, to be read."""
    given = "" if area.priority is None else f" (priority {area.priority})"
    return f"{printable(area.path)}{given}"


def swapoff(*areas: AreaState) -> str:
    """The command that switches *areas* off."""
    return f"swapoff {' '.join(shell_word(area.path) for area in areas)}"


def swapon(area: AreaState, priority: int | None = None) -> str:
    """The command that switches *area* on, with its priority or another one."""
    wanted = area.priority if priority is None else priority
    # Negative ones are the kernel's own, and cannot be given.
    given = f"--priority {wanted} " if wanted is not None and wanted >= 0 else ""
    return f"swapon {given}{shell_word(area.path)}"
