# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and value types that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ghostswap.cli.terminal.args import Option
from ghostswap.cli.terminal.talk import note
from ghostswap.errors import UsageError
from ghostswap.units import parse_size

if TYPE_CHECKING:
    from ghostswap.area.target.target import LockMode

F = TypeVar("F", bound=Callable[..., Any])

#: What --lock and LOCK_BLOCK_DEVICE may say.
_LOCK_MODES: dict[str, LockMode] = {
    **dict.fromkeys(("yes", "1"), "yes"),
    **dict.fromkeys(("no", "0"), "no"),
    "nonblock": "nonblock",
}


class Size(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """A size in bytes with util-linux's suffixes.

    :param least: smaller ones are refused.
    """

    name = "size"

    def __init__(self, least: int = 0) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            size = parse_size(value)
        except UsageError as error:
            self.fail(f"{error.message}; {error.hint}" if error.hint else error.message, param, ctx)
        if size < self.least:
            self.fail(f"{value!r} is too small; write {self.least} or more", param, ctx)
        return size


class Integer(click.IntRange):
    """A whole number from a range, which click would name as what one that is none should be."""

    name = "integer"


class Worth(NamedTuple):
    """What of a value is worth completing.

    :ivar words: whole values, or what some begin with: up to a colon or an equals sign.
    :ivar paths: whether paths are values too; *directories* for those alone.
    :ivar joined: whether commas join several.
    :ivar behind: by what stands before an equals sign, the words behind it.
    """

    words: tuple[str, ...] = ()
    paths: bool = False
    directories: bool = False
    joined: bool = False
    behind: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Path(click.ParamType):  # type: ignore[type-arg]
    """A path as it stands, completed with files and directories."""

    name = "file"
    worth = Worth(paths=True)


class Words(click.ParamType):  # type: ignore[type-arg]
    """Any text, with words that are worth completing."""

    name = "text"

    def __init__(self, *words: str, joined: bool = False) -> None:
        self.worth = Worth(words, joined=joined)


class _Lock(Words):
    """Whether to lock, as util-linux takes it."""

    name = "mode"

    def __init__(self) -> None:
        super().__init__(*_LOCK_MODES)

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,  # noqa: ARG002
    ) -> LockMode:
        try:
            return _LOCK_MODES[value.lower()]
        except KeyError:
            raise UsageError(
                f"unknown lock mode {value!r}",
                "--lock and LOCK_BLOCK_DEVICE take yes, no, nonblock, 1 or 0",
            ) from None


def lock_option(function: F) -> F:
    """``--lock[=MODE]``: whether to lock what is about to be written to."""
    return click.option(
        "--lock",
        cls=Option,
        section="Target",
        bare="yes",
        metavar="MODE",
        type=_Lock(),
        envvar="LOCK_BLOCK_DEVICE",
        default="yes",
        help="Keep others out of an existing TARGET: yes (wait for them), no, or nonblock.",
    )(function)


def note_waiting(path: str) -> None:
    """Say what a command with :func:`lock_option` is waiting for."""
    note(f"waiting for whoever has locked {path}; --lock=nonblock does not wait")


def offset_option(function: F) -> F:
    """``--offset SIZE``: where in a target the area begins."""
    return click.option(
        "-o",
        "--offset",
        cls=Option,
        section="Target",
        type=Size(),
        default=0,
        metavar="SIZE",
        help="Where in TARGET the area begins, in bytes.",
    )(function)


def json_option(function: F) -> F:
    """``--json``: the result as JSON on stdout, in place of the text."""
    return click.option(
        "--json",
        "as_json",
        cls=Option,
        is_flag=True,
        help="Print the result as JSON, in place of the text.",
    )(function)


def bytes_option(function: F) -> F:
    """``--bytes``: sizes as plain numbers of bytes."""
    return click.option(
        "--bytes", "raw", cls=Option, is_flag=True, help="Print sizes in bytes, not in KiB."
    )(function)


def verbose_option(function: F) -> F:
    """``-v``: all there is to say."""
    return click.option(
        "-v",
        "--verbose",
        cls=Option,
        is_flag=True,
        help="Print all counters, histograms and whatever else there is.",
    )(function)


def jobs_option(function: F) -> F:
    """``--jobs N``: how many processes share the work."""
    return click.option(
        "-j",
        "--jobs",
        cls=Option,
        type=Integer(min=1),
        metavar="N",
        show_default="one for each core",
        help="Processes that work side by side.",
    )(function)


def scheduler_option(function: F) -> F:
    """``--scheduler ADDRESS``: workers of Dask share the work."""
    return click.option(
        "--scheduler",
        cls=Option,
        type=Words("tcp://", "local"),
        metavar="ADDRESS",
        help="Have workers of Dask do it: those of tcp://HOST:PORT, or 'local' for some started"
        " here.",
    )(function)


def ram_option(function: F) -> F:
    """``--ram SIZE``: the memory of the machine in question."""
    return click.option(
        "--ram",
        cls=Option,
        section="Machine",
        type=Size(least=1),
        metavar="SIZE",
        show_default="this machine's",
        help="Memory of the machine in question.",
    )(function)
