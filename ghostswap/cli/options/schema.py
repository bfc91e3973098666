# SPDX-License-Identifier: GPL-2.0-or-later
"""TOML files read against a schema, every error with the file, the line and the key."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ghostswap.cli.options.toml_lines import Path, find_line
from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.filetypes import check_type
from ghostswap.units import parse_size, printable

#: Turns a value into what it means, or raises a GhostswapError that says what it should be.
Check = Callable[[Any], Any]

_LARGEST = 1 << 20
#: tomllib takes a time that grows with the square of how many names dots join.
_MOST_NAMES = 64
_LONG_KEY = re.compile(rf"^(?:[^.\n]++\.++){{{_MOST_NAMES}}}", re.MULTILINE)
_SHOWN = 60
_INTEGERS = range(-(1 << 63), 1 << 63)


class Document:
    """The TOML file at *path*.

    :ivar values: what tomllib makes of it.
    :raises TargetError: where it cannot be read.
    :raises UsageError: where it is not TOML.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        data = _read(path)
        try:
            self._text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise TargetError(f"{path}:{line}", "is not UTF-8", "save it as UTF-8") from error
        if match := _LONG_KEY.search(self._text):
            line = self._text.count("\n", 0, match.start()) + 1
            why = f"more than {_MOST_NAMES} names with dots between them"
            raise UsageError(f"{path}:{line}: {why}", "no key is as deep as that")
        try:
            self.values = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            why, _, place = str(error).rpartition(" (at ")
            found = re.match("line ([0-9]+)", place)
            line = int(found[1]) if found else self._text.rstrip().count("\n") + 1
            raise UsageError(f"{path}:{line}: not TOML: {why}", "see https://toml.io") from error
        except ValueError as error:  # of int(), for thousands of digits
            raise UsageError(f"{path}: a number is too long", "shorten it") from error
        except RecursionError:
            raise UsageError(f"{path}: its values are nested too deeply", "flatten it") from None

    def fail(self, key: Path, message: str, hint: str) -> UsageError:
        """The error that *message* is of the value at *key*."""
        return UsageError(f"{self._place(key)}: {join(key)}: {message}", hint)

    @contextmanager
    def at(self, key: Path) -> Iterator[None]:
        """Errors in here are of the value at *key*."""
        try:
            yield
        except TargetError as error:
            reason = f"{join(key)}: {error.message}"
            raise TargetError(self._place(key), reason, error.hint, error.errno) from error
        except GhostswapError as error:
            raise self.fail(key, error.message, error.hint) from error

    def _place(self, key: Path) -> str:
        line = find_line(self._text, key)
        return self.path if line is None else f"{self.path}:{line}"

    def read(
        self, key: Path, values: Any, schema: Mapping[str, Check], what: str = "key"
    ) -> dict[str, Any]:
        """The *values* of the table at *key*, each checked and converted by the *schema*.

        :param what: keys are.
        :raises UsageError: where *values* is no table, has a key that the schema has not, or one
            that does not fit.
        """
        with self.at(key):
            table(values)
        read = {}
        for name, value in values.items():
            if name not in schema:
                raise self.fail((*key, name), f"unknown {what}", suggest(name, schema))
            with self.at((*key, name)):
                read[name] = schema[name](value)
        return read


def _read(path: str) -> bytes:
    try:
        # Before it is opened: to open a device can act on it.
        check_type(path, os.stat(path).st_mode)
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise TargetError.from_os(path, error) from error
    if len(data) > _LARGEST:
        raise TargetError(path, f"is larger than {_LARGEST >> 20} MiB", "is it the right file?")
    return data


def join(key: Path) -> str:
    """*key* as TOML writes it, places in arrays in brackets and counted from 1."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            is_bare = re.fullmatch("[A-Za-z0-9_-]+", part)
            text += f".{part if is_bare else _quote(part)}"
    return text.removeprefix(".")


def suggest(word: str, known: Collection[str]) -> str:
    """What may have been meant by *word*: the nearest of those *known*, or any of them."""
    near = difflib.get_close_matches(word[:_SHOWN], known, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(known)}" if known else "there is none"


def show(value: object) -> str:
    """A *value* for an error, as TOML writes it and not too long."""
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if value in _INTEGERS else "a huge number"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    return "a date or time"


def _quote(text: str) -> str:
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return printable(json.dumps(short, ensure_ascii=False))


# Checks


def table(value: Any) -> dict[str, Any]:
    """A table."""
    if not isinstance(value, dict):
        raise UsageError(f"{show(value)} is no table", "write it as [table] or { key = value }")
    return value


def tables(value: Any) -> list[Any]:
    """An array that should be of tables."""
    if not isinstance(value, list):
        raise UsageError(f"{show(value)} is no array of tables", "write [[…]] above each of them")
    return value


def text(value: Any) -> str:
    """A string that the system takes as a name."""
    if not isinstance(value, str):
        raise UsageError(f"{show(value)} is no text", "write it in quotes")
    if not value or "\0" in value:
        raise UsageError(f"{show(value)} names nothing", "write a name without NUL bytes")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise UsageError(f"{show(value)} cannot be a name here", "use a UTF-8 locale") from None
    return value


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise UsageError(f"{show(value)} is not true or false", "write true or false, no quotes")
    return value


def one_of(*words: str) -> Check:
    """One of some *words*."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return value
        if isinstance(value, str):
            raise UsageError(f"unknown: {show(value)}", suggest(value, words))
        written = ", ".join(map(_quote, words))
        raise UsageError(f"{show(value)} is no text", f"write one of these: {written}")

    return check


def integer(least: int, most: int) -> Check:
    """A whole number from *least* to *most*."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{show(value)} is no whole number", f"write {least} to {most}")
        if not least <= value <= most:
            raise UsageError(f"{show(value)} is out of range", f"write {least} to {most}")
        return value

    return check


def share(value: Any) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{show(value)} is no number", "write a share from 0 to 1, as 0.25")
    if not 0 <= value <= 1:
        raise UsageError(f"{show(value)} is no share", "write a number from 0 to 1, as 0.25")
    return float(value)


def size(value: Any) -> int:
    """Bytes, as a number or as text with a unit."""
    hint = "write 512M or 2G, or a number of bytes"
    if isinstance(value, str) and len(value) <= _SHOWN:
        try:
            value = parse_size(value)
        except UsageError:
            raise UsageError(f"{show(value)} is no size", hint) from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{show(value)} is no size", hint)
    if not 0 <= value < _INTEGERS.stop:
        raise UsageError(f"{show(value)} is out of range", hint)
    return value


def limit(value: Any) -> int | None:
    """A size, or ``max`` for none."""
    if value == "max":
        return None
    try:
        return size(value)
    except UsageError as error:
        raise UsageError(error.message, f'{error.hint}, or "max"') from None
