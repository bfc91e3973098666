# SPDX-License-Identifier: GPL-2.0-or-later
"""Scripts that complete commands, options and values, for bash, zsh and fish.

click has completion of its own, which runs the program at each TAB: Python, click and a command's
options took 0.2 s here, which is felt. These scripts have all words in them, and ask the system
only for files and processes.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator

import click

from ghostswap.cli.runs.shapes import Option, Shape, shapes_of


def render(root: click.Group, shell: str) -> str:
    """The completion script of *shell* for the commands of *root*."""
    renderers: dict[str, Callable[[list[Shape]], Iterator[str]]] = {
        "bash": _bash,
        "zsh": _zsh,
        "fish": _fish,
    }
    return "\n".join(renderers[shell](shapes_of(root))) + "\n"


def _head(shell: str) -> str:
    return f"# SPDX-License-Identifier: GPL-2.0-or-later\n# Made by 'ghostswap completion {shell}'."


def _listed(words: Iterable[str]) -> str:
    """*words* as a list that bash and zsh read."""
    return " ".join(map(shlex.quote, words))


def _cases(shapes: list[Shape]) -> Iterator[str]:
    """Lines of ``case``, for bash and zsh: what the value of a command's option may be."""
    for shape in shapes:
        for option in shape.options:
            if not option.value:
                continue
            worth = option.worth
            sets = [f"words=({_listed(worth.words)})"] if worth.words else []
            sets += ["files=1"] if worth.paths else []
            sets += ["files=2"] if worth.directories else []
            sets += ["joined=1"] if worth.joined else []
            sets += ["behind=1"] if worth.behind else []
            names = (shlex.quote(f"{shape.name}:{name}") for name in option.names)
            yield f"{'|'.join(names)})"
            yield f"    {'; '.join((*sets, ';;'))}"


def _keys(shapes: list[Shape]) -> Iterator[str]:
    """Lines of ``case``: what stands behind an equals sign inside of a value."""
    behind: dict[str, tuple[str, ...]] = {}
    for shape in shapes:
        for option in shape.options:
            behind |= option.worth.behind
    for name, words in behind.items():
        if words:
            yield f"{shlex.quote(name)}) words=({_listed(words)}) ;;"


def _groups(shapes: list[Shape]) -> str:
    """A pattern of all groups, for bash and zsh."""
    return f"@({'|'.join(shape.name for shape in shapes if shape.group)})"


def _indented(lines: Iterable[str], columns: int) -> Iterator[str]:
    return (f"{' ' * columns}{line}" for line in lines)


# bash

_BASH = """
# What the value of option $1 of command $2 may go on as, given that it begins with $3.
_ghostswap_value() {
    local words=() files= joined= behind= begun= rest=$3 word dir quote='%s'
    case $2:$1 in
@CASES@
        *) return 1 ;;
    esac
    if [[ $behind && $rest == *=* ]]; then
        begun=${rest%%=*}= words=()
        word=${rest%%=*}
        case ${word//\\\\/} in
@KEYS@
        esac
        rest=${rest#*=}
    fi
    if [[ $joined && $rest == *,* ]]; then
        begun+=${rest%,*}, rest=${rest##*,}
    fi
    for word in "${words[@]}"; do
        [[ $word == "$rest"* ]] && COMPREPLY+=("$begun$word")
    done
    if [[ $rest == pid:* && " ${words[*]} " == *" pid: "* ]]; then
        for dir in /proc/"${rest#pid:}"[0-9]* /proc/"${rest#pid:}"; do
            [[ ${dir##*/} == +([0-9]) && -d $dir ]] && COMPREPLY+=("${begun}pid:${dir##*/}")
        done
    elif [[ $rest == swap:* && " ${words[*]} " == *" swap: "* ]]; then
        begun+=swap: rest=${rest#swap:} files=1
    fi
    if [[ $files ]]; then
        # Among words, paths have to be quoted by hand.
        (( ${#COMPREPLY[@]} )) && quote='%q' || compopt -o filenames
        while IFS= read -r word; do
            printf -v word "$quote" "$word"
            COMPREPLY+=("$begun$word")
        done < <(if (( files == 2 )); then compgen -d -- "$rest"; else compgen -f -- "$rest"; fi)
    fi
    return 0
}

_ghostswap() {
    local line=${COMP_LINE:0:COMP_POINT} typed cur prev command given= words= operands= number
    read -ra typed <<< "$line"
    [[ $line == *[[:space:]] ]] && typed+=('')
    cur=${typed[-1]} COMPREPLY=()
    if (( ${#typed[@]} == 2 )); then
        COMPREPLY=($(compgen -W '@COMMANDS@' -- "$cur"))
        return
    fi
    command=${typed[1]} prev=${typed[-2]}
    if [[ $command == @GROUPS@ ]] && (( ${#typed[@]} > 3 )); then
        command+=" ${typed[2]}"
    fi
    if [[ $cur == --*=* ]]; then
        given=${cur%%=*}=
        _ghostswap_value "${cur%%=*}" "$command" "${cur#*=}"
    elif ! _ghostswap_value "$prev" "$command" "$cur"; then
        case $command in
@OPTIONS@
        esac
        if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W "$words" -- "$cur"))
        elif [[ $operands ]]; then
            COMPREPLY=($(compgen -W "$operands" -- "$cur"))
        else
            compopt -o default
        fi
        return
    fi
    # bash itself takes what stands behind one of these for the word.
    local kept=${cur%"${cur##*[:=@]}"}
    kept=${kept%@}  # which it takes for the beginning of the word
    for number in "${!COMPREPLY[@]}"; do
        COMPREPLY[number]=$given${COMPREPLY[number]}
        COMPREPLY[number]=${COMPREPLY[number]#"$kept"}
    done
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=] ]] && compopt -o nospace
    return 0
}
shopt -s extglob
complete -F _ghostswap ghostswap"""


def _bash(shapes: list[Shape]) -> Iterator[str]:
    yield _head("bash")
    commands = " ".join(shape.name for shape in shapes if shape.is_first)
    options = []
    for shape in shapes:
        names = " ".join(
            name for option in shape.options if not option.hidden for name in option.names
        )
        options.append(f"{shlex.quote(shape.name)})")
        options.append(f"    words='{names}' operands='{' '.join(shape.operands)}' ;;")
    yield (
        _BASH.replace("@CASES@", "\n".join(_indented(_cases(shapes), 8)))
        .replace("@KEYS@", "\n".join(_indented(_keys(shapes), 12)))
        .replace("@COMMANDS@", f"{commands} --help --version")
        .replace("@GROUPS@", _groups(shapes))
        .replace("@OPTIONS@", "\n".join(_indented(options, 12)))
        .strip("\n")
    )


# zsh

_ZSH = """
# What the value of option $1 may go on as; $command is the command.
_ghostswap_value() {
    local -a words=()
    local files= joined= behind= key
    case $command:$1 in
@CASES@
    esac
    if [[ -n $behind && $PREFIX == *=* ]]; then
        key=${(Q)PREFIX%%=*} words=()
        compset -P '[^=]#='
        case $key in
@KEYS@
        esac
    fi
    [[ -n $joined ]] && compset -P '*,'
    if [[ $PREFIX == pid:* ]] && (( ${words[(Ie)pid:]} )); then
        compset -P pid:
        compadd -- /proc/<->(N:t)
        return
    fi
    if [[ $PREFIX == swap:* ]] && (( ${words[(Ie)swap:]} )); then
        compset -P swap:
        _files
        return
    fi
    compadd -S '' -- ${(M)words:#*[:=]}
    compadd -- ${words:#*[:=]}
    case $files in
        1) _files ;;
        2) _files -/ ;;
    esac
}

_ghostswap() {
    setopt localoptions extendedglob
    local -a commands=(
@COMMANDS@
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        compadd -- --help --version
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    if [[ $command == @GROUPS@ ]] && (( CURRENT > 2 )); then
        command+=" $words[2]"
        shift words
        (( CURRENT-- ))
    fi
    case $command in
@ARGUMENTS@
    esac
}
_ghostswap "$@\""""


def _zsh(shapes: list[Shape]) -> Iterator[str]:
    yield f"#compdef ghostswap\n{_head('zsh')}"
    commands = (shlex.quote(f"{one.name}:{one.help}") for one in shapes if one.is_first)
    arguments = []
    for shape in shapes:
        arguments.append(f"{shlex.quote(shape.name)})")
        arguments.append("    _arguments -s -S \\")
        for option in shape.options:
            for name in option.names:
                arguments.append(f"        {shlex.quote(_zsh_option(name, option))} \\")
        operand = f"({' '.join(shape.operands)})" if shape.operands else "_files"
        arguments += [f"        '*:operand:{operand}'", "    ;;"]
    yield (
        _ZSH.replace("@CASES@", "\n".join(_indented(_cases(shapes), 8)))
        .replace("@KEYS@", "\n".join(_indented(_keys(shapes), 12)))
        .replace("@COMMANDS@", "\n".join(_indented(commands, 8)))
        .replace("@GROUPS@", _groups(shapes).removeprefix("@"))
        .replace("@ARGUMENTS@", "\n".join(_indented(arguments, 8)))
        .strip("\n")
    )


def _zsh_option(name: str, option: Option) -> str:
    text = option.help.replace("[", r"\[").replace("]", r"\]").replace(":", r"\:")
    marks = "!" * option.hidden + "*" * option.repeated
    if not option.value:
        return f"{marks}{name}[{text}]"
    equals = "=" if name.startswith("--") else "+"
    value = option.value.lower().replace(":", r"\:")
    return f"{marks}{name}{equals}[{text}]:{value}: _ghostswap_value {option.names[-1]}"


# fish

_FISH = """
# Words that a value may go on as: argv, behind what commas join to them.
function __ghostswap_joined
    set -l begun (string match -r '^.*,' -- (__ghostswap_token)); or set begun ''
    printf '%s\\n' $begun$argv
end

# The value that is being typed, without its option.
function __ghostswap_token
    string replace -r '^--[^=]*=' '' -- (commandline -ct | string unescape)
end

# Processes, with their names.
function __ghostswap_processes
    string replace -rf '^/proc/(\\d+)/comm:(.*)' 'pid:$1'\\t'$2' -- (grep -s . /proc/*/comm)
end

# Words behind KEY=, else the keys.
function __ghostswap_behind
    set -l token (__ghostswap_token)
    if not string match -q '*=*' -- $token
        printf '%s\\n' $argv
        return
    end
    set -l key (string replace -r '=.*' '' -- $token)
    set -l begun (string match -r '^[^=]*=(?:.*,)?' -- $token)
    switch $key
@KEYS@
    end
end
"""


def _fish(shapes: list[Shape]) -> Iterator[str]:
    yield _head("fish")
    keys = []
    for line in _keys(shapes):
        name, _, rest = line.partition(") words=(")
        keys += [f"case {name}", f"    printf '%s\\n' $begun{{{','.join(_fish_words(rest))}}}"]
    yield _FISH.replace("@KEYS@", "\n".join(_indented(keys, 8))).strip("\n")
    first = "complete -c ghostswap -n __fish_use_subcommand -f"
    for shape in shapes:
        if not shape.is_first:
            continue
        yield f"{first} -a {shape.name} -d {_fish_quote(shape.help)}"
    yield f"{first} -s V -l version -d 'Show the version.'"
    yield f"{first} -s h -l help -d 'Show the help.'"
    for shape in shapes:
        here = f"complete -c ghostswap -n '{_fish_seen(shape, shapes)}'"
        if shape.operands:
            yield f"{here} -f -a '{' '.join(shape.operands)}'"
        for option in shape.options:
            if option.hidden and not option.value:
                continue
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            yield f"{here} {names}{_fish_value(option)} -d {_fish_quote(option.help)}"


def _fish_seen(shape: Shape, shapes: list[Shape]) -> str:
    """The condition under which *shape* is what is being typed."""
    seen = "__fish_seen_subcommand_from"
    condition = "; and ".join(f"{seen} {word}" for word in shape.name.split())
    if shape.group:
        return f"{condition}; and not {seen} {' '.join(shape.operands)}"
    groups = [one.name for one in shapes if one.group and shape.name in one.operands]
    return f"{condition}; and not {seen} {' '.join(groups)}" if groups else condition


def _fish_words(rest: str) -> list[str]:
    return shlex.split(rest.removesuffix(") ;;"))


def _fish_value(option: Option) -> str:
    """What takes a value: files as well, or only these words."""
    if not option.value:
        return ""
    worth = option.worth
    only = " -r" if worth.paths or worth.directories else " -x"
    words = " ".join(worth.words)
    if worth.directories:
        return " -x -a '(__fish_complete_directories)'"
    if worth.behind:
        return f"{only} -a '(__ghostswap_behind {words})'"
    if worth.joined:
        return f"{only} -a '(__ghostswap_joined {words})'"
    if "pid:" in worth.words:
        return f"{only} -a '{words} (__ghostswap_processes)'"
    return only + (f" -a '{words}'" if words else "")


def _fish_quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
