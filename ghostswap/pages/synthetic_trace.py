# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces that are drawn, not recorded: zipf, uniform, hot and cold, scans and loops, in phases."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain, compress, repeat
from math import floor
from operator import not_
from random import Random
from typing import NamedTuple

from ghostswap.errors import UsageError
from ghostswap.pages.touches import (
    CHUNK_TOUCHES,
    DEFAULT_TOUCHES,
    Choices,
    Touches,
    start_marking,
)
from ghostswap.units import printable

#: What a phase may be, for hints.
PHASES = (
    "a phase is zipf:0.8, uniform, scan, loop:20%, loop:5000 or hot:10%:90%; "
    "@100k or @1M says how many touches; commas join phases"
)

#: Gives the pages of the next touches, as many as asked for.
_Draw = Callable[[int], "array[int]"]
#: Prepares them for a memory: *pages, rng, scatter*, the last a seed to scatter hot pages by.
_Start = Callable[[int, Random, str], _Draw]

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_PART = rf"(?:{_NUMBER}%|[0-9]{{1,12}})"
_COUNT = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)(?P<unit>[kKmM]?)")
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


class _Phase(NamedTuple):
    start: _Start
    touches: int


class SyntheticTrace:
    """The trace that *spec* describes.

    Whatever its phases, the pages that zipf and hot touch most are the same ones.

    :param spec: phases joined by commas; see :data:`PHASES`.
    :raises UsageError: where *spec* is none.
    """

    def __init__(self, spec: str, choices: Choices) -> None:
        self.name = spec
        self._choices = choices
        touches = DEFAULT_TOUCHES if choices.touches is None else choices.touches
        self._phases = [_parse_phase(text, touches) for text in spec.split(",")]
        self.touches: int = sum(phase.touches for phase in self._phases)

    def chunks(self, pages: Sequence[int]) -> Iterator[Touches]:
        """Start over, as :meth:`Trace.chunks` says."""
        own = pages[self._choices.group]
        if own < 1:
            raise UsageError(f"{self.name}: there is no page to touch", "give the memory pages")
        rng = Random(self._choices.seed_of("pages"))
        mark = start_marking(self._choices)
        for phase in self._phases:
            draw = phase.start(own, rng, self._choices.seed_of("scatter"))
            for done in range(0, phase.touches, CHUNK_TOUCHES):
                numbers = draw(min(CHUNK_TOUCHES, phase.touches - done))
                yield Touches(self._choices.group, numbers, mark(numbers))


def is_synthetic(spec: str) -> bool:
    """Whether *spec* starts as a synthetic trace does."""
    return re.split("[:@,]", spec, maxsplit=1)[0] in _KINDS


def _parse_phase(text: str, touches: int) -> _Phase:
    body, at, count = text.partition("@")
    kind, _, parameters = body.partition(":")
    if kind not in _KINDS:
        raise UsageError(f'unknown phase of a trace: "{printable(text)}"', PHASES)
    accepted, build = _KINDS[kind]
    match = re.fullmatch(accepted, parameters)
    if match is None or body.endswith(":"):
        raise UsageError(f'not a {kind} phase of a trace: "{printable(text)}"', PHASES)
    return _Phase(build(*match.groups()), _parse_count(count) if at else touches)


def _parse_count(text: str) -> int:
    match = _COUNT.fullmatch(text)
    if match:
        count = Fraction(match["number"]) * _UNITS[match["unit"].lower()]
        if count >= 1 and count.denominator == 1:
            return count.numerator
    hint = "write it as 20000, 100k or 1.5M, and at least one"
    raise UsageError(f'not a number of touches: "{printable(text)}"', hint)


def _parse_share(text: str) -> float:
    """Parse a percentage, the sign left off or not, to a share of 1."""
    percent = float(text.removesuffix("%"))
    if not 0 < percent <= 100:
        raise UsageError(f"not a share: {text}", "give a percentage above 0%, at most 100%")
    return percent / 100


def _parse_part(text: str) -> Callable[[int], int]:
    """Parse what part of a memory is meant; gives how many pages of *pages* that is."""
    if text.endswith("%"):
        share = _parse_share(text)
        return lambda pages: max(1, round(pages * share))
    part = int(text)
    if not part:
        raise UsageError("0 pages are no part of memory", "give at least one page, or 20%")

    def of(pages: int) -> int:
        if part > pages:
            raise UsageError(
                f"the trace wants {part} pages, but the memory has {pages}",
                "give the part as a percentage of the memory, such as 20%",
            )
        return part

    return of


# The kinds of phases


def _uniform() -> _Start:
    def start(pages: int, rng: Random, _: str) -> _Draw:
        return lambda count: array("I", rng.choices(range(pages), k=count))

    return start


def _loop(part: str) -> _Start:
    pages_of = _parse_part(part)

    def start(pages: int, _: Random, __: str) -> _Draw:
        length = pages_of(pages)
        position = 0

        def draw(count: int) -> array[int]:
            nonlocal position
            numbers = array("I")
            while missing := count - len(numbers):
                end = min(length, position + missing)
                numbers.extend(range(position, end))
                position = end % length
            return numbers

        return draw

    return start


def _zipf(exponent: str) -> _Start:
    power = -float(exponent)
    return _weighted(lambda pages: (rank**power for rank in range(1, pages + 1)))


def _hot(part: str, share: str) -> _Start:
    pages_of, hot_share = _parse_part(part), _parse_share(share)

    def weights(pages: int) -> Iterator[float]:
        hot = pages_of(pages)
        cold = pages - hot
        return chain(repeat(hot_share / hot, hot), repeat((1 - hot_share) / (cold or 1), cold))

    return _weighted(weights)


_KINDS: dict[str, tuple[str, Callable[..., _Start]]] = {
    "zipf": (rf"({_NUMBER})", _zipf),
    "uniform": ("", _uniform),
    "scan": ("", lambda: _loop("100%")),
    "loop": (rf"({_PART})", _loop),
    "hot": (rf"({_PART}):({_NUMBER}%)", _hot),
}


def _weighted(weights_of: Callable[[int], Iterator[float]]) -> _Start:
    """Touch by chance, each page with the probability that its weight gives it."""

    @lru_cache(maxsize=1)  # a second a million pages, the same in each run
    def table(pages: int, scatter: str) -> tuple[array[float], array[int]]:
        weights = array("d", weights_of(pages))
        Random(scatter).shuffle(weights)
        return weights, make_alias_table(weights)

    def start(pages: int, rng: Random, scatter: str) -> _Draw:
        weights, alias = table(pages, scatter)
        random = rng.random

        def draw(count: int) -> array[int]:
            # The whole part of a draw names a column, the rest a place in it.
            numbers = [
                column if (place := random() * pages) < weights[column := floor(place)]
                else alias[column]
                for _ in repeat(None, count)
            ]  # fmt: skip
            return array("I", numbers)

        return draw

    return start


def make_alias_table(weights: array[float]) -> array[int]:
    """Turn *weights*, of type ``d``, into a table to draw from in one step (A. J. Walker, 1974).

    Of ``len(weights)`` columns, all as likely, column *i* belongs to *i* up to where *weights* says
    when this returns, between *i* and *i* + 1, and the rest of it to the other that is returned
    for *i*. That is 12 bytes a page, and every probability is kept to within what rounding adds up
    to, ``len(weights) * 2**-52``: for a million pages 2**-32 at worst, and nearer 2**-40.

    :return: the other of each column, of type ``I``.
    """
    scale = len(weights) / sum(weights)
    is_heavy = bytearray(len(weights))  # more than a column's worth
    for column, weight in enumerate(weights):
        weights[column] = share = weight * scale
        is_heavy[column] = share > 1
    alias = array("I", range(len(weights)))
    heavies = compress(range(len(weights)), is_heavy)
    heavy = next(heavies, None)
    for light in compress(range(len(weights)), map(not_, is_heavy)):
        if heavy is None:  # all weigh the same
            weights[light] = light + 1
            continue
        alias[light] = heavy
        weights[heavy] -= 1 - weights[light]
        weights[light] += light
        # One that has given away too much is a light one itself.
        while weights[heavy] <= 1 and (following := next(heavies, None)) is not None:
            alias[heavy] = following
            weights[following] -= 1 - weights[heavy]
            weights[heavy] += heavy
            heavy = following
    while heavy is not None:  # what rounding has left over
        weights[heavy] = heavy + 1
        heavy = next(heavies, None)
    return alias
