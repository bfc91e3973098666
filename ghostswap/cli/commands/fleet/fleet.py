# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap fleet``: the table of its commands."""

from __future__ import annotations

import click

from ghostswap.cli.terminal.group import Group

#: name -> what it does.
COMMANDS = {
    "add": "Take profiles into a store, each once.",
    "list": "List the hosts of a store, and how well their memory compresses.",
    "advise": "Say what one size of swap for all hosts costs, and what other ways do.",
    "export": "Write the figures of all hosts for other tools.",
}


@click.command(
    "fleet",
    cls=Group,
    commands_of=COMMANDS,
    rooms=dict.fromkeys(COMMANDS, "fleet."),
    epilog="Make a profile on each host: ghostswap profile -o HOST.gsp. Then put them in a "
    "directory here, and add that.",
)
def command() -> None:
    """Choose swap for many hosts, by profiles of their memory.

    A store is one file with the profiles of all hosts. From it comes what one size for all hosts
    would waste and refuse, what a size for each kind of hosts would, and swap that has no size.
    """
