# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that are loaded one at a time: when they are called, not when they are listed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from ghostswap.cli.terminal.help import Formatter
from ghostswap.errors import UsageError


class Group(click.Group):
    """A group of commands.

    :param commands_of: name -> what it does. The command is ``command`` in the module of that name
        in commands/.
    :param rooms: by name, the room in commands/ where it is, with a dot behind it.
    """

    def __init__(
        self,
        *args: Any,
        commands_of: Mapping[str, str],
        rooms: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commands_of = commands_of
        self._rooms = rooms

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:  # before click, whose versions do not agree on what that is
            click.echo(ctx.get_help(), err=True)
            ctx.exit(UsageError.exit_code)
        rest = super().parse_args(ctx, args)
        self.read_rest(ctx)
        return rest

    def read_rest(self, ctx: click.Context) -> None:
        """Do what the group's own options say, before any command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._commands_of)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._commands_of:
            return None
        room = self._rooms.get(cmd_name, "")
        command = import_module(f"ghostswap.cli.commands.{room}{cmd_name}").command
        assert isinstance(command, click.Command)
        command.short_help = self._commands_of[cmd_name]
        return command

    def get_help(self, ctx: click.Context) -> str:
        formatter = Formatter()
        self.format_help(ctx, formatter)
        return formatter.getvalue().rstrip("\n")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(self._commands_of.items()))
