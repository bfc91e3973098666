# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that memory which is made up is what was asked for, page for page, again and again."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.synthetic import SyntheticSource

ReadAll = Callable[..., list[bytes]]
KINDS = ("zero", "same", "text", "half", "random")


def read(spec: str) -> list[bytes]:
    buffer = memoryview(bytearray(64 * PAGE_SIZE))
    pages: list[bytes] = []
    with open_source(spec) as source:
        while got := source.readinto(buffer):
            pages += [bytes(buffer[at : at + PAGE_SIZE]) for at in range(0, got, PAGE_SIZE)]
    return pages


def kind_of(page: bytes) -> str:
    if not any(page):
        return "zero"
    if page == page[:8] * (PAGE_SIZE // 8):
        return "same"
    if page.isascii():
        return "text"
    return "random" if any(page[PAGE_SIZE // 2 :]) else "half"


def test_each_kind_has_its_share() -> None:
    found = Counter(map(kind_of, read("synthetic:1000:zero=10%,same=5.5%,text=50%,half,random")))
    assert found == {"zero": 100, "same": 55, "text": 500, "half": 173, "random": 172}


@given(pages=st.integers(1, 60), percents=st.lists(st.integers(0, 100), min_size=1, max_size=4))
def test_shares_are_kept_to_the_page(pages: int, percents: list[int]) -> None:
    """Whole pages, one more or less than the share at most, and none lost or made up."""
    percents = [percent * 100 // max(1, sum(percents)) for percent in percents]
    percents[0] += 100 - sum(percents)
    shares = dict(zip(KINDS, percents, strict=False))
    spec = ",".join(f"{kind}={percent}%" for kind, percent in shares.items())
    found = Counter(map(kind_of, read(f"synthetic:{pages}:{spec}")))
    assert found.total() == pages
    for kind, percent in shares.items():
        assert abs(found[kind] - Fraction(percent, 100) * pages) < 1


@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_a_kind_are_what_the_kind_says(kind: str) -> None:
    pages = read(f"synthetic:300:{kind}")
    assert {kind_of(page) for page in pages} == {kind}
    assert len(set(pages)) == (1 if kind == "zero" else 300)
    assert all(len(page) == PAGE_SIZE for page in pages)


def test_kinds_compress_in_their_order() -> None:
    """Zeros and words to almost nothing, text well, half to a half, noise not at all."""
    sizes = [
        sum(len(zlib.compress(page)) for page in read(f"synthetic:50:{kind}")) for kind in KINDS
    ]
    assert sizes == sorted(sizes)
    zero, same, text, half, noise = (size / (50 * PAGE_SIZE) for size in sizes)
    assert zero < 0.02
    assert same < 0.02
    assert 0.15 < text < 0.45
    assert 0.5 < half < 0.55
    assert noise > 1


def test_kinds_are_mixed() -> None:
    """A tenth of the memory is much like the whole: 500 of 1000 are text, at most 6 sigma off."""
    kinds = [kind_of(page) for page in read("synthetic:10000:text=50%,random=50%")]
    for start in range(0, 10000, 1000):
        assert abs(kinds[start : start + 1000].count("text") - 500) < 6 * 16


def test_memory_is_the_same_each_time_however_it_is_read(read_all: ReadAll) -> None:
    spec = "synthetic:333:zero=20%,text=40%,half,random"
    assert read(spec) == read_all(SyntheticSource(spec), 7) == read_all(SyntheticSource(spec), 512)


def test_it_is_a_source_like_others() -> None:
    source = SyntheticSource("synthetic:5:random")
    assert (source.name, source.pages) == ("synthetic:5:random", 5)
    assert source.account.left == []


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("synthetic:", 'not a number of pages: ""'),
        ("synthetic:x:zero", 'not a number of pages: "x"'),
        ("synthetic:0:zero", 'not a number of pages: "0"'),
        ("synthetic:-1:zero", 'not a number of pages: "-1"'),
        ("synthetic:\u0661:zero", "not a number of pages"),
        ("synthetic:4294967297:zero", "not a number of pages"),
        (f"synthetic:{'9' * 5000}:zero", "not a number of pages"),
        ("synthetic:5", "no kind of pages"),
        ("synthetic:5:", 'not a kind of pages: ""'),
        ("synthetic:5:zeros", 'not a kind of pages: "zeros"'),
        ("synthetic:5:zero,", 'not a kind of pages: ""'),
        ("synthetic:5:zero=10", 'not a kind of pages: "zero=10"'),
        ("synthetic:5:zero=-10%,text", 'not a kind of pages: "zero=-10%"'),
        ("synthetic:5:ze\x1bro", r'not a kind of pages: "ze\\x1bro"'),
        ("synthetic:5:zero,zero", "pages of zero have two shares"),
        ("synthetic:5:zero=60%,text=60%", "are 120%, not 100%"),
        ("synthetic:5:zero=60%,text=39.5%", "are 99.5%, not 100%"),
        ("synthetic:5:zero=60%,text=60%,half", "are 120%, not 100%"),
    ],
)
def test_nonsense_is_a_usage_error(spec: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        open_source(spec)
    assert caught.value.hint
