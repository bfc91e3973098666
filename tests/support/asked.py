# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's row that notes which of its fields the models and the judge ask for."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

from ghostswap.kernels.rules import Kernel

#: What of a row says who it is, not how it behaves.
NAMES = frozenset({"name", "source", "released"})


@cache
def _listening(record: type) -> type:
    """*record* with an ear at every field."""

    class Listening(record):  # type: ignore[misc]
        __slots__ = ("_asked", "_part")
        __hash__ = object.__hash__
        __eq__ = object.__eq__

        def __getattribute__(self, name: str) -> Any:
            if name in record.__dataclass_fields__:
                get = object.__getattribute__
                get(self, "_asked").add(f"{get(self, '_part')}.{name}")
            return super().__getattribute__(name)

    return Listening


def listening(kernel: Kernel, asked: set[str]) -> Kernel:
    """*kernel*, which adds ``part.field`` to *asked* for each field that is read."""
    parts = {}
    for part in fields(kernel):
        rules = getattr(kernel, part.name)
        if not is_dataclass(rules):
            continue
        ear = object.__new__(_listening(type(rules)))
        object.__setattr__(ear, "_part", part.name)
        object.__setattr__(ear, "_asked", asked)
        for field in fields(rules):
            object.__setattr__(ear, field.name, getattr(rules, field.name))
        parts[part.name] = ear
    return replace(kernel, **parts)


def all_fields(kernel: Kernel) -> set[str]:
    """``part.field`` of every field that says how *kernel* behaves."""
    return {
        f"{part.name}.{field.name}"
        for part in fields(kernel)
        if is_dataclass(rules := getattr(kernel, part.name))
        for field in fields(rules)
    }
