# SPDX-License-Identifier: GPL-2.0-or-later
"""What designs are compared, and what may be swept."""

from __future__ import annotations

from typing import Any

import click

from ghostswap.cli.options.keys import Value
from ghostswap.cli.terminal.options import Worth
from ghostswap.scenario.keys import KEYS

#: What is compared where nothing is chosen.
DEFAULT = ("classic", "ghost", "zram", "vswap-ste")
#: What may be swept, and the key that it is; a limit may be in page frames too.
SWEEPS = {"size": "size", "limit": "group.NAME.memory_max", "compressor": "compressor"}


class Sweep(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """``NAME=VALUE,VALUE…``."""

    name = "sweep"

    def __init__(self) -> None:
        behind = {name: KEYS[key].kind.words for name, key in SWEEPS.items()}
        self.worth = Worth(tuple(f"{name}=" for name in SWEEPS), behind=behind, joined=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[str, ...]]:
        if isinstance(value, tuple):
            return value
        name, _, values = value.partition("=")
        words = tuple(values.split(","))
        if name not in SWEEPS or not all(words):
            known = ", ".join(f"{name}=…" for name in SWEEPS)
            self.fail(f"{value!r} is none; write {known}, values joined by commas", param, ctx)
        if len(set(words)) < len(words):
            self.fail(f"{value!r} has a value twice", param, ctx)
        for word in words:
            Value(KEYS[SWEEPS[name]].of_option).convert(word, param, ctx)
        return name, words


def only(
    context: click.Context,
    param: click.Parameter,
    sweeps: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[str, tuple[str, ...]] | None:
    """The one sweep that there may be."""
    if len(sweeps) > 1:
        raise click.BadParameter("one thing can be swept at a time", context, param)
    return sweeps[0] if sweeps else None
