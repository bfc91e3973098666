# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of a profile, version 1: a head, groups, columns of 16 bits a page, a checksum.

Whatever is in a page, two bytes of it for each compressor are all that is kept: what it measures
as (:mod:`ghostswap.page`).
"""

from __future__ import annotations

import sys
import zlib
from array import array
from dataclasses import dataclass, field
from io import BytesIO
from typing import NamedTuple

from construct import (
    Const,
    ConstructError,
    Int8ul,
    Int16ul,
    Int32ul,
    Int64ul,
    PascalString,
    PrefixedArray,
    Struct,
)

from ghostswap.errors import TargetError, UsageError
from ghostswap.files import write_whole
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS
from ghostswap.pages.profiles import MAGIC

VERSION = 1
#: Compressors in a profile, so that a page has ten bytes at most.
MOST_COLUMNS = 5
#: More than any address space has.
_MOST_PAGES = 1 << 52
_MEASURES = frozenset(
    (ZEROS, *range(1, PAGE_SIZE + 1), *range(SAME + 1, SAME + PAGE_SIZE + 1), INCOMPRESSIBLE)
)
_CUT = "is cut short, or was changed"
_AGAIN = "take it from the host once more"

_text = PascalString(Int16ul, "utf8")
START = Struct("magic" / Const(MAGIC), "version" / Int16ul, "size" / Int64ul)
HEAD = Struct(
    "kernel" / _text,
    "machine" / _text,
    "mem_total" / Int64ul,
    "seed" / _text,
    "columns" / PrefixedArray(Int8ul, Struct("key" / _text, "error" / _text)),
    "groups"
    / PrefixedArray(
        Int32ul,
        Struct(
            "name" / _text,
            "memory" / _text,
            "population" / Int64ul,
            "drawn" / Int64ul,
            "kept" / Int64ul,
            "left" / PrefixedArray(Int8ul, Struct("why" / _text, "pages" / Int64ul)),
        ),
    ),
)
END = Struct("crc32" / Int32ul)
_MEASURE_SIZE = 2


class Column(NamedTuple):
    """One compressor.

    :ivar key: it, and how a kernel sets it up.
    :ivar error: how far measures may be from that kernel's, ``""`` where they are equal.
    """

    key: str
    error: str


@dataclass(slots=True)
class Group:
    """The pages of one source.

    :ivar name: of it, where that was asked for; else ``""``.
    :ivar memory: what its pages are, in a few words.
    :ivar population: pages that it had, of which *drawn* were drawn and *kept* were measured.
    :ivar left: pages that were left, by why.
    :ivar measures: by column, those of its pages.
    """

    name: str
    memory: str
    population: int
    drawn: int
    left: dict[str, int]
    measures: list[array[int]]

    @property
    def kept(self) -> int:
        """Pages that were measured."""
        return len(self.measures[0]) if self.measures else 0


@dataclass(slots=True)
class Profile:
    """What is in the file.

    :ivar kernel: release of the running kernel where it was made; so *machine*, the architecture,
        and *mem_total*, in bytes.
    :ivar seed: of the lot that drew the pages.
    """

    kernel: str
    machine: str
    mem_total: int
    seed: str
    columns: tuple[Column, ...]
    groups: list[Group] = field(default_factory=list)


def build(profile: Profile) -> bytes:
    """The file of *profile*, whole.

    :raises UsageError: for more compressors than it may have.
    """
    if not 0 < len(profile.columns) <= MOST_COLUMNS:
        raise UsageError(
            f"a profile has 1 to {MOST_COLUMNS} columns, and not {len(profile.columns)}",
            "name fewer compressors; zstd takes two where zram has it set up otherwise",
        )
    head = HEAD.build(
        {
            "kernel": profile.kernel,
            "machine": profile.machine,
            "mem_total": profile.mem_total,
            "seed": profile.seed,
            "columns": [{"key": one.key, "error": one.error} for one in profile.columns],
            "groups": [
                {
                    "name": group.name,
                    "memory": group.memory,
                    "population": group.population,
                    "drawn": group.drawn,
                    "kept": group.kept,
                    "left": [{"why": w, "pages": n} for w, n in group.left.items()],
                }
                for group in profile.groups
            ],
        }
    )
    body = b"".join(_little(one) for group in profile.groups for one in group.measures)
    size = START.sizeof() + len(head) + len(body) + END.sizeof()
    data = START.build({"version": VERSION, "size": size}) + head + body
    return bytes(data + END.build({"crc32": zlib.crc32(data)}))


def parse(name: str, data: bytes) -> Profile:
    """Read the file that *data* is; *name* is for errors.

    :raises TargetError: where it is none, is newer, was cut short or changed.
    """
    if not data.startswith(MAGIC):
        raise TargetError(name, "is no profile", "make one: ghostswap profile -o host.gsp")
    if len(data) < START.sizeof() + END.sizeof():
        raise TargetError(name, _CUT, _AGAIN)
    start = START.parse(data)
    if start.version != VERSION:
        raise TargetError(
            name,
            f"is a profile of version {start.version}, and versions up to {VERSION} are known here",
            "use a newer ghostswap, as where it was made",
        )
    whole, end = data[: -END.sizeof()], data[-END.sizeof() :]
    if start.size != len(data) or END.parse(end).crc32 != zlib.crc32(whole):
        raise TargetError(name, _CUT, _AGAIN)
    try:
        return _parse(whole[START.sizeof() :])
    except (ConstructError, ValueError, OverflowError, MemoryError) as error:
        raise TargetError(name, "is no profile that makes sense", _AGAIN) from error


def _parse(data: bytes) -> Profile:
    """What is between start and end.

    :raises ConstructError: where it makes no sense; so ValueError.
    """
    stream = BytesIO(data)
    head = HEAD.parse_stream(stream)
    at = stream.tell()
    columns = tuple(Column(one.key, one.error) for one in head.columns)
    if not 0 < len(columns) <= MOST_COLUMNS:
        raise ValueError("columns")
    groups = []
    for row in head.groups:
        if not row.kept <= row.drawn <= row.population <= _MOST_PAGES:
            raise ValueError("counts")
        measures = []
        for _ in columns:
            part = data[at : at + row.kept * _MEASURE_SIZE]
            if len(part) != row.kept * _MEASURE_SIZE:
                raise ValueError("measures")
            measures.append(_little(part))
            at += len(part)
            if not _MEASURES.issuperset(measures[-1]):
                raise ValueError("what no page measures as")
        left = {one.why: one.pages for one in row.left}
        groups.append(Group(row.name, row.memory, row.population, row.drawn, left, measures))
    if at != len(data):
        raise ValueError("more than it says")
    return Profile(head.kernel, head.machine, head.mem_total, head.seed, columns, groups)


def write(path: str, profile: Profile) -> int:
    """Write *profile* to *path*, whole or not at all; return its bytes.

    :raises TargetError: where that cannot be, or something else than a profile is there.
    """
    data = build(profile)
    write_whole(path, data, MAGIC, "profile", mode=0o600)
    return len(data)


def _little(numbers: array[int] | bytes) -> array[int]:
    """Numbers as the file has them, or those that it has."""
    found = array("H", numbers)
    if sys.byteorder == "big":
        found.byteswap()
    return found
