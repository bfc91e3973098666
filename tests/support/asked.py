# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's row that notes which of its fields the models and the judge ask for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from ghostswap.kernels.rules import Kernel

#: What of a row says who it is, not how it behaves.
NAMES = frozenset({"name", "source", "released"})


@cache
def _listening(record: type) -> type:
    """*record* with an ear at every field."""

    class Listening(record):  # type: ignore[misc]
        __hash__ = object.__hash__
        __eq__ = object.__eq__

        def __getattribute__(self, name: str) -> Any:
            if name in record._fields:
                get = object.__getattribute__
                get(self, "_asked").add(f"{get(self, '_part')}.{name}")
            return super().__getattribute__(name)

    return Listening


def _is_record(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _fields(rules: Any) -> Iterator[tuple[str, Any]]:
    yield from zip(rules._fields, rules, strict=True)


def _ear(rules: Any, part: str, asked: set[str]) -> Any:
    """*rules*, the *part* of a kernel, and all parts of it with an ear at every field."""
    values = (
        _ear(value, f"{part}.{name}", asked) if _is_record(value) else value
        for name, value in _fields(rules)
    )
    ear = _listening(type(rules))(*values)
    ear._part, ear._asked = part, asked
    return ear


def _parts(kernel: Kernel) -> Iterator[tuple[str, Any]]:
    return ((name, rules) for name, rules in _fields(kernel) if _is_record(rules))


def listening(kernel: Kernel, asked: set[str]) -> Kernel:
    """*kernel*, which adds ``part.field`` to *asked* for each field that is read."""
    return kernel._replace(**{name: _ear(rules, name, asked) for name, rules in _parts(kernel)})


def _leaves(rules: Any, part: str) -> Iterator[str]:
    for name, value in _fields(rules):
        if _is_record(value):
            yield from _leaves(value, f"{part}.{name}")
        else:
            yield f"{part}.{name}"


def all_fields(kernel: Kernel) -> set[str]:
    """``part.field`` of every field that says how *kernel* behaves, of parts of parts too."""
    return {leaf for name, rules in _parts(kernel) for leaf in _leaves(rules, name)}
