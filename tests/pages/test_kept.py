# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages that are kept are those of the source, and all of it has its chance."""

from __future__ import annotations

from ghostswap import codecs
from ghostswap.codecs.timing import time_codec
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.kept import KeepingSource
from ghostswap.pages.sampled import parse, sample


def kept(spec: str, most: int, share: str = "100%") -> list[bytes]:
    with open_source(spec) as source:
        keeping = KeepingSource(source, most)
        wanted = sample(keeping, parse(share))
        buffer = memoryview(bytearray(64 * PAGE_SIZE))
        while wanted.readinto(buffer):
            pass
    return keeping.kept


def all_of(spec: str) -> list[bytes]:
    with open_source(spec) as source:
        buffer = bytearray((source.pages or 0) * PAGE_SIZE)
        assert source.readinto(memoryview(buffer)) == len(buffer)
    return [bytes(buffer[at : at + PAGE_SIZE]) for at in range(0, len(buffer), PAGE_SIZE)]


def test_pages_of_the_whole_source_are_kept() -> None:
    spec = "synthetic:400:random"
    places = {page: number for number, page in enumerate(all_of(spec))}
    numbers = [places[page] for page in kept(spec, 64)]
    assert len(set(numbers)) == 64
    assert min(numbers) < 100
    assert max(numbers) >= 300


def test_also_those_of_a_sample() -> None:
    assert set(kept("synthetic:400:random", 10, "5%")) <= set(all_of("synthetic:400:random"))


def test_zeros_are_not_kept() -> None:
    assert kept("synthetic:50:zero", 10) == []


def test_a_codec_is_timed_by_pages_that_compress() -> None:
    codec = codecs.get("zstd")
    assert time_codec(codec, kept("synthetic:20:random", 20)) is None
    time = time_codec(codec, kept("synthetic:20:text", 20))
    assert time is not None
    assert time.compress_ns > 0
    assert time.decompress_ns > 0
    assert time.round_trip_us == (time.compress_ns + time.decompress_ns) / 1000
