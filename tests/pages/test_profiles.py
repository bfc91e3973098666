# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of a profile: what is written is read, and no bytes are anything but an error."""

from __future__ import annotations

import os
import zlib
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import TargetError, UsageError
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS
from ghostswap.pages import open_source
from ghostswap.pages.profiles import MAGIC
from ghostswap.pages.profiles.format import (
    END,
    MOST_COLUMNS,
    START,
    Column,
    Group,
    Profile,
    build,
    parse,
    write,
)
from ghostswap.pages.profiles.source import ProfileSource

WORDS = st.text(max_size=20).filter(lambda text: text.isprintable())
COUNTS = st.integers(0, 1 << 50)
MEASURES = st.one_of(
    st.sampled_from([ZEROS, INCOMPRESSIBLE]),
    st.integers(1, PAGE_SIZE),
    st.integers(SAME + 1, SAME + PAGE_SIZE),
)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    columns = draw(st.lists(st.builds(Column, WORDS, WORDS), min_size=1, max_size=MOST_COLUMNS))
    groups = []
    for _ in range(draw(st.integers(0, 4))):
        kept = draw(st.integers(0, 50))
        drawn = kept + draw(st.integers(0, 50))
        numbers = st.lists(MEASURES, min_size=kept, max_size=kept)
        measures = [array("H", draw(numbers)) for _ in columns]
        left = draw(st.dictionaries(WORDS, COUNTS, max_size=5))
        population = drawn + draw(COUNTS)
        groups.append(Group(draw(WORDS), draw(WORDS), population, drawn, left, measures))
    words = [draw(WORDS) for _ in range(3)]
    return Profile(words[0], words[1], draw(COUNTS), words[2], tuple(columns), groups)


@given(profiles())
def test_what_is_written_is_read(profile: Profile) -> None:
    assert parse("it", build(profile)) == profile


@given(st.binary(max_size=300), profiles(), st.data())
def test_no_bytes_are_more_than_an_error(
    noise: bytes, profile: Profile, data: st.DataObject
) -> None:
    good = build(profile)
    place = data.draw(st.integers(0, len(good) - 1))
    for bad in (
        noise,
        MAGIC + noise,
        good[:place],
        good + noise[:1] * 3,
        good[:place] + bytes([good[place] ^ 1 + len(noise) % 255]) + good[place + 1 :],
    ):
        if bad != good:
            with pytest.raises(TargetError):
                parse("it", bad)


@given(profiles(), st.binary(min_size=1, max_size=40), st.data())
def test_a_checksum_alone_makes_no_profile(
    profile: Profile, noise: bytes, data: st.DataObject
) -> None:
    """Bytes that somebody changed and summed up again are read, or refused; no more happens."""
    good = bytearray(build(profile)[: -END.sizeof()])
    place = data.draw(st.integers(START.sizeof(), len(good)))
    good[place : place + len(noise)] = noise
    start = START.build({"version": 1, "size": len(good) + END.sizeof()})
    good[: len(start)] = start
    bad = bytes(good) + END.build({"crc32": zlib.crc32(good)})
    try:
        found = parse("it", bad)
    except TargetError:
        return
    for group in found.groups:
        assert group.kept <= group.drawn <= group.population
        assert len(group.measures) == len(found.columns)
    assert ProfileSource("it", bad).pages == sum(group.population for group in found.groups)


def simple(pages: int = 1000) -> Profile:
    measures = [array("H", range(pages)) for _ in range(4)]
    left = {"swapped": 7, "of a later version": 3}
    group = Group("", "memory", 5000, pages + 10, left, measures)
    columns = tuple(Column(f"codec-{number}", "") for number in range(4))
    return Profile("6.18.1", "x86_64", 1 << 34, "0", columns, [group])


def test_a_page_takes_twelve_bytes_at_most() -> None:
    profile = simple()
    assert len(build(profile)) < 12 * 1000
    profile.columns += profile.columns[:2]
    with pytest.raises(UsageError, match="1 to 5 columns"):
        build(profile)


def test_a_newer_version_is_refused_in_words() -> None:
    data = bytearray(build(simple()))
    data[len(MAGIC)] = 2
    with pytest.raises(TargetError, match="version 2, and versions up to 1") as caught:
        parse("it", bytes(data))
    assert "newer ghostswap" in caught.value.hint


def test_a_file_is_told_by_its_content_and_has_no_pages_to_read(tmp_path: Path) -> None:
    path = str(tmp_path / "any.name")
    write(path, simple())
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open_source(path) as source:
        assert isinstance(source, ProfileSource)
        assert source.pages == 5000
        assert source.account.counts()["swapped"] == 7
        with pytest.raises(UsageError, match="no pages"):
            source.readinto(memoryview(bytearray(4096)))
        with pytest.raises(UsageError, match="not of lz4"):
            source.column("lz4")


def test_what_is_no_profile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"dear diary")
    with pytest.raises(TargetError, match="is there, and is no profile"):
        write(str(path), simple())
    assert path.read_bytes() == b"dear diary"
    (tmp_path / "one").write_bytes(build(simple(5)))
    write(str(tmp_path / "one"), simple(9))
    assert (tmp_path / "one").read_bytes() == build(simple(9))
    with pytest.raises(TargetError, match="cannot be written"):
        write(str(tmp_path / "nowhere" / "one"), simple())
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["notes", "one"]
