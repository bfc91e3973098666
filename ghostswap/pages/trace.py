# SPDX-License-Identifier: GPL-2.0-or-later
"""From what a user writes to the trace that it means."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from ghostswap.errors import UsageError
from ghostswap.pages.interleave import interleave
from ghostswap.pages.synthetic_trace import PHASES, SyntheticTrace, is_synthetic
from ghostswap.pages.touches import Choices, Touches, Trace
from ghostswap.pages.trace_files import ORACLE_GENERAL, U32, CsvTrace, RecordTrace
from ghostswap.units import printable

__all__ = ["Touches", "Trace", "interleave", "open_trace", "split_spec"]


def _capture(path: str, choices: Choices) -> Trace:
    from ghostswap.pages.captured import CaptureTrace  # most traces are none

    return CaptureTrace(path, choices)


_OPENERS: dict[str, Callable[[str, Choices], Trace]] = {
    "u32": partial(RecordTrace, layout=U32),
    "csv": CsvTrace,
    "oracle": partial(RecordTrace, layout=ORACLE_GENERAL),
    "trace": _capture,
}
_SUFFIXES = {
    ".u32": "u32",
    ".csv": "csv",
    ".oracleGeneral": "oracle",
    ".oracleGeneral.bin": "oracle",
    ".trace": "trace",
    ".data": "trace",  # damo's, and perf's: who reads it says what of it is missing
}
_FILES = (
    "a file ends in .u32, .csv or .oracleGeneral, or has u32:, csv: or oracle: before its path; "
    "u32:- is standard input; of 'ghostswap capture' it ends in .trace, or has trace: before"
)


def open_trace(
    spec: str,
    *,
    touches: int | None = None,
    write_ratio: float | None = None,
    writes: Literal["odd"] | None = None,
    seed: int = 0,
    group: int = 0,
) -> Trace:
    """Open the trace that *spec* names.

    :param spec: ``zipf:0.8``, ``uniform``, ``scan``, ``loop:20%``, ``loop:5000`` (pages) or
        ``hot:10%:90%`` (of the pages, of the touches), each with ``@N`` touches or without, and
        several joined by commas; or a recorded one: ``FILE.u32``, ``FILE.csv``,
        ``FILE.oracleGeneral``, or ``u32:``, ``csv:`` or ``oracle:`` and a path or ``-``; or one of
        ``ghostswap capture``, ``FILE.trace``, or ``trace:`` and its path.
    :param touches: how many a phase makes that does not say (one million by default), and the
        most that are read of a file.
    :param write_ratio: share of the touches that write.
    :param writes: ``odd`` where those of odd pages do, after they read.
    :param seed: of all that is left to chance; each group has its own chance.
    :param group: whose touches they are, where a file does not say.
    :raises UsageError: where *spec* or a number is none.
    :raises TargetError: where a file cannot be read or is not whole.
    """
    if touches is not None and touches < 1:
        raise UsageError(f"not a number of touches: {touches}", "give one touch at least")
    if write_ratio is not None and not 0 <= write_ratio <= 1:
        raise UsageError(f"not a share of writes: {write_ratio}", "give a number from 0 to 1")
    if write_ratio is not None and writes is not None:
        raise UsageError("both a share of writes and odd pages are given", "leave out one")
    choices = Choices(touches, write_ratio if writes is None else writes, seed, group)
    kind, path = split_spec(spec)
    if kind:
        if not path:
            raise UsageError(f'"{kind}:" names no file', _FILES)
        return _OPENERS[kind](path, choices)
    if is_synthetic(spec):
        return SyntheticTrace(spec, choices)
    raise UsageError(f'unknown trace: "{printable(spec)}"', f"{_FILES}; {PHASES}")


def split_spec(spec: str) -> tuple[str, str]:
    """The format and the path of the file that *spec* names; the format is ``""`` for none."""
    prefix, colon, path = spec.partition(":")
    if colon and prefix in _OPENERS:
        return prefix, path
    kinds = (kind for suffix, kind in _SUFFIXES.items() if spec.endswith(suffix))
    return next(kinds, ""), spec
