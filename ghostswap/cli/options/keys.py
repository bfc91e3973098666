# SPDX-License-Identifier: GPL-2.0-or-later
"""Options from the table of keys: what a command has of them, and the document they become."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import click

from ghostswap.cli.options.running import running_kernel
from ghostswap.cli.terminal.args import Option, given, option_name, refuse
from ghostswap.cli.terminal.options import F, Worth
from ghostswap.errors import UsageError
from ghostswap.here import mem_total
from ghostswap.scenario.key import NAME, Key, Run
from ghostswap.scenario.keys import KEYS
from ghostswap.scenario.kinds import Kind
from ghostswap.scenario.lookup import at

if TYPE_CHECKING:
    from ghostswap.scenario.document import Document


class Value(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """Text that is of some *kind*; it stays text, for a document to hold."""

    def __init__(self, kind: Kind) -> None:
        self.name = kind.metavar.lower()
        self.worth = Worth(kind.words, paths=kind.paths, joined=kind.joined)
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            self._kind.check(self._kind.read(text))
        except UsageError as error:
            self.fail(f"{error.message}; {error.hint}" if error.hint else error.message, param, ctx)
        return text


class Values(Value):
    """The same, and several of them joined by commas."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.worth = self.worth._replace(joined=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        words = str(value).split(",")
        if len(set(words)) < len(words):
            self.fail(f"{value!r} has a value twice", param, ctx)
        return ",".join(super(Values, self).convert(word, param, ctx) for word in words)


class Assignment(click.ParamType):  # type: ignore[type-arg]
    """``KEY=VALUE``; see :mod:`ghostswap.scenario.given`."""

    name = "key=value"

    def __init__(self) -> None:
        self.worth = Worth(
            tuple(f"{_given_name(name)}=" for name in KEYS),
            behind={_given_name(name): key.kind.words for name, key in KEYS.items()},
        )


def _given_name(name: str) -> str:
    """A key as it stands on a command line, for one process and the first area."""
    return name.removeprefix(f"group.{NAME}.").replace("area.", "area[1].")


def key_options(
    command: str, runs: Run, without: Collection[str] = (), several: str = ""
) -> Callable[[F], F]:
    """The options of all keys that matter to *runs*, those that *command* does not show hidden.

    :param without: keys that the command has options of its own for.
    :param several: name of a key that takes several values, joined by commas.
    """

    def add(function: F) -> F:
        function = click.option(
            "--set",
            "assignments",
            cls=Option,
            section="Machine",
            type=Assignment(),
            multiple=True,
            metavar="KEY=VALUE",
            help="Set any key of a scenario; again for another. 'man ghostswap-scenario' has all.",
        )(function)
        for key in reversed(tuple(KEYS.values())):
            if key.option and key.runs & runs and key.name not in without:
                function = _option(key, command, takes_several=key.name == several)(function)
        return function

    return add


def _option(key: Key, command: str, *, takes_several: bool) -> Callable[[F], F]:
    names: tuple[str, ...] = (key.option, key.parameter)
    shared: dict[str, Any] = {
        "cls": Option,
        "section": key.section,
        "hidden": command not in key.shown,
        "help": help_of(key) + " Several, joined by commas, side by side." * takes_several,
    }
    if key.switch is not None:
        return click.option(*names, is_flag=True, **shared)
    if "/" in key.option:
        return click.option(*names, default=None, **shared)
    kind = key.of_option
    is_literal = key.default and " " not in key.default
    metavar = kind.metavar if "|" not in kind.metavar else key.name.rpartition(".")[2].upper()
    default: str | list[str] | None = key.default if is_literal else None
    if kind.repeated:
        default = [key.default]
    return click.option(
        *names,
        type=Values(kind) if takes_several else Value(kind),
        metavar=kind.metavar if key.option_kind else metavar,
        default=default,
        multiple=kind.repeated,
        show_default=key.default if key.default and not is_literal else None,
        **shared,
    )


def help_of(key: Key) -> str:
    """The key's sentence, with the words that it takes if there are no others."""
    if key.kind.words and "|" in key.kind.metavar and key.kind.metavar != "true|false":
        return f"{key.help} One of: {', '.join(key.kind.words)}."
    return key.help


def is_scenario(swapfiles: Collection[str]) -> bool:
    """Whether a scenario file is given in place of areas.

    :raises UsageError: where it is given beside some.
    """
    scenarios = [path for path in swapfiles if path.endswith(".toml")]
    if scenarios and len(swapfiles) > 1:
        raise UsageError(f"{scenarios[0]} stands alone: it names its areas", "leave the others out")
    return bool(scenarios)


def document_of(context: click.Context) -> Document:
    """What the command line says of a host: a scenario with changes, or one process and areas.

    :raises UsageError: for what does not go beside a scenario, or is no key.
    """
    from ghostswap.scenario import given as assignments
    from ghostswap.scenario.areas import parse_area
    from ghostswap.scenario.document import Document
    from ghostswap.units import parse_limit

    swapfiles, names = context.params["swapfiles"], given(context)
    keys = {key.parameter: key for key in KEYS.values() if key.parameter in names}
    scenario = is_scenario(swapfiles)
    if scenario:
        of_groups = [name for name, key in keys.items() if key.name.startswith("group.")]
        refuse(context, "a scenario says that itself", *of_groups)
        document = Document.load(swapfiles[0])
    else:
        document = Document({"group": {assignments.PROCESS: {"source": "mine"}}})
        for number, path in enumerate(swapfiles):
            area = parse_area(path)
            document.set(("area", number, "path"), area.path, "")
            if area.prio is not None:
                document.set(("area", number, "prio"), area.prio, "")
    for name, key in keys.items():
        value, option = context.params[name], option_name(context, name)
        path = tuple(key.name.split("."))
        if path[0] == "group":
            path = ("group", assignments.PROCESS, path[-1])
        if key.switch is not None:
            value = key.switch
        elif isinstance(value, bool):
            option = option if value else key.option.partition("/")[2]
        elif key.option_kind is not None:
            limit = parse_limit(value)
            if limit.in_frames:
                path = (*path[:-1], "limit_frames")
            value = limit.number
        elif key.kind.repeated:
            value = value[0] if len(value) == 1 else list(value)
        else:
            value = key.kind.read(value)
        document.set(path, value, option)
    for text in context.params["assignments"]:
        assignments.assign(document, text)
    if not scenario:
        _fill_in(document)
    return document


def _fill_in(document: Document) -> None:
    """What the command line leaves to this machine, or to what else it says."""
    values = document.values
    if "ram" not in values:
        values["ram"] = mem_total()
    if "kernel" not in values:
        values["kernel"] = running_kernel().name
    if any("limit_frames" in group for group in values["group"].values()):
        values.setdefault("cgroup_version", 1)


def is_for(document: Document, run: Run) -> str | None:
    """The first option that only *run* has a use for; ``None`` where there is none."""
    for path, option in document.options().items():
        key = at(path)
        if key is not None and key.runs == run:
            return option
    return None
