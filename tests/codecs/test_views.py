# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that pages are measured once: each design gets of it what its own codec would say."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.corpora import ladder, text

from ghostswap import codecs, kernels
from ghostswap.codecs.views import for_zram, for_zswap
from ghostswap.page import INCOMPRESSIBLE, SAME, ZEROS
from ghostswap.study.memory import Codecs

PAGE = 4096
CODECS = codecs.names()
KERNELS = kernels.RELEASES


def odd_pages() -> bytes:
    """Zeros, words over and over, and what just misses being that."""
    rng = random.Random(5)
    words = [
        b"\0\0\0\0\0\0\0\1",
        b"\1\0\0\0\0\0\0\0",
        b"\xff" * 8,
        *(rng.randbytes(8) for _ in "abc"),
    ]
    pages = [bytes(PAGE), *(word * 512 for word in words)]
    for word in words:
        near = bytearray(word * 512)
        near[-1] ^= 1
        pages.append(bytes(near))
        near = bytearray(word * 512)
        near[0] ^= 1
        pages.append(bytes(near))
    pages += [bytes(PAGE - 1) + b"\1", b"\1" + bytes(PAGE - 1), b"abc" * 1365 + b"a"]
    pages += [rng.randbytes(PAGE) for _ in range(4)]
    return b"".join(pages)


def sample() -> bytes:
    rungs = ladder()
    return (
        odd_pages()
        + b"".join(rungs[n * PAGE : (n + 1) * PAGE] for n in range(0, 2048, 16))
        + text()[: 64 * PAGE]
    )


@pytest.mark.parametrize("name", CODECS)
def test_a_measure_says_what_a_page_is_and_what_it_compresses_to(name: str) -> None:
    pages = sample()
    codec = codecs.get(name, "6.18")
    limit = PAGE - 1 if name == "deflate" else PAGE
    for number, (found, raw) in enumerate(
        zip(codec.measure(pages), codec.raw_lengths(pages), strict=True)
    ):
        page = pages[number * PAGE : (number + 1) * PAGE]
        if page == bytes(PAGE):
            assert found == ZEROS
        elif page == page[:8] * 512:
            assert found == SAME + raw
        else:
            assert found == (raw if raw <= limit else INCOMPRESSIBLE)


@pytest.mark.parametrize("name", CODECS)
def test_pages_are_only_measured_twice_where_the_kernel_compresses_them_two_ways(name: str) -> None:
    """zstd gets another size hint from zswap than from zram, from 6.12 on."""
    for kernel in KERNELS:
        zstd = kernels.get(kernel).zstd
        twice = name == "zstd" and zstd.zswap_hint != zstd.zram_hint
        assert not twice or kernel not in ("6.1", "6.6")
        for wanted, most in ((("classic", "zram"), 2), (("classic", "ghost"), 1), (("zram",), 1)):
            found = Codecs.wanted(name, kernel, wanted)
            assert len(found.of) == (most if twice else 1)
            if "zram" in wanted:
                assert found.of[found.zram] == codecs.get(name, kernel, "zram")
            if wanted != ("zram",):
                assert found.of[found.zswap] == codecs.get(name, kernel)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=30, deadline=None)
@given(word=st.binary(min_size=8, max_size=8))
def test_any_word_over_and_over_is_told_apart(name: str, word: bytes) -> None:
    codec = codecs.get(name, "6.18")
    (found,), (length,) = codec.measure(word * 512), codec.raw_lengths(word * 512)
    assert found == (SAME + length if any(word) else ZEROS)
    near = word * 511 + bytes([word[0] ^ 1]) + word[1:]
    assert codec.measure(near)[0] < SAME


@given(st.lists(st.one_of(st.just(INCOMPRESSIBLE), st.integers(0, 4096)), max_size=50))
def test_views_leave_no_mark_behind(lengths: list[int]) -> None:
    """Whatever is measured, designs get numbers that their parts know."""
    marked = array("H", (n | SAME if 0 < n <= 128 else n for n in lengths))
    for kernel in map(kernels.get, KERNELS):
        zswap, zram = for_zswap(kernel, marked), for_zram(kernel, marked)
        old = not kernel.swap.zeromap
        assert old is kernel.zswap.same_filled
        assert list(zswap) == [SAME if old and n <= 128 else n for n in lengths]
        assert all(n <= 4096 for n in zram if n != SAME)
        assert [n == SAME for n in zram] == [n <= 128 if old else 0 < n <= 128 for n in lengths]
