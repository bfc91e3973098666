# SPDX-License-Identifier: GPL-2.0-or-later
"""What advice predicted of a host, kept in a file of JSON: ghostswap-json-host(5)."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

from ghostswap.advise.advice import Advice
from ghostswap.advise.commands import replaced
from ghostswap.advise.now import Value
from ghostswap.designs import table
from ghostswap.errors import GhostswapError, TargetError
from ghostswap.live.seen.status import Status
from ghostswap.live.seen.zswap import REFUSALS
from ghostswap.page import PAGE_SIZE

#: The file, beside the scripts.
NAME = "prediction.json"
SCHEMA = 1
_LARGEST = 1 << 20
_CURE = "'ghostswap advise --emit DIR' writes one"
#: Counters of a page that did not compress, which memory decides and no limit.
COMPRESS = ("reject_compress_fail", "reject_compress_poor")
#: What no machine has: whatever is computed with less fits a float.
_MOST = 1 << 63


class Advised(NamedTuple):
    """One setting: what was advised, and what it was before."""

    name: str
    value: int | str
    before: Value


class Prediction(NamedTuple):
    """What was predicted where all of the memory in question leaves; sizes in bytes.

    :ivar made: the day, as 2026-11-30.
    :ivar kernel: whose rules were taken.
    :ivar release: ``uname -r`` of that day.
    :ivar boot: which boot it was, and
    :ivar counters: what the kernel had counted in it.
    :ivar source: the memory in question, and
    :ivar memory_bytes: how much of it may leave; of these
    :ivar stored_bytes: are in the pool, and
    :ivar refused_bytes: do not compress, and are in no pool.
    :ivar static_bytes: of *metadata_bytes*, what slots take used or not.
    :ivar area: path of the area that the scripts make; ``""`` for none, and for zram.
    :ivar areas: paths of those that were on and stay so.
    """

    made: str
    kernel: str
    release: str
    boot: str
    counters: Mapping[str, int]
    ram: int
    source: str
    goal: str
    design: str
    compressor: str
    size_bytes: int
    memory_bytes: int
    stored_bytes: int
    refused_bytes: int
    pool_bytes: int
    pool_interval: tuple[int, int]
    metadata_bytes: int
    static_bytes: int
    freed_bytes: int
    freed_interval: tuple[int, int]
    area: str
    areas: tuple[str, ...]
    settings: tuple[Advised, ...]

    @property
    def is_zram(self) -> bool:
        return table.get(self.design).is_zram


def counted(seen: Status) -> dict[str, int]:
    """What zswap has counted since boot, pages all: stored, written back, refused by cause."""
    if seen.zswap is None:
        return {}
    refused = {name: seen.zswap.debugfs[name] for name in REFUSALS if name in seen.zswap.debugfs}
    stored = seen.zswap.vmstat.get("zswpout", 0)
    return {"zswpout": stored, "zswpwb": seen.zswap.written_back, **refused}


def of(found: Advice, source: str, *, made: str, boot: str) -> Prediction:
    """What *found*, made from *source*, says of its choice."""
    choice, place = found.choice, found.place
    outcome = choice.outcome
    stored = outcome.zswap.get("stored_pages", 0) * PAGE_SIZE
    gone = replaced(found)
    makes_area = choice.disk or choice.design == "ghost"
    return Prediction(
        made=made,
        kernel=place.kernel.name,
        release=place.seen.kernel,
        boot=boot,
        counters=counted(place.seen),
        ram=place.ram,
        source=source,
        goal=found.goal,
        design=choice.design,
        compressor=choice.compressor,
        size_bytes=choice.size,
        memory_bytes=choice.memory,
        stored_bytes=stored + outcome.zram.get("orig_data_size", 0),
        refused_bytes=sum(outcome.zswap.get(name, 0) for name in COMPRESS) * PAGE_SIZE,
        pool_bytes=choice.pool,
        pool_interval=choice.pool_interval,
        metadata_bytes=outcome.metadata.total_bytes,
        static_bytes=outcome.metadata.static_bytes,
        freed_bytes=choice.freed,
        freed_interval=choice.freed_interval,
        area=place.seen.room.path if makes_area else "",
        areas=tuple(area.path for area in place.seen.active if area not in gone),
        settings=tuple(Advised(one.name, one.value, one.now) for one in found.settings),
    )


def text(prediction: Prediction) -> str:
    """*prediction* as :func:`read` takes it."""
    settings = [one._asdict() for one in prediction.settings]
    found = {"schema": SCHEMA, **prediction._asdict(), "settings": settings}
    return f"{json.dumps(found, indent=2)}\n"


def read(directory: str) -> Prediction:
    """The prediction that is kept in *directory*.

    :raises TargetError: where there is no such directory, nothing is predicted in it, or what is
        there is broken or of a later version.
    """
    path = os.path.join(directory, NAME)
    try:
        if not stat.S_ISDIR(os.stat(directory).st_mode):
            raise TargetError(directory, "is no directory", _CURE)
        if not os.path.lexists(path):
            raise TargetError(directory, f"nothing was predicted there: it has no {NAME}", _CURE)
        if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened, which can block
            raise TargetError(path, "is no file", _CURE)
        with open(path, "rb") as file:
            data = file.read(_LARGEST)
    except OSError as error:
        raise TargetError.from_os(directory, error) from error
    except ValueError:
        raise TargetError(directory, "no name has a NUL byte in it", _CURE) from None
    try:
        return _parsed(json.loads(data))
    except _Newer:
        raise TargetError(
            path, "was written by a later version of ghostswap", "check it with that version"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError, GhostswapError) as error:
        raise TargetError(path, "is no prediction of 'ghostswap advise'", _CURE) from error


class _Newer(Exception):
    """The file is of a later version."""


def _parsed(found: object) -> Prediction:
    """What a document says.

    :raises ValueError: where something in it is not what it has to be; so *KeyError*.
    """
    there = _Keys(found)
    schema = there.count("schema")
    if schema > SCHEMA:
        raise _Newer
    table.get(there.text("design"))
    if not schema or not there.count("memory_bytes"):
        raise ValueError("nothing can be compared with it")
    return Prediction(
        made=there.text("made"),
        kernel=there.text("kernel"),
        release=there.text("release"),
        boot=there.text("boot"),
        counters=there.counts("counters"),
        ram=there.count("ram"),
        source=there.text("source"),
        goal=there.text("goal"),
        design=there.text("design"),
        compressor=there.text("compressor"),
        size_bytes=there.count("size_bytes"),
        memory_bytes=there.count("memory_bytes"),
        stored_bytes=there.count("stored_bytes"),
        refused_bytes=there.count("refused_bytes"),
        pool_bytes=there.count("pool_bytes"),
        pool_interval=there.pair("pool_interval"),
        metadata_bytes=there.count("metadata_bytes"),
        static_bytes=there.count("static_bytes"),
        freed_bytes=there.integer("freed_bytes"),
        freed_interval=there.pair("freed_interval"),
        area=there.text("area"),
        areas=tuple(_text(one) for one in there.items("areas")),
        settings=tuple(_advised(one) for one in there.items("settings")),
    )


def _advised(found: object) -> Advised:
    there = _Keys(found)
    before = there.value("before")
    value = there.value("value")
    if value is None:
        raise ValueError("a setting without a value")
    return Advised(there.text("name"), value, before)


class _Keys:
    """An object of JSON, each value asked for by its type."""

    def __init__(self, found: object) -> None:
        if not isinstance(found, dict):
            raise TypeError("no object")
        self._found: dict[str, object] = found

    def text(self, key: str) -> str:
        return _text(self._found[key])

    def integer(self, key: str) -> int:
        return _integer(self._found[key])

    def count(self, key: str) -> int:
        return _count(self._found[key])

    def items(self, key: str) -> list[object]:
        found = self._found[key]
        if not isinstance(found, list):
            raise TypeError(key)
        return found

    def pair(self, key: str) -> tuple[int, int]:
        low, high = map(_integer, self.items(key))
        return low, high

    def counts(self, key: str) -> dict[str, int]:
        found = self._found[key]
        if not isinstance(found, dict):
            raise TypeError(key)
        return {name: _count(value) for name, value in found.items()}

    def value(self, key: str) -> Value:
        found = self._found[key]
        if found is None or isinstance(found, str):
            return found
        return _integer(found)


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("no text")
    return found


def _integer(found: object) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not -_MOST < found < _MOST:
        raise ValueError("no number, or none of bytes")
    return found


def _count(found: object) -> int:
    number = _integer(found)
    if number < 0:
        raise ValueError("less than nothing")
    return number
