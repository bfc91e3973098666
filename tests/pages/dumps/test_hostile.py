# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that what claims to be a dump is read in bounded time, or refused in one sentence."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cores import Load, make_core, make_file_note, make_note

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.source import Account, Why

HUGE = (1 << 64) - PAGE_SIZE


def page(number: int) -> bytes:
    return (b"ghost%08d" % number).ljust(PAGE_SIZE, b".")


def read(content: bytes, folder: Path) -> tuple[list[bytes], Account]:
    """All pages of a file with that content."""
    path = folder / "dump"
    path.write_bytes(content)
    buffer = memoryview(bytearray(16 * PAGE_SIZE))
    pages = []
    with open_source(str(path)) as source:
        while got := source.readinto(buffer):
            pages += [bytes(buffer[at : at + PAGE_SIZE]) for at in range(0, got, PAGE_SIZE)]
        assert source.account.read == len(pages)
        return pages, source.account


def test_sizes_near_the_end_of_all_numbers_are_counted_and_not_walked(tmp_path: Path) -> None:
    loads = [
        Load(0x10000, page(1)),
        Load(0x20000, b"", filesz=HUGE, memsz=HUGE),
        Load(0x30000, b"", filesz=PAGE_SIZE, offset=HUGE),
        Load(0x40000, b"", filesz=HUGE, offset=HUGE),
        Load(0x50000, b"", filesz=0, memsz=HUGE),
    ]
    pages, account = read(make_core(loads), tmp_path)
    assert pages == [page(1)]
    assert account.pages([Why.TRUNCATED]) + account.pages([Why.OVERLAPPING]) >= HUGE // PAGE_SIZE
    assert account.pages([Why.UNDUMPED]) == HUGE // PAGE_SIZE


def test_no_byte_is_read_twice_however_often_it_is_claimed(tmp_path: Path) -> None:
    place = len(make_core([Load(0, b"")] * 1001))
    memory = b"".join(page(number) for number in range(200))
    loads = [Load(0x10000, memory)]
    loads += [Load(n << 32, b"", offset=place, filesz=len(memory)) for n in range(1, 1001)]
    pages, account = read(make_core(loads), tmp_path)
    assert pages == [page(number) for number in range(200)]
    assert account.pages([Why.OVERLAPPING]) == 200 * 1000


def test_segments_that_overlap_in_part_and_begin_inside_pages(tmp_path: Path) -> None:
    place = len(make_core([Load(0, b"")] * 3))
    memory = b"".join(page(number) for number in range(4))
    loads = [
        Load(0x10000, memory, filesz=2 * PAGE_SIZE),
        Load(0x20000, b"", offset=place + PAGE_SIZE, filesz=2 * PAGE_SIZE),
        Load(0x30000 + 0x800, b"", offset=place + 2 * PAGE_SIZE + 0x800, filesz=0x1800),
    ]
    pages, account = read(make_core(loads), tmp_path)
    assert pages == [page(number) for number in range(4)]
    assert account.pages([Why.OVERLAPPING]) == 1
    assert account.pages([Why.UNREADABLE]) == 1


def test_many_headers_are_read_and_a_billion_refused(tmp_path: Path) -> None:
    content = bytearray(make_core([Load(0x10000, page(1))]))
    content[56:58] = b"\xff\xff"  # e_phnum: see the first section header
    content[40:48] = struct.pack("<Q", len(content))
    section = struct.Struct("<2I4Q2I")
    count = 1 << 18
    with pytest.raises(TargetError, match="claims 1073741824 program headers"):
        read(bytes(content) + section.pack(*bytes(7), 1 << 30), tmp_path)
    content[32:40] = struct.pack("<Q", len(content) + section.size)
    row = struct.pack("<2I6Q", 1, 6, 0, 0, 0, 0, PAGE_SIZE, 0)
    last = struct.pack("<2I6Q", 1, 6, len(content) - PAGE_SIZE, 0x10000, 0, *[PAGE_SIZE] * 3)
    whole = bytes(content) + section.pack(*bytes(7), count) + row * (count - 1) + last
    pages, account = read(whole, tmp_path)
    assert pages == [page(1)]
    assert account.pages([Why.UNDUMPED]) == count - 1


@pytest.mark.parametrize(
    "notes",
    [
        b"\xff" * 64,
        make_note(b"CORE", 0x46494C45, struct.pack("<2Q", 1 << 60, 4096)),
        make_note(b"CORE", 0x46494C45, struct.pack("<2Q", 3, 1 << 60) + b"\xff" * 72),
        make_note(b"CORE", 0x46494C45, b"short"),
        make_note(b"CORE", 6, b"\x21"),
        make_file_note([(0x10000, 0x11000, 1 << 52, "/bin/sh")]),
        make_file_note([(0x10000, 0x11000, 0, "/etc/\x1b[31m")]),
        make_file_note([(0x11000, 0x10000, 0, "/backwards")]),
    ],
)
def test_notes_that_make_no_sense_do_no_harm(notes: bytes, tmp_path: Path) -> None:
    pages, _ = read(make_core([Load(0x10000, page(1))], notes=notes), tmp_path)
    assert pages == [page(1)]


REAL = make_core(
    [
        Load(0x10000, page(0) + bytes(PAGE_SIZE) + page(1)),
        Load(0x20000, page(2), memsz=9 * PAGE_SIZE),
        Load(0x7F0000000000, page(3) * 20),
    ],
    notes=make_note(b"CORE", 6, struct.pack("<2Q", 33, 0x7FFF0000))
    + make_file_note([(0x20000, 0x29000, 0, "/bin/sh")]),
)


@pytest.mark.parametrize("form", ["plain", "zstd"])
def test_a_core_changed_at_random_never_ends_in_a_traceback(form: str, tmp_path: Path) -> None:
    rng = random.Random(form)
    for _ in range(400):
        content = bytearray(REAL)
        for _ in range(rng.randrange(1, 12)):
            content[rng.randrange(rng.choice([64, 400, len(content)]))] = rng.choice(
                [0, 1, 0x7F, 0xFF, rng.randrange(256)]
            )
        del content[rng.choice([len(content), rng.randrange(65, len(content))]) :]
        packed = zstd.compress(content) if form == "zstd" else bytes(content)
        with contextlib.suppress(TargetError):
            pages, _ = read(packed, tmp_path)
            assert len(pages) <= -(-len(content) // PAGE_SIZE) + 4


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.sampled_from(
        [b"\x7fELF\x02\x01", b"\x7fELF\x01\x02", b"KDUMP   ", b"makedumpfile\0\0\0\0", b""]
        + [bytes.fromhex(magic) for magic in ("28b52ffd", "04224d18", "fd377a585a00")]
    ),
    rest=st.binary(max_size=20000),
)
def test_any_bytes_are_pages_or_a_sentence(start: bytes, rest: bytes, tmp_path: Path) -> None:
    with contextlib.suppress(TargetError):
        pages, account = read(start + rest, tmp_path)
        assert pages or not rest or account.left


def test_a_bomb_is_read_as_far_as_somebody_wants(tmp_path: Path) -> None:
    bomb = zstd.ZstdCompressor()
    zeros = bytes(1 << 24)
    (tmp_path / "bomb").write_bytes(
        b"".join(bomb.compress(zeros) for _ in range(64)) + bomb.flush()
    )
    buffer = memoryview(bytearray(256 * PAGE_SIZE))
    with open_source(str(tmp_path / "bomb")) as source:
        assert source.pages is None
        for _ in range(8):
            assert source.readinto(buffer) == len(buffer)
