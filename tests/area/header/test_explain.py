# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers explained: version 0's bitmap, areas at an offset, and what is no area."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.area.header.explain import Inspection, describe, from_bitmap, inspect
from ghostswap.area.header.header import PAGE_SIZES, SWAP_SPACE, Header, parse
from ghostswap.area.target.target import open_target
from ghostswap.errors import TargetError


def version0(page_size: int, good: set[int]) -> bytes:
    """The page that mkswap of util-linux 2.9 wrote: bit n of byte n / 8 set, page n is good."""
    bitmap = bytearray(page_size - 10)
    for page in good:
        bitmap[page // 8] |= 1 << page % 8
    return bytes(bitmap) + SWAP_SPACE


def inspected(tmp_path: Path, data: bytes, offset: int = 0) -> Inspection:
    path = tmp_path / "area"
    path.write_bytes(data)
    with open_target(str(path)) as target:
        return inspect(target, offset)


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_version_0_tells_its_pages_by_a_bitmap(tmp_path: Path, page_size: int) -> None:
    good = set(range(1, 300)) - {7, 8, 250}
    found = inspected(tmp_path, version0(page_size, good | {0}).ljust(300 * page_size, b"\0"))
    head = found.header
    assert (head.version, head.last_page, head.nr_badpages) == (0, 299, 3)
    assert (head.usable_pages, head.badpages) == (len(good), (7, 8, 250))
    assert found.type == "full"
    assert (head.label, head.uuid) == ("", None)
    assert [(row.field.name, row.field.size) for row in found.fields()] == [
        ("reserved", page_size - 10),
        ("magic", 10),
    ]


@given(st.sets(st.integers(1, (4096 - 10) * 8 - 1)))
def test_version_0_counts_any_bitmap_as_the_kernel_did(good: set[int]) -> None:
    page = version0(4096, good)
    head = from_bitmap(parse(page), page)
    assert head.last_page == max(good, default=0)
    assert head.usable_pages == len(good)


def test_a_header_is_read_at_any_offset(tmp_path: Path) -> None:
    for offset in (1, 10000, 4096, 123456):
        data = bytes(offset) + Header(8192, "big", 5).build().ljust(6 * 8192, b"\0")
        found = inspected(tmp_path, data, offset)
        assert (found.offset, found.size, found.type) == (offset, 6 * 8192, "full")
        assert found.header.page_size == 8192
        assert "offset" in dict(describe(found))


@pytest.mark.parametrize("offset", [5000, 1 << 40, 1 << 63, 1 << 70])
def test_an_offset_behind_the_end_is_refused(tmp_path: Path, offset: int) -> None:
    with pytest.raises(TargetError, match="is not in it: it has 5000 bytes"):
        inspected(tmp_path, bytes(5000), offset)


@given(st.binary(max_size=64), st.integers(0, 3))
def test_every_field_of_any_header_has_a_value_and_a_meaning(junk: bytes, place: int) -> None:
    page = bytearray(Header(4096, "little", 20).build())
    at = (0, 1024, 1200, 4096 - 10 - len(junk))[place]
    page[at : at + len(junk)] = junk
    found = Inspection("x", "file", 0, 4096, 0, 0, 0, 0, "", parse(bytes(page)), bytes(page))
    rows = found.fields()
    assert b"".join(row.raw for row in rows) == bytes(page)
    assert all(row.value and row.meaning for row in rows)
    assert all(text for _, text in describe(found))
