# SPDX-License-Identifier: GPL-2.0-or-later
"""Hibernation images are recognised whoever wrote them, and no field is read that is not there."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from shutil import which

import pytest
from conftest import needs_root
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.area.header import suspend
from ghostswap.area.header.explain import Inspection, inspect
from ghostswap.area.header.header import PAGE_SIZES, SWAPSPACE2, Header, parse
from ghostswap.area.header.layout import TUXONICE, ByteOrder
from ghostswap.area.header.suspend import Flag
from ghostswap.area.target.target import open_target

ORDERS: tuple[ByteOrder, ...] = ("little", "big")


def suspended(header: Header, tail: bytes) -> bytes:
    """An area's page after ``mark_swapfiles`` (kernel/power/swap.c) wrote *tail* to its end."""
    page = header.build()
    return page[: len(page) - len(tail)] + tail


def swsusp(
    order: ByteOrder,
    image: int,
    flags: int,
    *,
    orig_sig: bytes = SWAPSPACE2,
    sig: bytes = b"S1SUSPEND\0",
    crc32: int = 0,
    hw_sig: int = 0,
) -> bytes:
    mark = "<" if order == "little" else ">"
    return struct.pack(f"{mark}IIQI10s10s", hw_sig, crc32, image, flags, orig_sig, sig)


def inspected(tmp_path: Path, data: bytes) -> Inspection:
    path = tmp_path / "area"
    path.write_bytes(data)
    with open_target(str(path)) as target:
        return inspect(target)


@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_the_kernels_header_is_read_for_every_page_size_and_byte_order(
    tmp_path: Path, page_size: int, order: ByteOrder
) -> None:
    tail = swsusp(order, 77, Flag.CRC32_MODE | Flag.HW_SIG, crc32=0xABCD, hw_sig=0x1234)
    found = inspected(tmp_path, suspended(Header(page_size, order, 20), tail)).hibernation
    assert found is not None
    assert (found.signature, found.orig_sig) == ("S1SUSPEND", SWAPSPACE2)
    assert found.image_offset == 77 * page_size
    assert (found.crc32, found.hw_sig) == (0xABCD, 0x1234)
    assert found.flags is not None
    assert suspend.flag_names(found.flags) == ["SF_CRC32_MODE", "SF_HW_SIG"]


def test_sums_that_the_flags_do_not_vouch_for_are_not_told(tmp_path: Path) -> None:
    tail = swsusp("little", 1, Flag.NOCOMPRESS_MODE, crc32=1, hw_sig=2)
    found = inspected(tmp_path, suspended(Header(4096, "little", 20), tail))
    assert found.hibernation is not None
    assert (found.hibernation.crc32, found.hibernation.hw_sig) == (None, None)
    meanings = {row.field.name: row.meaning for row in found.fields()}
    assert meanings["crc32"].startswith("not used")


def test_flags_that_no_kernel_has_are_kept_as_a_number() -> None:
    assert suspend.flag_names(Flag(0x101)) == ["SF_PLATFORM_MODE", "0x100"]
    assert suspend.flag_names(Flag(0)) == []


def test_uswsusps_image_is_a_byte_offset_and_it_has_no_flags(tmp_path: Path) -> None:
    tail = struct.pack("<q10s10s", 123456, SWAPSPACE2, b"ULSUSPEND\0")
    found = inspected(tmp_path, suspended(Header(4096, "little", 20), tail)).hibernation
    assert found is not None
    assert (found.image_offset, found.flags, found.orig_sig) == (123456, None, SWAPSPACE2)


def test_tuxonice_is_seen_beside_the_swap_signature_and_without_it(tmp_path: Path) -> None:
    page = Header(4096, "little", 20).build()
    for data in (TUXONICE + page[8:], TUXONICE + bytes(5000)):
        found = inspected(tmp_path, data)
        assert found.hibernation is not None
        assert found.hibernation.signature == "TuxOnIce"
        assert "overwrites" in suspend.consequences(found.hibernation, found.header)["swapon"]


def test_an_area_without_an_image_has_none(tmp_path: Path) -> None:
    assert inspected(tmp_path, Header(4096, "little", 20).build()).hibernation is None


@pytest.mark.parametrize("sig", [b"S1SUSPEND\0", b"LINHIB0001", b"ULSUSPEND\0", b"S2SUSPEND\0"])
def test_the_fields_cover_the_page_once_each(tmp_path: Path, sig: bytes) -> None:
    tail = swsusp("little", 5, 0, sig=sig)
    found = inspected(tmp_path, suspended(Header(4096, "little", 20), tail))
    rows = found.fields()
    assert b"".join(row.raw for row in rows) == found.page
    assert [row.field.offset + row.field.size for row in rows][:-1] == [
        row.field.offset for row in rows
    ][1:]
    assert all(row.meaning for row in rows)


def test_what_becomes_of_the_image_follows_from_its_writer_and_page_size() -> None:
    header = parse(suspended(Header(32768, "little", 20), swsusp("little", 5, 0)))
    kernel = suspend.find(header.build(), header)
    assert kernel is not None
    told = suspend.consequences(kernel, header)
    assert set(told) == {"resume", "swapon", "mkswap"}
    assert "does not look for 32 KiB" in told["swapon"]
    assert "once" in told["resume"]
    old = parse(suspended(Header(4096, "little", 20), swsusp("little", 5, 0, sig=b"LINHIB0001")))
    other = suspend.find(old.build(), old)
    assert other is not None
    assert "no kernel of today" in suspend.consequences(other, old)["resume"]


def test_an_image_that_swapon_knows_and_no_kernel_resumes_from_is_told_so(tmp_path: Path) -> None:
    """S1SUSPEND without its NUL, and the magic of TuxOnIce where the swap signature belongs."""
    for sig, name in ((b"S1SUSPENDx", "S1SUSPEND"), (TUXONICE + b"\1\2", "TuxOnIce")):
        page = suspended(Header(4096, "little", 20), swsusp("little", 5, 0, sig=sig))
        found = inspected(tmp_path, page)
        assert found.hibernation is not None
        assert (found.hibernation.signature, found.hibernation.resumable) == (name, False)
        told = suspend.consequences(found.hibernation, found.header)
        assert told["resume"].startswith("no kernel")
        assert "writes SWAPSPACE2 back" in told["swapon"]


@pytest.mark.parametrize(
    ("start", "sig", "after"),
    [
        (b"", b"S1SUSPEND\0", SWAPSPACE2),
        (b"", b"S2SUSPEND\0", SWAPSPACE2),
        (b"", b"ULSUSPEND\0", SWAPSPACE2),
        (b"", b"LINHIB0001", SWAPSPACE2),
        (b"", b"S1SUSPENDx", SWAPSPACE2),
        (b"", TUXONICE + b"\1\2", SWAPSPACE2),
        (TUXONICE, SWAPSPACE2, SWAPSPACE2),
    ],
)
@needs_root
@pytest.mark.usefixtures("kernel_lock")
def test_swapon_and_mkswap_do_to_an_image_what_is_told(
    tmp_path: Path, start: bytes, sig: bytes, after: bytes
) -> None:
    page = suspended(Header(4096, "little", 99, sws_uuid=b"u" * 16), SWAPSPACE2 + sig)
    data = start + page[len(start) :].ljust(100 * 4096, b"\0")
    told = inspected(tmp_path, data)
    assert told.hibernation is not None
    path = tmp_path / "area"
    path.chmod(0o600)
    attach = ["losetup", "--find", "--show", path]
    done = subprocess.run(attach, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr.strip()}")
    loop = done.stdout.strip()
    try:
        done = subprocess.run(["swapon", loop], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no swap here: {done.stderr.strip()}")
        subprocess.run(["swapoff", loop], check=True)
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)
    written = path.read_bytes()
    assert written[4086:4096] == after
    assert written[: len(start)] == start
    assert inspected(tmp_path, written).header.sws_uuid == b"u" * 16
    assert (inspected(tmp_path, written).hibernation is not None) == bool(start)
    if which("mkswap"):
        path.write_bytes(data)
        subprocess.run(["mkswap", path], check=True, capture_output=True)
        made = inspected(tmp_path, path.read_bytes())
        assert (made.hibernation, made.header.magic) == (None, SWAPSPACE2)
        assert made.header.sws_uuid != b"u" * 16


@given(
    tail=st.binary(max_size=40),
    sig=st.sampled_from(
        [
            b"S1SUSPEND\0",
            b"S1SUSPENDx",
            b"S2SUSPEND\0",
            b"ULSUSPEND\0",
            b"LINHIB0001",
            TUXONICE + b"\0\0",
        ]
    ),
    start=st.sampled_from([b"", TUXONICE]),
    order=st.sampled_from(ORDERS),
)
def test_any_bytes_in_an_images_header_are_told_without_fail(
    tail: bytes, sig: bytes, start: bytes, order: ByteOrder
) -> None:
    page = suspended(Header(4096, order, 20), tail + sig)
    page = start + page[len(start) :]
    header = parse(page)
    found = suspend.find(page, header)
    assert found is not None
    assert all(suspend.consequences(found, header).values())
    if found.flags is not None:
        assert isinstance(suspend.flag_names(found.flags), list)


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_a_page_that_ends_within_its_signature_is_read_all_the_same(page_size: int) -> None:
    """The signature is nine bytes long, and the tenth need not be there."""
    page = suspended(Header(page_size, "little", 20), swsusp("little", 77, 0))
    assert suspend.find(page[:-1], parse(page)) == suspend.find(page, parse(page))
