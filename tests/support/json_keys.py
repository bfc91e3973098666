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


def documented(page: Path, title: str = "JSON") -> set[str]:
    """All words that stand as variables in the section *title* of a man page."""
    section = re.split(r"^\.S[hs] ", page.read_text().partition(f".Ss {title}\n")[2], flags=re.M)[0]
    lines = re.findall(r"^\.(?:It )?Va (.+)$", section, re.MULTILINE)
    words = {word for line in lines for word in re.findall(r"[a-z_0-9.]{2,}", line)}
    return words - {"memory.stat"}
