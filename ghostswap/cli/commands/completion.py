# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap completion``: scripts of static words, so that TAB starts no Python."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

import click

from ghostswap.cli.terminal.args import Command


@dataclass(frozen=True, slots=True)
class _Option:
    """An option as a shell must know it.

    :ivar value: the name of its value, ``""`` where it takes none.
    :ivar words: values worth completing.
    :ivar paths: whether it may be a path.
    """

    names: tuple[str, ...]
    help: str
    value: str
    words: tuple[str, ...]
    paths: bool


@dataclass(frozen=True, slots=True)
class _Shape:
    """A command's options, and the words its operands may be; none means paths."""

    name: str
    help: str
    options: tuple[_Option, ...]
    operands: tuple[str, ...]


@click.command(
    "completion",
    cls=Command,
    examples=("ghostswap completion bash",),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, /, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  ghostswap completion bash > ~/.local/share/bash-completion/completions/ghostswap
    zsh:   ghostswap completion zsh > a directory of $fpath, as _ghostswap
    fish:  ghostswap completion fish > ~/.config/fish/completions/ghostswap.fish
    """
    root = context.find_root().command
    assert isinstance(root, click.Group)
    click.echo(render(root, shell), nl=False)


def render(root: click.Group, shell: str) -> str:
    """The completion script of *shell* for the commands of *root*."""
    renderers: dict[str, Callable[[list[_Shape]], str]] = {
        "bash": _bash,
        "zsh": _zsh,
        "fish": _fish,
    }
    return renderers[shell](_shapes(root))


def _shapes(root: click.Group) -> list[_Shape]:
    context = click.Context(root, **root.context_settings)
    shapes = []
    for name in root.list_commands(context):
        found = root.get_command(context, name)
        assert found is not None
        text = found.short_help or ""
        params = found.get_params(click.Context(found, parent=context))
        options = tuple(_option(param) for param in params if isinstance(param, click.Option))
        operands = next((_words(p) for p in params if isinstance(p, click.Argument)), ())
        shapes.append(_Shape(name, text, options, operands))
    return shapes


def _option(param: click.Option) -> _Option:
    value = "" if param.is_flag else (param.metavar or param.type.name).upper()
    paths = getattr(param.type, "paths", False)
    names = (*param.opts, *param.secondary_opts)
    return _Option(names, param.help or "", value, _words(param), paths)


def _words(param: click.Parameter) -> tuple[str, ...]:
    """The values a parameter may take: those of a Choice, or of a type of ours that has some."""
    kind = param.type
    return tuple(kind.choices) if isinstance(kind, click.Choice) else getattr(kind, "words", ())


_HEAD = "# SPDX-License-Identifier: GPL-2.0-or-later\n# Made by 'ghostswap completion {shell}'.\n"


def _bash(shapes: list[_Shape]) -> str:
    lines = [
        _HEAD.format(shell="bash"),
        "_ghostswap() {",
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=''",
        "    # --option=value reaches us in three words",
        "    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}",
        '    [[ $cur == = ]] && cur=""',
        "    COMPREPLY=()",
        "    if (( COMP_CWORD == 1 )); then",
        f"        words='{' '.join(shape.name for shape in shapes)} --help --version'",
        "    else",
        "        case ${COMP_WORDS[1]}:$prev in",
    ]
    for shape in shapes:
        plain = []
        for option in shape.options:
            patterns = [f"{shape.name}:{name}" for name in option.names]
            if option.words:
                files = " compopt -o default;" if option.paths else ""
                words = " ".join(option.words)
                lines.append(f"            {'|'.join(patterns)}) words='{words}';{files} ;;")
            elif option.value:
                plain += patterns
        if plain:
            lines.append(f"            {'|'.join(plain)}) ;;")
    lines += ["            *)", "                case ${COMP_WORDS[1]} in"]
    for shape in shapes:
        names = " ".join(name for option in shape.options for name in option.names)
        lines.append(f"                    {shape.name})")
        lines.append(f"                        [[ $cur == -* ]] && words='{names}'")
        if shape.operands:
            lines.append(
                f"                        [[ $cur != -* ]] && words='{' '.join(shape.operands)}'"
            )
        else:
            lines.append("                        [[ $cur != -* ]] && compopt -o default")
        lines.append("                        ;;")
    lines += [
        "                esac",
        "                ;;",
        "        esac",
        "    fi",
        '    [[ -n $words ]] && COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "    return 0",
        "}",
        "complete -F _ghostswap ghostswap",
    ]
    return "\n".join(lines) + "\n"


def _zsh(shapes: list[_Shape]) -> str:
    lines = ["#compdef ghostswap", _HEAD.format(shell="zsh"), "_ghostswap() {"]
    lines.append("    local -a commands=(")
    lines += [f"        {shlex.quote(f'{shape.name}:{shape.help}')}" for shape in shapes]
    lines += [
        "    )",
        "    if (( CURRENT == 2 )); then",
        "        _describe command commands",
        "        compadd -- --help --version",
        "        return",
        "    fi",
        "    local command=$words[2]",
        "    shift words",
        "    (( CURRENT-- ))",
        "    case $command in",
    ]
    for shape in shapes:
        lines.append(f"        {shape.name})")
        lines.append("            _arguments -s -S \\")
        for option in shape.options:
            for name in option.names:
                lines.append(f"                {shlex.quote(_zsh_option(name, option))} \\")
        operand = f"({' '.join(shape.operands)})" if shape.operands else "_files"
        lines += [f"                '*:operand:{operand}'", "            ;;"]
    lines += ["    esac", "}", '_ghostswap "$@"']
    return "\n".join(lines) + "\n"


def _zsh_option(name: str, option: _Option) -> str:
    text = option.help.replace("[", r"\[").replace("]", r"\]").replace(":", r"\:")
    if not option.value:
        return f"{name}[{text}]"
    values = f"({' '.join(option.words)})" if option.words else " "
    if option.paths:
        values = f"_alternative 'words:word:{values}' 'files:file:_files'"
    equals = "=" if name.startswith("--") else "+"
    return f"{name}{equals}[{text}]:{option.value.lower()}:{values}"


def _fish(shapes: list[_Shape]) -> str:
    lines = [_HEAD.format(shell="fish")]
    first = "complete -c ghostswap -n __fish_use_subcommand -f"
    for shape in shapes:
        lines.append(f"{first} -a {shape.name} -d {_fish_quote(shape.help)}")
    lines.append(f"{first} -s V -l version -d 'Show the version.'")
    lines.append(f"{first} -s h -l help -d 'Show the help.'")
    for shape in shapes:
        here = f"complete -c ghostswap -n '__fish_seen_subcommand_from {shape.name}'"
        if shape.operands:
            lines.append(f"{here} -f -a '{' '.join(shape.operands)}'")
        for option in shape.options:
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            value = ""
            if option.value:
                only = " -r" if option.paths else " -x"
                value = only + (f" -a '{' '.join(option.words)}'" if option.words else "")
            lines.append(f"{here} {names}{value} -d {_fish_quote(option.help)}")
    return "\n".join(lines) + "\n"


def _fish_quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
