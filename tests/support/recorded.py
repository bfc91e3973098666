# SPDX-License-Identifier: GPL-2.0-or-later
"""The recorded zswap runs as parameters of a test, each with the lengths of its pages."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import load_case

_SAME = ("kernel", "corpus", "comp", "zpool")


def key(row: dict[str, Any]) -> tuple[str, ...]:
    """What two runs with the same lengths have in common."""
    return tuple(row[name] for name in _SAME)


def fills() -> list[dict[str, Any]]:
    """Runs that only filled a pool, with their lengths in ``lens``."""
    return [row for row in load_case("kernel-fills.json.xz") if row["design"] == "zswap"]


def has_writeback(row: dict[str, Any]) -> bool:
    """Whether ``memory.zswap.writeback`` was on, so that all that compresses has its length."""
    return row.get("wb") != 0


def runs(case: str, *names: str) -> list[Any]:
    """(row, lengths) of every run in *case*.

    :param names: keys of the row that tell it from others, for the test's id.
    """
    lengths = {key(row): row["lens"] for row in fills() if has_writeback(row)}
    return [
        pytest.param(
            row, lengths[key(row)], id="-".join([*key(row), *(row.get(name, "") for name in names)])
        )
        for row in load_case(case)
    ]
