# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody wrote, in a TOML file or as options; every error says where that stands."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from itertools import pairwise
from typing import Any

from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.files import check_type
from ghostswap.scenario.kinds import Path, join, suggest, table
from ghostswap.study.host import Group

#: Turns a value into what it means, or raises a GhostswapError that says what it should be.
Check = Callable[[Any], Any]

_LARGEST = 1 << 20
#: tomllib takes a time that grows with the square of how many names dots join.
_MOST_NAMES = 64
_LONG_KEY = rf"^(?:[^.\n]++\.++){{{_MOST_NAMES}}}"


class Document:
    """Values by their keys, and where each was written.

    :param values: as tomllib gives them.
    :param path: of the file that they are from; ``""`` where there is none.
    :param text: of that file.
    """

    def __init__(
        self, values: dict[str, Any] | None = None, path: str = "", text: str = ""
    ) -> None:
        self.values = {} if values is None else values
        self.path = path
        self._text = text
        self._options: dict[Path, str] = {}

    @classmethod
    def load(cls, path: str) -> Document:
        """The TOML file at *path*.

        :raises TargetError: where it cannot be read.
        :raises UsageError: where it is not TOML.
        """
        import tomllib  # which options can do without

        data = _read(path)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise TargetError(f"{path}:{line}", "is not UTF-8", "save it as UTF-8") from error
        if match := re.search(_LONG_KEY, text, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            why = f"more than {_MOST_NAMES} names with dots between them"
            raise UsageError(f"{path}:{line}: {why}", "no key is as deep as that")
        try:
            return cls(tomllib.loads(text), path, text)
        except tomllib.TOMLDecodeError as error:
            why, _, place = str(error).rpartition(" (at ")
            found = re.match("line ([0-9]+)", place)
            line = int(found[1]) if found else text.rstrip().count("\n") + 1
            raise UsageError(f"{path}:{line}: not TOML: {why}", "see https://toml.io") from error
        except ValueError as error:  # of int(), for thousands of digits
            raise UsageError(f"{path}: a number is too long", "shorten it") from error
        except RecursionError:
            raise UsageError(f"{path}: its values are nested too deeply", "flatten it") from None

    def set(self, key: Path, value: object, option: str) -> None:
        """Put *value* at *key*, which comes from the command line.

        :param option: that it was given by; ``""`` for an argument, which names itself.
        :raises UsageError: where there is something else on the way.
        """
        at: Any = self.values
        for part, after in pairwise(key):
            empty: Any = [] if isinstance(after, int) else {}
            at = _step(at, part, empty, option)
        _put(at, key[-1], value, option)
        self._options[key] = option

    def changed(
        self, values: Mapping[Path, object], option: str, without: Iterable[Path] = ()
    ) -> Document:
        """A copy of it in which *option* says *values*, and keys *without* are not given."""
        copy = Document(deepcopy(self.values), self.path, self._text)
        copy._options = dict(self._options)
        for key in without:
            above = copy.get(key[:-1])
            if isinstance(above, dict):
                above.pop(key[-1], None)
        for key, value in values.items():
            copy.set(key, value, option)
        return copy

    def get(self, key: Path) -> object:
        """The value at *key*; ``None`` where there is none."""
        at: Any = self.values
        for part in key:
            try:
                at = at[part]
            except (KeyError, IndexError, TypeError):
                return None
        return at

    def options(self) -> Mapping[Path, str]:
        """The keys that come from the command line, and the option of each."""
        return self._options

    def is_option(self, key: Path) -> bool:
        """Whether what is at *key* was given as an option or argument."""
        return self._option(key) is not None

    def is_of_file(self, key: Path) -> bool:
        """Whether what is at *key* stands in the file."""
        return bool(self.path) and self._option(key) is None

    def _option(self, key: Path) -> str | None:
        """The option that *key* is given by, or something in it; ``None`` where none is."""
        known = self._options
        if key in known or self.path:
            return known.get(key)
        return next((known[given] for given in known if given[: len(key)] == key), None)

    def fail(self, key: Path, message: str, hint: str) -> UsageError:
        """The error that *message* is of the value at *key*."""
        return UsageError(self._placed(key, message), hint)

    @contextmanager
    def at(self, key: Path) -> Iterator[None]:
        """Errors in here are of the value at *key*."""
        try:
            yield
        except TargetError as error:
            if not self.is_of_file(key):
                raise  # it names what it is about
            reason = f"{join(key)}: {error.message}"
            raise TargetError(self._line(key), reason, error.hint, error.errno) from error
        except GhostswapError as error:
            raise self.fail(key, error.message, error.hint) from error

    def placing(self, group: Group, name: str) -> AbstractContextManager[None]:
        """:meth:`at` the key *name* of *group*; as :data:`ghostswap.study.memory.At` wants it."""
        return self.at(("group", group.name, name))

    def _placed(self, key: Path, message: str) -> str:
        if self.is_of_file(key):
            return f"{self._line(key)}: {join(key)}: {message}"
        option = self._option(key)
        return f"{option}: {message}" if option else message

    def name(self, key: Path) -> str:
        """What *key* is called where it was written: an option, or with dots."""
        return self._option(key) or join(key)

    def from_here(self, key: Path, path: str) -> str:
        """*path*, which stands at *key*: one in a file starts from the file's directory."""
        if not self.is_of_file(key):
            return path
        return os.path.join(os.path.dirname(self.path), path)

    def _line(self, key: Path) -> str:
        from ghostswap.scenario.toml_lines import find_line

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


def _step(at: Any, part: str | int, empty: Any, option: str) -> Any:
    """What is at *part* of *at*, *empty* if nothing is there yet."""
    if isinstance(part, int) and isinstance(at, list) and part < len(at):
        return at[part]
    if isinstance(part, str) and isinstance(at, dict) and part in at:
        return at[part]
    _put(at, part, empty, option)
    return empty


def _put(at: Any, part: str | int, value: object, option: str) -> None:
    if isinstance(part, str) and isinstance(at, dict):
        at[part] = value
    elif isinstance(part, int) and isinstance(at, list) and part <= len(at):
        at[part : part + 1] = [value]
    elif isinstance(part, int) and isinstance(at, list):
        raise UsageError(
            f"{option}: there is no area {part + 1}", f"there are {len(at)}; the next is the last"
        )
    else:
        raise UsageError(f"{option}: there is no such key", "'man ghostswap-scenario' has all")


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
