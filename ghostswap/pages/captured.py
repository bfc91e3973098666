# SPDX-License-Identifier: GPL-2.0-or-later
"""Which memory was touched in each interval: captures of ``ghostswap capture``, damo's records.

damo's are those of https://github.com/damonitor/damo (src/_damo_records.py), as JSON or as JSON
compressed with zlib.
"""

from __future__ import annotations

import json
import os
import stat
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, islice
from random import Random
from typing import Any, NamedTuple

from ghostswap.errors import TargetError, UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.touches import CHUNK_TOUCHES, Choices, Touches, start_marking
from ghostswap.units import shell_word

SCHEMA = 1
_LARGEST = 256 << 20  # bytes of JSON
_MOST = 1 << 48  # pages, or seconds: none comes near it
_CURE = "give what 'ghostswap capture -o' wrote, or a record of damo's in JSON"
#: How perf's records begin, by the byte order of the machine (tools/perf/util/header.c).
_PERF = (b"PERFILE2", b"2ELIFREP")
#: DAMON's tracepoint in what perf script prints, and how far into the text it is at most.
_EVENT, _EVENT_END = b" damon:damon_", 4096
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}

_READ, _WRITTEN = 1, 2

#: The first of some pages in a row, and how many.
Runs = tuple[tuple[int, int], ...]


class Interval(NamedTuple):
    """What was seen at the end of an interval.

    :ivar seconds: from the start to then.
    :ivar resident_pages: in memory then; by damo, monitored.
    :ivar touched_pages: read or written in the interval.
    :ivar written_pages: ``None`` where nobody could tell.
    :ivar written: which they are; ``None`` where nobody could tell, as *touched*.
    :ivar touched: which were read or written.
    """

    seconds: float
    resident_pages: int
    touched_pages: int
    written_pages: int | None = None
    written: Runs | None = None
    touched: Runs | None = None


class Way(NamedTuple):
    """A way to see touches.

    :ivar works: on the kernel where it was captured, as a try has shown.
    :ivar words: what it shows, or why it does not.
    """

    name: str
    works: bool
    words: str


class Captured(NamedTuple):
    """Touches over time.

    :ivar target: whose, ``pid:1234``.
    :ivar by: who looked, ``ghostswap`` or ``damo``.
    :ivar interval_seconds: that were asked for; 0 where nobody says.
    :ivar pages: that are numbered, in the order of their addresses; ``None`` where none is.
    :ivar look_seconds: that looking took in all; *longest_look_seconds* at most.
    :ivar first_touch_seconds: what a page's first touch after a look takes longer.
    :ivar ways: that were tried.
    """

    target: str
    by: str
    interval_seconds: float
    pages: int | None
    intervals: tuple[Interval, ...]
    look_seconds: float = 0.0
    longest_look_seconds: float = 0.0
    first_touch_seconds: float = 0.0
    ways: tuple[Way, ...] = ()

    @property
    def seconds(self) -> float:
        """From the start to the end of the last interval."""
        return self.intervals[-1].seconds

    @property
    def slowed(self) -> float:
        """The share of the time that the processes lost by being watched, at most."""
        touches = sum(interval.touched_pages for interval in self.intervals)
        lost = self.look_seconds + touches * self.first_touch_seconds
        return min(lost / self.seconds, 1.0) if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """As :func:`read` takes it."""
        intervals = [one._asdict() for one in self.intervals]
        ways = [one._asdict() for one in self.ways]
        return {"schema": SCHEMA, **self._asdict(), "intervals": intervals, "ways": ways}


def read(path: str) -> Captured:
    """Read the file of a capture; its content says whose it is.

    :raises TargetError: where it cannot be read, or is none.
    """
    data = _content(path)
    try:
        found = json.loads(data)
        if isinstance(found, list):
            return _of_damo(path, found)
        return _of_ghostswap(found)
    except _Newer as error:
        raise TargetError(path, str(error), "read it with that version") from None
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise TargetError(path, "is no capture of touches", _CURE) from error


class _Newer(Exception):
    """The file is of a later version."""


def _content(path: str) -> bytes:
    try:
        mode = os.stat(path).st_mode  # before it is opened: to open a device can act on it
        if not stat.S_ISREG(mode):
            raise TargetError(path, "is no file", _CURE)
        with open(path, "rb") as file:
            _check_not_perf(path, file.read(_EVENT_END))
            file.seek(0)
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise TargetError.from_os(path, error) from error
    except ValueError:
        raise UsageError("the name of a capture's file has a NUL byte in it") from None
    if data[:1] == b"\x78":  # zlib's; JSON begins with no x
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(data, _LARGEST + 1)
        except zlib.error as error:
            raise TargetError(path, f"is packed with zlib, and broken: {error}", _CURE) from error
        if not unpacker.eof and len(data) <= _LARGEST:
            raise TargetError(path, "is packed with zlib, and cut short", _CURE)
    if len(data) > _LARGEST:
        raise TargetError(path, f"has more than {_LARGEST >> 20} MiB of JSON", _CURE)
    return data


def _check_not_perf(path: str, head: bytes) -> None:
    """Refuse what damo can be told to write in place of JSON, or reads itself.

    :raises TargetError: saying what makes JSON of it.
    """
    if head.startswith(_PERF):
        what = "is a record of perf's (perf.data)"
    elif _EVENT in head:
        what = "is the text of 'perf script'"
    else:
        return
    raise TargetError(
        path,
        f"{what}; of damo's records those in JSON are read",
        f"make one: damo convert_record_format --record_file {shell_word(path)}"
        " --format json --output_file damon.json",
    )


def _number(value: Any, kind: type[int] | type[float] = int) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | kind) or not 0 <= value < _MOST:
        raise ValueError(f"not a number: {value!r}")
    return value


def _of_ghostswap(found: Mapping[str, Any]) -> Captured:
    if _number(found["schema"]) > SCHEMA:
        raise _Newer(f"is of a later ghostswap (schema {found['schema']})")
    pages = None if found["pages"] is None else _number(found["pages"])

    def interval(one: Mapping[str, Any]) -> Interval:
        def runs(key: str) -> Runs | None:
            if pages is None or one[key] is None:
                return None
            found = tuple((_number(first), _number(count)) for first, count in one[key])
            if any(not count or first + count > pages for first, count in found):
                raise ValueError("runs of no pages")
            return found

        return Interval(
            _number(one["seconds"], float),
            _number(one["resident_pages"]),
            _number(one["touched_pages"]),
            None if one["written_pages"] is None else _number(one["written_pages"]),
            runs("written"),
            runs("touched"),
        )

    intervals = tuple(interval(one) for one in found["intervals"])
    if not intervals or not isinstance(found["target"], str):
        raise ValueError("nothing captured")
    return Captured(
        found["target"],
        "ghostswap",
        _number(found["interval_seconds"], float),
        pages,
        intervals,
        _number(found["look_seconds"], float),
        _number(found["longest_look_seconds"], float),
        _number(found["first_touch_seconds"], float),
        tuple(
            Way(str(way["name"]), way["works"] is True, str(way["words"])) for way in found["ways"]
        ),
    )


def _of_damo(path: str, records: Sequence[Mapping[str, Any]]) -> Captured:
    """All targets together: what their snapshots that end at the same moment have."""
    at: dict[float, list[int]] = {}
    start: float | None = None
    for record in records:
        for snapshot in record["snapshots"]:
            begin, end = (_nanoseconds(snapshot[name]) for name in ("start_time", "end_time"))
            start = begin if start is None else min(start, begin)
            sums = at.setdefault(end, [0, 0])
            for region in snapshot["regions"]:
                size = _plain(region["end"]) - _plain(region["start"])
                sums[0] += int(_number(size, float))
                sums[1] += int(size) if _accesses(region["nr_accesses"]) > 0 else 0
    if start is None:
        raise ValueError("no snapshots")
    intervals = tuple(
        Interval((end - start) / 10**9, monitored // PAGE_SIZE, touched // PAGE_SIZE)
        for end, (monitored, touched) in sorted(at.items())
    )
    return Captured(path, "damo", intervals[-1].seconds / len(intervals), None, intervals)


def _plain(value: Any) -> float:
    """A number, as damo writes it for people or for machines: 1,234."""
    number = float(value.replace(",", "")) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number:
        raise ValueError(f"not a number: {value!r}")
    return number


def _nanoseconds(value: Any) -> float:
    """A time: nanoseconds, or with units: ``1 s 500 ms``."""
    words = value.split() if isinstance(value, str) else []
    if len(words) < 2:
        return _plain(value)
    pairs = zip(words[::2], words[1::2], strict=True)
    return sum(_plain(number) * _NANOSECONDS[unit] for number, unit in pairs)


def _accesses(value: Any) -> float:
    """How often a region was found accessed; in newer records in one of several units."""
    if isinstance(value, Mapping):
        known = (value.get(unit) for unit in ("samples", "percent"))
        value = next(one for one in known if one is not None)
        value = value.removesuffix("%").strip() if isinstance(value, str) else value
    return _plain(value)


def _touched(interval: Interval) -> int:
    """How many pages were touched, as far as they are known."""
    pages = end = 0
    for first, count in sorted((*(interval.touched or ()), *(interval.written or ()))):
        pages += max(first + count - max(first, end), 0)
        end = max(end, first + count)
    return pages


class CaptureTrace:
    """The touches of a capture whose pages are known: each interval's, in an order drawn by lot.

    A page is touched once an interval, and written to where any of its touches wrote.

    :raises TargetError: where it cannot be read, or has counts alone.
    :raises UsageError: where somebody else is to say which touches write.
    """

    def __init__(self, path: str, choices: Choices) -> None:
        self.name = path
        self._choices = choices
        captured = read(path)
        if captured.pages is None:
            what = "regions of memory" if captured.by == "damo" else "pages that were touched"
            raise TargetError(
                path,
                f"has counts of {what}, and not which pages they were: there is nothing to replay",
                f"'ghostswap capture {shell_word(path)}' shows it; for a replay give a trace such"
                " as zipf:0.8@100k",
            )
        # Without what was read, all touches are writes; without what was written, the user may say.
        if choices.rule is not None and captured.intervals[0].written is not None:
            raise UsageError(
                f"{path} says itself which touches write", "leave out what else says that they do"
            )
        self._pages = captured.pages
        self._intervals = captured.intervals
        touches = sum(map(_touched, captured.intervals))
        if not touches:
            raise TargetError(path, "has no touches", "give a trace that has some")
        self.touches: int | None = min(touches, choices.touches or touches)

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        """Start over, as :meth:`Trace.chunks` says."""
        group = self._choices.group
        if self._pages > pages[group]:
            raise TargetError(
                self.name,
                f"is of {self._pages} pages, but the memory has {pages[group]}",
                f"give it as many, such as --pages synthetic:{self._pages}:text",
            )
        marking = start_marking(self._choices)
        touched = islice(self._each(), self.touches)
        while part := list(islice(touched, CHUNK_TOUCHES)):
            numbers = array("I", (page for page, _ in part))
            writes = bytes(writes for _, writes in part)
            yield Touches(group, numbers, marking(numbers) or writes)

    def _each(self) -> Iterator[tuple[int, bool]]:
        """Page by page, and whether it was written to."""
        rng = Random(self._choices.seed_of("capture"))
        for interval in self._intervals:
            marks = self._marks(interval)
            found = array("I", compress(range(self._pages), marks))
            rng.shuffle(found)
            for page in found:
                yield page, marks[page] == _WRITTEN

    def _marks(self, interval: Interval) -> bytearray:
        """By page, what was done to it in *interval*."""
        marks = bytearray(self._pages)
        for runs, mark in ((interval.touched, _READ), (interval.written, _WRITTEN)):
            for first, count in runs or ():
                marks[first : first + count] = bytes((mark,)) * count
        return marks
