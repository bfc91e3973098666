# SPDX-License-Identifier: GPL-2.0-or-later
"""Where in a TOML text each key stands, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from ghostswap.scenario.kinds import Path

#: What is between things: blanks, line ends, comments.
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
_PART = re.compile(r"""[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+'""")
_DOT = re.compile(r"[ \t]*+\.[ \t]*+")
_PLAIN_VALUE = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""(?:"{0,2})  # up to two quotes belong to the text before its end
    |\'\'\'.*?\'\'\'(?:'{0,2})
    |"(?:[^"\\\n]|\\.)*+"
    |'[^'\n]*+'
    |[^\s,\]}\#]++(?:\ [0-9][^\s,\]}\#]*+)?  # a blank may part a date from its time
    ''',
    re.DOTALL | re.VERBOSE,
)


def find_line(text: str, path: Path) -> int | None:
    """The line, from 1, of what first defines *path* or a part of it; ``None`` if none is found.

    :param text: what tomllib takes.
    """
    try:
        for found, at in _Scan(text).definitions():
            if found[: len(path)] == path:
                return text.count("\n", 0, at) + 1
    except _LostError:
        pass
    return None


class _LostError(Exception):
    """The text is not what the scan expects here: better no line than a wrong one."""


class _Scan:
    """One walk through *text*, front to back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def definitions(self) -> Iterator[tuple[Path, int]]:
        """Give each path where it is defined, and that place."""
        tables: dict[Path, int] = {}  # how many an array of tables has so far
        table: Path = ()
        while self._next():
            start = self._at
            if not self._skip("["):
                yield from self._pair(table)
                continue
            is_array = self._skip("[")
            *above, last = self._key()
            table = ()
            for part in above:
                table += (part,)
                if table in tables:
                    table += (tables[table] - 1,)
            table += (last,)
            if is_array:
                tables[table] = tables.get(table, 0) + 1
                table += (tables[table] - 1,)
            self._expect("]]" if is_array else "]")
            yield table, start

    def _pair(self, table: Path) -> Iterator[tuple[Path, int]]:
        start = self._at
        path = (*table, *self._key())
        yield path, start
        self._expect("=")
        yield from self._value(path)

    def _value(self, path: Path) -> Iterator[tuple[Path, int]]:
        self._next()
        if self._skip("{"):
            while self._next() != "}":
                yield from self._pair(path)
                self._next()
                self._skip(",")
            self._expect("}")
        elif self._skip("["):
            number = 0
            while self._next() != "]":
                yield (*path, number), self._at
                yield from self._value((*path, number))
                self._next()
                self._skip(",")
                number += 1
            self._expect("]")
        else:
            self._match(_PLAIN_VALUE)

    def _key(self) -> list[str]:
        self._next()
        parts = [self._part()]
        while match := _DOT.match(self._text, self._at):
            self._at = match.end()
            parts.append(self._part())
        return parts

    def _part(self) -> str:
        part = self._match(_PART)
        try:
            (name,) = tomllib.loads(f"{part}=0")  # which knows the escapes
        except tomllib.TOMLDecodeError:
            raise _LostError from None
        return str(name)

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _LostError
        self._at = match.end()
        return match[0]

    def _next(self) -> str:
        """Go to the next thing; its first character, ``""`` at the end."""
        self._match(_SPACE)
        return self._text[self._at : self._at + 1]

    def _skip(self, what: str) -> bool:
        """Pass *what* if it is next."""
        is_next = self._text.startswith(what, self._at)
        if is_next:
            self._at += len(what)
        return is_next

    def _expect(self, what: str) -> None:
        self._next()
        if not self._skip(what):
            raise _LostError
