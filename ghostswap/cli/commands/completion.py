# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap completion``: the script that lets a shell complete by TAB."""

from __future__ import annotations

import click

from ghostswap.cli.terminal.args import Command


@click.command("completion", cls=Command, examples=("ghostswap completion bash",))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, /, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  ghostswap completion bash
               > ~/.local/share/bash-completion/completions/ghostswap
    zsh:   ghostswap completion zsh
               > _ghostswap, in a directory of $fpath
    fish:  ghostswap completion fish
               > ~/.config/fish/completions/ghostswap.fish
    """
    from ghostswap.cli.runs import completion

    root = context.find_root().command
    assert isinstance(root, click.Group)
    click.echo(completion.render(root, shell), nl=False)
