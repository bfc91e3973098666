# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of JSON objects: the real ones, and those that a man page has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def keys_of(value: Any) -> set[str]:
    """All keys of objects, at any depth, but for names of groups and tiers."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set()


def documented(page: Path) -> set[str]:
    """All words that stand as variables in the section on JSON of a man page."""
    section = page.read_text().partition(".Ss JSON\n")[2].partition(".Sh ")[0]
    lines = re.findall(r"^\.(?:It )?Va (.+)$", section, re.MULTILINE)
    words = {word for line in lines for word in re.findall(r"[a-z_0-9.]{2,}", line)}
    return words - {"memory.stat"}
