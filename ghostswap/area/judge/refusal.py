# SPDX-License-Identifier: GPL-2.0-or-later
"""A refusal: what swapon(2) ends with, what the kernel logs, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a check refuses.

    :ivar errno: what swapon(2) sets, ``None`` where the caller does not live to see it.
    :ivar log: the line in the kernel log, ``None`` where the kernel says nothing.
    """

    reason: str
    cure: str
    log: str | None = None
    errno: str | None = "EINVAL"
