# SPDX-License-Identifier: GPL-2.0-or-later
"""Changing label and UUID changes those bytes of an area, and no byte beside them."""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.area.header.explain import Inspection, inspect
from ghostswap.area.header.header import PAGE_SIZES, SIGNATURES, SWAP_SPACE, Header
from ghostswap.area.header.layout import TUXONICE, ByteOrder
from ghostswap.area.make import relabel
from ghostswap.area.target.target import Target, open_target
from ghostswap.errors import TargetError

UUID = bytes(range(1, 17))
#: Where the two lie, by ``union swap_header``: after boot bits and three numbers.
SWS_UUID = slice(1036, 1052)
SWS_VOLUME = slice(1052, 1068)

HEADERS = st.builds(
    Header,
    page_size=st.sampled_from(PAGE_SIZES),
    byte_order=st.sampled_from(["little", "big"]),
    last_page=st.integers(1, 0xFFFFFFFF),
    nr_badpages=st.integers(0, 1000),
    sws_uuid=st.binary(min_size=16, max_size=16),
    sws_volume=st.binary(min_size=16, max_size=16),
    magic=st.sampled_from([magic for magic in SIGNATURES if magic != SWAP_SPACE]),
    bootbits=st.sampled_from([bytes(1024), TUXONICE.ljust(1024, b"\xff")]),
    version=st.just(1),
    badpages_raw=st.just(b""),
    padding=st.sampled_from([bytes(468), bytes(range(234)) * 2]),
)


def find(target: Target, offset: int = 0) -> Inspection:
    found = inspect(target, offset)
    relabel.check(found)
    return found


def changed(target: Target, offset: int = 0, **names: bytes) -> None:
    relabel.change(target, find(target, offset), **names)


@settings(deadline=None)
@given(
    head=HEADERS,
    offset=st.sampled_from([0, 512, 10000]),
    data=st.sampled_from([0, 3, 65536]),
    uuid=st.none() | st.binary(min_size=16, max_size=16),
    label=st.none() | st.binary(max_size=15),
)
def test_only_what_was_asked_for_changes_whatever_the_area(
    head: Header, offset: int, data: int, uuid: bytes | None, label: bytes | None
) -> None:
    if uuid is None and label is None:
        label = b"x"
    before = os.urandom(offset) + head.build() + os.urandom(data)
    with tempfile.NamedTemporaryFile() as file:
        file.write(before)
        file.flush()
        with open_target(file.name, write=True) as target:
            told = relabel.change(target, find(target, offset), label=label, uuid=uuid)
            assert told == inspect(target, offset)
        expected = bytearray(before)
        for place, new in ((SWS_UUID, uuid), (SWS_VOLUME, label)):
            if new is not None:
                expected[offset + place.start : offset + place.stop] = new.ljust(16, b"\0")
        assert Path(file.name).read_bytes() == expected


@pytest.mark.parametrize("names", [{"label": b"x"}, {"uuid": UUID}, {"label": b"x", "uuid": UUID}])
def test_there_is_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, bytes]
) -> None:
    path = tmp_path / "area"
    path.write_bytes(Header(4096, "little", 100).build())
    writes = []
    pwrite = os.pwrite

    def noting(fd: int, data: bytes, offset: int) -> int:
        writes.append((offset, len(data)))
        return pwrite(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", noting)
    with open_target(str(path), write=True) as target:
        changed(target, **names)
    offset = SWS_UUID.start if "uuid" in names else SWS_VOLUME.start
    assert writes == [(offset, 16 * len(names))]


def test_a_disk_error_puts_both_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "area"
    before = Header(4096, "little", 100, sws_uuid=UUID, sws_volume=b"old".ljust(16, b"\0")).build()
    path.write_bytes(before)
    fsync, failures = os.fsync, [OSError(5, "no luck")]

    def failing_once(fd: int) -> None:
        if failures:
            raise failures.pop()
        fsync(fd)

    monkeypatch.setattr(os, "fsync", failing_once)
    with (
        open_target(str(path), write=True) as target,
        pytest.raises(TargetError, match="Input/output error"),
    ):
        changed(target, label=b"new", uuid=bytes(16))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("area", "said"),
    [
        (b"", "is empty"),
        (bytes(4095), "too short"),
        (bytes(65536), "not a swap area"),
        (Header(4096, "little", 10, version=2).build(), "version 2; only version 1 has label"),
        (b"\xff".ljust(4086, b"\0") + SWAP_SPACE, "version 0; only version 1 has label"),
        (Header(4096, "little", 0).build(), "its last_page is 0"),
    ],
)
def test_what_has_no_label_is_named_and_left_alone(tmp_path: Path, area: bytes, said: str) -> None:
    path = tmp_path / "area"
    path.write_bytes(area)
    with (
        open_target(str(path), write=True) as target,
        pytest.raises(TargetError, match=said),
    ):
        find(target)
    assert path.read_bytes() == area


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize(
    ("word", "size", "hidden"),
    [
        (31, 40960, False),
        (32, 40960, True),
        (33, 40960, True),
        (34, 40960, False),
        (32, 4096, False),
    ],
)
def test_names_that_libblkid_does_not_believe_are_hidden(
    tmp_path: Path, order: ByteOrder, word: int, size: int, hidden: bool
) -> None:
    padding = bytearray(117 * 4)
    struct.pack_into("<I", padding, 4 * word, 1)
    head = Header(4096, order, 9, sws_volume=b"x".ljust(16, b"\0"), padding=bytes(padding))
    path = tmp_path / "area"
    path.write_bytes(head.build().ljust(size, b"\0"))
    with open_target(str(path), write=True) as target:
        found = find(target)
        assert relabel.is_hidden(found) is hidden
        # Where there is nothing to show, nothing is hidden.
        assert not relabel.is_hidden(relabel.change(target, found, label=b"", uuid=bytes(16)))
