# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's row that notes which of its fields the models and the judge ask for."""

from __future__ import annotations

from collections.abc import Iterator
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


def _ear(rules: Any, part: str, asked: set[str]) -> Any:
    """*rules*, the *part* of a kernel, and all parts of it with an ear at every field."""
    ear = object.__new__(_listening(type(rules)))
    object.__setattr__(ear, "_part", part)
    object.__setattr__(ear, "_asked", asked)
    for field in fields(rules):
        value = getattr(rules, field.name)
        if is_dataclass(value):
            value = _ear(value, f"{part}.{field.name}", asked)
        object.__setattr__(ear, field.name, value)
    return ear


def _parts(kernel: Kernel) -> Iterator[tuple[str, Any]]:
    for part in fields(kernel):
        if is_dataclass(rules := getattr(kernel, part.name)):
            yield part.name, rules


def listening(kernel: Kernel, asked: set[str]) -> Kernel:
    """*kernel*, which adds ``part.field`` to *asked* for each field that is read."""
    return replace(kernel, **{name: _ear(rules, name, asked) for name, rules in _parts(kernel)})


def _leaves(rules: Any, part: str) -> Iterator[str]:
    for field in fields(rules):
        value, name = getattr(rules, field.name), f"{part}.{field.name}"
        if is_dataclass(value):
            yield from _leaves(value, name)
        else:
            yield name


def all_fields(kernel: Kernel) -> set[str]:
    """``part.field`` of every field that says how *kernel* behaves, of parts of parts too."""
    return {leaf for name, rules in _parts(kernel) for leaf in _leaves(rules, name)}
