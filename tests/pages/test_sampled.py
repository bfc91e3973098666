# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages drawn by lot: of every source the very ones, each with the same chance, nothing else."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import needs_mkswap
from support.children import PRELUDE

from ghostswap.errors import UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source, open_sources
from ghostswap.pages.sampled import SampledSource, Wanted, parse, sample
from ghostswap.pages.source import Source, Why

Spawn = Callable[[str], subprocess.Popen[str]]


def page(number: int) -> bytes:
    return (number + 1).to_bytes(8, "little").ljust(PAGE_SIZE, b"\x5a")


def numbers(source: Source) -> list[int]:
    """The pages of *source*, by the numbers in them, -1 for one of zeros."""
    found = []
    buffer = memoryview(bytearray(16 * PAGE_SIZE))
    while filled := source.readinto(buffer):
        places = range(0, filled, PAGE_SIZE)
        found += [int.from_bytes(buffer[place : place + 8], "little") - 1 for place in places]
    return found


def test_a_file_gives_as_many_pages_as_asked_each_at_most_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"".join(map(page, range(1000))))
    seen: Counter[int] = Counter()
    for seed in range(200):
        with sample(open_source(str(tmp_path / "file")), Wanted(50), seed) as drawn:
            assert isinstance(drawn, SampledSource)
            found = numbers(drawn)
            assert (len(found), drawn.drawn, drawn.population) == (50, 50, 1000)
            assert found == sorted(set(found))
            seen.update(found)
    assert len(seen) == 1000  # 10 times each, by a standard deviation of 3.1
    assert max(seen.values()) < 30
    with sample(open_source(str(tmp_path / "file")), Wanted(50), 0) as drawn:
        again = numbers(drawn)
    with sample(open_source(str(tmp_path / "file")), Wanted(50), 0) as drawn:
        assert numbers(drawn) == again


def test_holes_are_drawn_as_pages_of_zeros_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(b"".join(map(page, range(100))))
        file.truncate(1000 * PAGE_SIZE)
    with sample(open_source(str(tmp_path / "file")), parse("20%")) as drawn:
        found = numbers(drawn)
    assert len(found) == 200
    assert 5 < sum(number >= 0 for number in found) < 40


def test_several_sources_are_drawn_from_as_one(tmp_path: Path) -> None:
    for name, first in (("one", 0), ("other", 300)):
        (tmp_path / name).write_bytes(b"".join(map(page, range(first, first + 300))))
    with sample(open_sources([str(tmp_path / "one"), str(tmp_path / "other")]), Wanted(60)) as both:
        found = numbers(both)
        assert isinstance(both, SampledSource)
        assert both.population == 600
    assert len(found) == 60
    assert 15 < sum(number < 300 for number in found) < 45


def test_a_process_is_drawn_from_where_it_has_pages(spawn: Spawn) -> None:
    child = spawn("""if True:
        m = anonymous(4096)
        fill(m, range(0, 4096, 2))
    """)
    specs = [f"pid:{child.pid}"]
    specs += [] if os.geteuid() else ["host"]
    for spec in specs:
        with sample(open_source(spec), parse("10%")) as drawn:
            assert isinstance(drawn, SampledSource)
            found = numbers(drawn)
            assert abs(len(found) - drawn.drawn) <= drawn.drawn // 50
            assert len(found) == pytest.approx(drawn.population / 10, rel=0.05)
    assert "fill" in PRELUDE


@needs_mkswap
def test_pages_left_for_what_is_in_them_count_for_those_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "area"
    subprocess.run(["truncate", "-s", "8M", path], check=True)
    subprocess.run(["mkswap", path], capture_output=True, check=True)
    with path.open("r+b") as file:
        for number in range(1, 2048):
            file.seek(number * PAGE_SIZE)
            file.write(page(number) if number % 4 else bytes(PAGE_SIZE))
    with sample(open_source(f"swap:{path}"), Wanted(400)) as drawn:
        assert isinstance(drawn, SampledSource)
        found = numbers(drawn)
        assert (drawn.drawn, drawn.population) == (400, 2047)
        assert 260 < len(found) < 340
        left = drawn.account.pages([Why.ZERO])
        assert left == round(Fraction(2047, 400) * (400 - len(found)))


@pytest.mark.parametrize(
    "text", ["", "0", "0%", "101%", "-1", "1e3", "5 %x", "%", "nan%", "1" * 30]
)
def test_what_is_no_sample_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a sample"):
        parse(text)


def test_what_is_small_is_not_drawn_from(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(page(0))
    with open_source(str(tmp_path / "file")) as source:
        assert sample(source) is source
        assert sample(source, Wanted(1)) is source
        assert sample(source, parse("100%")) is source
