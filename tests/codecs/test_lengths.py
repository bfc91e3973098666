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
from ghostswap.codecs import REFUSED
from ghostswap.codecs.lengths import SAME, codecs_for, for_zram, for_zswap
from ghostswap.designs.slotted import SAME_FILLED
from ghostswap.kernels import Filled
from ghostswap.study.zram_fill import has_zeromap

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


def zram_sees(name: str, kernel: str, pages: bytes) -> list[int]:
    """What zram's own codec says, behind the zeromap where there is one."""
    row = kernels.get(kernel)
    found = codecs.get(name, kernel, "zram").lengths(pages)
    zero = 0 if has_zeromap(row) else SAME_FILLED
    return [
        length or (SAME_FILLED if any(pages[n * PAGE : (n + 1) * PAGE]) else zero)
        for n, length in enumerate(found)
    ]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("wanted", [("classic",), ("zram",), ("classic", "vswap", "zram")])
def test_each_design_sees_what_its_own_codec_says(
    name: str, kernel: str, wanted: tuple[str, ...]
) -> None:
    pages, row = sample(), kernels.get(kernel)
    several = codecs_for(name, row, wanted)
    found = several.lengths(pages)
    assert len(found) == len(several.of) * len(pages) // PAGE
    part = len(pages) // PAGE

    def measured(who: str) -> array[int]:
        place = several.place_of[who]
        return found[place * part : (place + 1) * part]

    if wanted != ("zram",):
        assert for_zswap(row, measured("zswap")) == codecs.get(name, kernel).lengths(pages)
    if "zram" in wanted:
        assert list(for_zram(row, measured("zram"))) == zram_sees(name, kernel, pages)


@pytest.mark.parametrize("name", CODECS)
def test_pages_are_only_measured_twice_where_the_kernel_compresses_them_two_ways(name: str) -> None:
    """zstd gets another size hint from zswap than from zram, from 6.12 on."""
    for kernel in KERNELS:
        twice = name == "zstd" and kernel in ("6.12", "6.18")
        for wanted, most in ((("classic", "zram"), 2), (("classic", "ghost"), 1), (("zram",), 1)):
            several = codecs_for(name, kernels.get(kernel), wanted)
            assert len(several.of) == (most if twice else 1)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=30, deadline=None)
@given(word=st.binary(min_size=8, max_size=8))
def test_any_word_over_and_over_is_told_apart(name: str, word: bytes) -> None:
    several = codecs_for(name, kernels.get("6.18"), ("classic",))
    (found,) = several.lengths(word * 512)
    (length,) = codecs.get(name, "6.18").lengths(word * 512)
    assert found == (length | SAME if any(word) else 0)
    near = word * 511 + bytes([word[0] ^ 1]) + word[1:]
    assert several.lengths(near)[0] < SAME


@given(st.lists(st.one_of(st.just(REFUSED), st.integers(0, 4096)), max_size=50))
def test_views_leave_no_mark_behind(lengths: list[int]) -> None:
    """Whatever is measured, designs get lengths that their parts know."""
    marked = array("H", (n | SAME if 0 < n <= 128 else n for n in lengths))
    for kernel in map(kernels.get, KERNELS):
        zswap, zram = for_zswap(kernel, marked), for_zram(kernel, marked)
        filled = kernel.zswap_filled is Filled.SAME
        assert list(zswap) == [0 if filled and n <= 128 else n for n in lengths]
        assert all(n <= 4096 for n in zram)
        assert [n == SAME_FILLED for n in zram] == [
            n <= 128 if filled else 0 < n <= 128 for n in lengths
        ]
