# SPDX-License-Identifier: GPL-2.0-or-later
"""The kinds of values that keys take: each one check, for TOML and for the command line alike.

A library for validation is not used here. msgspec, the lightest of them, takes more than four
times as long to import as Python takes to start; and an error has to name the cure as well, which
differs from key to key.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection
from typing import Any, Literal, NamedTuple

from ghostswap import codecs
from ghostswap.area.header.bounds import MAX_PAGES, MIN_PAGES
from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import check_specs
from ghostswap.units import parse_limit, parse_size, printable

#: Keys from the top down; a number is a place in an array.
Path = tuple[str | int, ...]

#: Sizes that an area can have, in words.
AREA_SIZES = f"{MIN_PAGES * PAGE_SIZE >> 10}K or more, below {(MAX_PAGES + 1) * PAGE_SIZE >> 40}T"
_SHOWN = 60
#: Of ``recomp_algorithm``: ``ZRAM_MAX_COMPS`` less the first.
_MOST_SECONDS = 3
_INTEGERS = range(-(1 << 63), 1 << 63)


def _as_is(text: str) -> object:
    return text


class Kind(NamedTuple):
    """What a key takes.

    :ivar metavar: what stands for a value in a help text.
    :ivar check: turns a value of TOML into what it means, or raises a UsageError that says what it
        should be.
    :ivar read: text on the command line -> the value that TOML would have; the text itself where
        there is none, which *check* then refuses.
    :ivar words: values that are worth completing, or what some begin with, up to a colon.
    :ivar paths: whether paths are values too.
    :ivar joined: whether commas join several.
    :ivar repeated: whether its option may stand again, for several.
    """

    metavar: str
    check: Callable[[Any], Any]
    read: Callable[[str], object] = _as_is
    words: tuple[str, ...] = ()
    paths: bool = False
    joined: bool = False
    repeated: bool = False


# What values are shown as


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
    from difflib import get_close_matches  # which only mistakes need

    near = get_close_matches(word[:_SHOWN], known, 1)
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


def _spec(value: Any) -> str:
    """A string, whatever it says: who opens it refuses it better."""
    return value if value == "" else text(value)


def _sources(value: Any) -> str | tuple[str, ...]:
    """One or a list of them."""
    if not isinstance(value, list):
        return _spec(value)
    specs = tuple(map(_spec, value))
    check_specs(specs)
    return specs


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{show(value)} is not true or false", "write true or false, no quotes")
    return value


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{show(value)} is no number", "write a share from 0 to 1, as 0.25")
    if not 0 <= value <= 1:
        raise UsageError(f"{show(value)} is no share", "write a number from 0 to 1, as 0.25")
    return float(value)


def _write_ratio(value: Any) -> float | Literal["odd"]:
    if value == "odd":
        return "odd"
    try:
        return _share(value)
    except UsageError as error:
        raise UsageError(error.message, f'{error.hint}, or "odd"') from None


def _size(value: Any, hint: str = "write 512M or 2G, or a number of bytes") -> int:
    given = value
    if isinstance(value, str) and len(value) <= _SHOWN:
        try:
            value = parse_size(value)
        except UsageError:
            raise UsageError(f"{show(value)} is no size", hint) from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{show(value)} is no size", hint)
    if not 0 <= value < _INTEGERS.stop:
        raise UsageError(f"{show(given)} is out of range", hint)
    return value


def _memory(value: Any) -> int:
    size = _size(value)
    if size < PAGE_SIZE:
        raise UsageError("less than a page", "write 16G, or so")
    return size


def _area_size(value: Any) -> int:
    size = _size(value, f"write {AREA_SIZES}")
    if not MIN_PAGES <= size // PAGE_SIZE <= MAX_PAGES:
        raise UsageError(f"{show(value)} is no size of an area", f"write {AREA_SIZES}")
    return size


def _limit(value: Any) -> int | None:
    if value == "max":
        return None
    try:
        return _size(value)
    except UsageError as error:
        raise UsageError(error.message, f'{error.hint}, or "max"') from None


# Text, as a command line has it


def _whole(given: str) -> object:
    return int(given) if re.fullmatch("[+-]?[0-9]{1,20}", given) else given


def _number(given: str) -> object:
    try:
        return float(given) if len(given) <= _SHOWN else given
    except ValueError:
        return given


def _truth(given: str) -> object:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    return words.get(given.lower(), given)


# The kinds

SIZE = Kind("SIZE", _size)
MEMORY = Kind("SIZE", _memory)
AREA_SIZE = Kind("SIZE", _area_size)
#: Of the area that a design imagines, which may be none.
IMAGINED_SIZE = Kind("SIZE", lambda value: value if value in (0, "0") else _area_size(value))
LIMIT = Kind("SIZE", _limit)
#: Of ``--limit`` alone, whose value is one of two keys'.
PROCESS_LIMIT = Kind("SIZE|FRAMES", parse_limit)
SHARE = Kind("SHARE", _share, _number)
WRITE_RATIO = Kind("SHARE", _write_ratio, _number, ("odd",))
TEXT = Kind("TEXT", text)
BOOLEAN = Kind("true|false", _boolean, _truth, ("true", "false"))
SOURCE = Kind(
    "SOURCE",
    _sources,
    words=("mine", "host", "pid:", "cgroup:", "swap:", "synthetic:", "-"),
    paths=True,
    repeated=True,
)
TRACE = Kind(
    "TRACE",
    _spec,
    words=("zipf:", "uniform", "scan", "loop:", "hot:", "u32:", "csv:", "oracle:", "trace:"),
    paths=True,
    joined=True,
)
TABLE = Kind("TABLE", table)


def one_of(*words: str, metavar: str = "") -> Kind:
    """One of some *words*."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return value
        if isinstance(value, str):
            raise UsageError(f"unknown: {show(value)}", suggest(value, words))
        written = ", ".join(map(_quote, words))
        raise UsageError(f"{show(value)} is no text", f"write one of these: {written}")

    return Kind(metavar or "|".join(words), check, words=words)


def _reclaim(value: Any) -> str | None:
    if value == "kernel":  # whatever it runs
        return None
    return str(_RECLAIM.check(value))


_RECLAIM = one_of("two-lists", "mglru", "lru")


def _recompress_type(value: Any) -> str | None:
    found = str(_RECOMPRESS_TYPE.check(value))
    return None if found == "all" else found


_RECOMPRESS_TYPE = one_of("all", "idle", "huge", "huge_idle")
RECOMPRESS_TYPE = Kind(_RECOMPRESS_TYPE.metavar, _recompress_type, words=_RECOMPRESS_TYPE.words)
RECLAIM = Kind(_RECLAIM.metavar, _reclaim, words=_RECLAIM.words)


def _compressors(value: Any) -> tuple[str, ...]:
    hint = f"write one, or up to {_MOST_SECONDS} joined by commas, of: {', '.join(codecs.names())}"
    names = tuple(value.split(",")) if isinstance(value, str) else ()
    if not names or len(names) > _MOST_SECONDS or not set(names) <= set(codecs.names()):
        raise UsageError(f"{show(value)}: not compressors", hint)
    if len(set(names)) < len(names):
        raise UsageError(f"{show(value)} has one twice", hint)
    return names


COMPRESSORS = Kind("ALGO", _compressors, words=codecs.names(), joined=True)


def integer(least: int = _INTEGERS[0], most: int = _INTEGERS[-1], metavar: str = "N") -> Kind:
    """A whole number from *least* to *most*."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{show(value)} is no whole number", f"write {least} to {most}")
        if not least <= value <= most:
            raise UsageError(f"{show(value)} is out of range", f"write {least} to {most}")
        return value

    return Kind(metavar, check, _whole)
