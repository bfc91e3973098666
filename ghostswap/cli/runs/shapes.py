# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands, options and values as a shell must know them, whichever shell it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import click

from ghostswap.cli.terminal.options import Worth


@dataclass(frozen=True, slots=True)
class Option:
    """An option as a shell must know it.

    :ivar value: the name of its value, ``""`` where it takes none.
    :ivar hidden: it is not offered, but its value is completed.
    :ivar repeated: it may be given more than once.
    """

    names: tuple[str, ...]
    help: str
    value: str
    worth: Worth
    hidden: bool
    repeated: bool


class Shape(NamedTuple):
    """A command's options, and the words its operands may be; none means paths.

    :ivar name: of it, behind that of the group that it is in.
    :ivar group: its operands are the commands of a group.
    """

    name: str
    help: str
    options: tuple[Option, ...]
    operands: tuple[str, ...]
    group: bool = False

    @property
    def is_first(self) -> bool:
        """Whether it is in no group."""
        return " " not in self.name


def shapes_of(root: click.Group, above: click.Context | None = None) -> list[Shape]:
    """All commands of *root*, each group followed by its own.

    :param above: the context of the group that *root* is in.
    """
    context = click.Context(root, above, **root.context_settings)
    shapes = []
    for name in root.list_commands(context):
        found = root.get_command(context, name)
        assert found is not None
        params = found.get_params(click.Context(found, parent=context))
        options = tuple(_option(param) for param in params if isinstance(param, click.Option))
        words = (worth_of(param).words for param in params if isinstance(param, click.Argument))
        operands = next(words, ())
        inner = shapes_of(found, context) if isinstance(found, click.Group) else []
        operands = operands or tuple(one.name for one in inner)
        shapes.append(Shape(name, found.short_help or "", options, operands, bool(inner)))
        shapes += [one._replace(name=f"{name} {one.name}") for one in inner]
    return shapes


def _option(param: click.Option) -> Option:
    value = "" if param.is_flag else (param.metavar or param.type.name).upper()
    names = (*param.opts, *param.secondary_opts)
    worth = worth_of(param)
    return Option(names, param.help or "", value, worth, param.hidden, param.multiple)


def worth_of(param: click.Parameter) -> Worth:
    """What of the value of *param* is worth completing."""
    kind = param.type
    if isinstance(kind, click.Choice):
        return Worth(tuple(kind.choices))
    if isinstance(kind, click.Path):
        return Worth(directories=True)
    found = getattr(kind, "worth", Worth())
    assert isinstance(found, Worth)
    return found
