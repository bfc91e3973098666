# SPDX-License-Identifier: GPL-2.0-or-later
"""A refusal: what swapon(2) ends with, what the kernel logs, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """Why a check refuses.

    :ivar advice: what to do about it, a clause.
    :ivar log: the line in the kernel log, ``None`` where the kernel says nothing.
    :ivar errno: what swapon(2) sets, ``None`` where the caller does not live to see it.
    :ivar command: for a shell, where that does it; ``""`` where no command does.
    :ivar makes_area: the command makes the whole area anew, its header included.
    """

    reason: str
    advice: str
    log: str | None = None
    errno: str | None = "EINVAL"
    command: str = ""
    makes_area: bool = False

    @property
    def cure(self) -> str:
        """The advice with the command."""
        return cure(self.advice, self.command)


def cure(advice: str, command: str) -> str:
    """What to do, in one line: the advice and the command, those that there are."""
    return ": ".join(filter(None, (advice, command)))
