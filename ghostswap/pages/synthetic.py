# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that is made up, not read: so many pages of zeros, of text, of noise, well mixed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from itertools import accumulate
from random import Random

from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import SYNTHETIC
from ghostswap.pages.source import Account
from ghostswap.units import printable

#: As many pages as 32-bit numbers can name.
_MOST_PAGES = 1 << 32
_SHARE = re.compile(r"(?P<kind>[a-z]+)(?:=(?P<percent>[0-9]{1,3}(?:\.[0-9]{1,9})?)%)?")

_POOL_SIZE = 1 << 20
#: From the frequent to the rare.
_LETTERS = "etaoinshrdlucmfwypvbgk"


class SyntheticSource:
    """The pages that *spec* describes, the same ones each time.

    :param spec: ``synthetic:PAGES:KIND=SHARE%,…``; kinds without a share have equal parts of what
        is left. The kinds are ``zero``, ``same`` (one other word of 8 bytes over and over),
        ``text`` (which lz4 compresses to about a third), ``half`` (2048 random bytes, then zeros)
        and ``random``.
    :raises UsageError: where *spec* is none.
    """

    def __init__(self, spec: str) -> None:
        self.name = spec
        self.account = Account("made up")
        number, colon, kinds = spec.removeprefix(SYNTHETIC).partition(":")
        if not re.fullmatch("[0-9]{1,10}", number) or not 1 <= int(number) <= _MOST_PAGES:
            raise UsageError(
                f'not a number of pages: "{printable(number)}" in {_quote(spec)}', _HINT
            )
        self.pages = int(number)
        if not colon:
            raise UsageError(f"no kind of pages in {_quote(spec)}", _HINT)
        self._left = _apportion(self.pages, _parse_shares(kinds))
        self._done = 0
        self._skipped = 0
        self._rng = Random("synthetic pages")

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        todo = min(len(buffer) // PAGE_SIZE, self.pages - self._done - self._skipped)
        for start in range(0, todo * PAGE_SIZE, PAGE_SIZE):
            buffer[start : start + PAGE_SIZE] = self._draw()
        self.account.read += todo
        return todo * PAGE_SIZE

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says.

        Nothing is drawn for them: which ones of all that are left to make are passed over, and
        which are made, comes to the same.
        """
        passed = min(pages, self.pages - self._done - self._skipped)
        self._skipped += passed
        return passed

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        return bool(self.readinto(page[:PAGE_SIZE])) or None

    def weigh(self, weight: Fraction) -> None:
        """None is ever left."""

    def _draw(self) -> bytes:
        """Make the next page, of any that are left to make with the same probability."""
        place = self._rng.randrange(self.pages - self._done)
        ends = zip(self._left, accumulate(self._left.values()), strict=True)
        kind = next(kind for kind, end in ends if place < end)
        self._left[kind] -= 1
        self._done += 1
        return _KINDS[kind](self._rng, self._done)

    def __enter__(self) -> SyntheticSource:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


def _quote(text: str) -> str:
    return f'"{printable(text)}"'


def _parse_shares(text: str) -> dict[str, Fraction]:
    """The share of each kind; all of them are 1."""
    shares: dict[str, Fraction | None] = {}
    for part in text.split(","):
        match = _SHARE.fullmatch(part)
        if match is None or match["kind"] not in _KINDS:
            raise UsageError(f"not a kind of pages: {_quote(part)}", _HINT)
        if match["kind"] in shares:
            raise UsageError(f"pages of {match['kind']} have two shares", "leave out one")
        shares[match["kind"]] = Fraction(match["percent"]) / 100 if match["percent"] else None
    rest = 1 - sum((share for share in shares.values() if share is not None), Fraction())
    open_ended = [kind for kind, share in shares.items() if share is None]
    if rest < 0 or (rest > 0 and not open_ended):
        percent = float((1 - rest) * 100)
        raise UsageError(f"the shares in {_quote(text)} are {percent:g}%, not 100%", _HINT)
    each = rest / max(1, len(open_ended))
    return {kind: each if share is None else share for kind, share in shares.items()}


def _apportion(pages: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Whole pages, *pages* in all: those whose share was cut the most get one more."""
    exact = {kind: share * pages for kind, share in shares.items()}
    whole = {kind: int(count) for kind, count in exact.items()}
    by_rest = sorted(exact, key=lambda kind: exact[kind] - whole[kind], reverse=True)
    for kind in by_rest[: pages - sum(whole.values())]:
        whole[kind] += 1
    return whole


@cache
def _text_pool() -> bytes:
    """Sentences of a few words that come again and again, as in a log."""
    rng = Random("synthetic text")
    weights = range(len(_LETTERS), 0, -1)
    words = ["".join(rng.choices(_LETTERS, weights, k=rng.randint(2, 10))) for _ in range(100)]
    sentences = [" ".join(rng.choices(words, k=4)) for _ in range(60)]
    return "\n".join(rng.choices(sentences, k=_POOL_SIZE // 16)).encode()[:_POOL_SIZE]


def _same(rng: Random, _: int) -> bytes:
    return rng.randrange(1, 1 << 64).to_bytes(8, "little") * (PAGE_SIZE // 8)


def _text(rng: Random, number: int) -> bytes:
    pool = _text_pool()
    heading = b"%d\n" % number  # no two pages are equal
    start = rng.randrange(len(pool) - PAGE_SIZE)
    return heading + pool[start : start + PAGE_SIZE - len(heading)]


#: Makes a page of a kind, given its number from 1.
_KINDS: dict[str, Callable[[Random, int], bytes]] = {
    "zero": lambda _, __: bytes(PAGE_SIZE),
    "same": _same,
    "text": _text,
    "half": lambda rng, _: rng.randbytes(PAGE_SIZE // 2).ljust(PAGE_SIZE, b"\0"),
    "random": lambda rng, _: rng.randbytes(PAGE_SIZE),
}
_HINT = (
    "write synthetic:20000:zero=10%,text=60%,random=30%; "
    f"kinds are {', '.join(_KINDS)}, their shares 100% together"
)
