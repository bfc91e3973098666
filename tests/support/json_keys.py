# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys of JSON objects: the real ones, and those that a man page has."""

from __future__ import annotations

import re
from typing import Any

from conftest import ROOT

#: Variables of the kernel and of scenarios that the page speaks of.
NO_KEYS = {"memory.stat", "cgroup_version", "folio_order", "mem_limit"}


def keys_of(value: Any) -> set[str]:
    """All keys of objects, at any depth, but for names of groups and tiers."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set()


def documented(section: str = "") -> set[str]:
    """All words that stand as variables in ghostswap-json(5).

    :param section: the title of the one that is meant; all of them where ``""``.
    """
    page = (ROOT / "man" / "ghostswap-json.5").read_text()
    text = page.partition(f".Ss {section}\n" if section else ".Ss ")[2]
    assert text, f"ghostswap-json(5) has no section {section}"
    text = re.split(r"^\.S[hs] ", text, maxsplit=1, flags=re.MULTILINE)[0] if section else text
    lines = re.findall(r"^\.(?:It )?Va (.+)$", text, re.MULTILINE)
    # What follows "No" is text, up to the next variable.
    variables = [re.sub(r" No .*?(?= Va |$)", "", line) for line in lines]
    return {word for line in variables for word in re.findall(r"[a-z_0-9.]{2,}", line)} - NO_KEYS
