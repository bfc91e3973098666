# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap inspect`` of what is no swap area: a profile."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from ghostswap.pages.profiles import MAGIC

if TYPE_CHECKING:
    from ghostswap.pages.profiles.format import Profile


def find(path: str) -> Profile | None:
    """The profile in the file at *path*; ``None`` where there is none.

    :raises TargetError: where it is newer, or was changed.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return None
            file.seek(0)
            data = file.read()
    except (OSError, ValueError):  # whoever looks for an area says why
        return None
    from ghostswap.pages.profiles.format import parse

    return parse(path, data)


def explain(path: str, profile: Profile, *, as_json: bool) -> dict[str, Any]:
    """Print what *profile* has, or give it *as_json*."""
    from ghostswap.cli.reports import profile_report

    size = os.stat(path).st_size
    if not as_json:
        profile_report.show_profile(path, profile, size)
    return profile_report.as_json(path, profile, size)
