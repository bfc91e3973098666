# SPDX-License-Identifier: GPL-2.0-or-later
"""The header's bytes: what mkswap wrote is read back, and built again byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import needs_mkswap
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.area.header import header
from ghostswap.area.header.header import Header, NotSwapError

UUID = "4c08e1cd-3c82-46bf-a55b-0c3270d6dfeb"


@needs_mkswap
@pytest.mark.parametrize("page_size", header.PAGE_SIZES)
def test_reads_and_rebuilds_what_mkswap_wrote(tmp_path: Path, page_size: int) -> None:
    area = tmp_path / "area"
    area.write_bytes(bytes(16 * page_size))
    area.chmod(0o600)
    subprocess.run(
        ["mkswap", "-q", "-p", str(page_size), "-U", UUID, "-L", "Größe", area], check=True
    )
    written = area.read_bytes()
    found = header.parse(written)
    assert (found.page_size, found.byte_order, found.version) == (page_size, header.NATIVE, 1)
    assert (found.last_page, found.uuid, found.label) == (15, UUID, "Größe")
    assert found.build() == written[:page_size]


@given(
    page_size=st.sampled_from(header.PAGE_SIZES),
    order=st.sampled_from(["little", "big"]),
    last_page=st.integers(0, 0xFFFFFFFF),
    identity=st.binary(min_size=16, max_size=16),
    volume=st.binary(min_size=16, max_size=16),
    bad=st.lists(st.integers(0, 0xFFFFFFFF), max_size=637),
)
def test_every_header_survives_the_round_trip(
    page_size: int,
    order: header.ByteOrder,
    last_page: int,
    identity: bytes,
    volume: bytes,
    bad: list[int],
) -> None:
    made = Header(
        page_size=page_size,
        byte_order=order,
        last_page=last_page,
        nr_badpages=len(bad),
        sws_uuid=identity,
        sws_volume=volume,
        badpages_raw=header.pack_badpages(bad, order),
    )
    page = made.build()
    assert len(page) == page_size
    found = header.parse(page)
    assert found.build() == page
    assert found.badpages == tuple(bad)
    assert (found.last_page, found.byte_order) == (last_page, order)


@given(st.binary(max_size=5000))
def test_no_bytes_make_the_parser_fail_otherwise_than_by_its_own_error(junk: bytes) -> None:
    if header.find_page_size(junk) is None:
        with pytest.raises(NotSwapError):
            header.parse(junk)
    else:
        assert header.parse(junk).magic in header.SIGNATURES


def test_fields_cover_the_page_without_gaps() -> None:
    fields = list(Header(page_size=4096, byte_order="little", last_page=9).fields())
    ends = [field.offset + field.size for field in fields]
    assert [field.offset for field in fields] == [0, *ends[:-1]]
    assert ends[-1] == 4096
    assert {field.name: field.offset for field in fields}["sws_volume"] == 1052


def test_the_smallest_page_size_with_a_signature_wins() -> None:
    big = Header(page_size=8192, byte_order="little", last_page=9).build()
    both = big[:4086] + header.SWAPSPACE2 + big[4096:]
    assert header.parse(big).page_size == 8192
    assert header.parse(both).page_size == 4096
