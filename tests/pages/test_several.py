# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that several sources are one: all pages in turn, one account, one error at most."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cores import Load, make_core

from ghostswap.errors import TargetError, UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source, open_sources
from ghostswap.pages.dumps.telling import StreamSource
from ghostswap.pages.several import SeveralSources
from ghostswap.pages.source import MISSING, Why

ReadAll = Callable[..., list[bytes]]


def page(number: int) -> bytes:
    return (b"ghost%08d" % number).ljust(PAGE_SIZE, b".")


@pytest.mark.parametrize("buffer_pages", [1, 64])
def test_all_pages_come_in_turn_with_one_account(
    buffer_pages: int, tmp_path: Path, read_all: ReadAll
) -> None:
    (tmp_path / "raw").write_bytes(page(0) + page(1))
    (tmp_path / "core").write_bytes(make_core([Load(0x10000, page(2), memsz=9 * PAGE_SIZE)]))
    specs = [f"{tmp_path}/raw", "synthetic:3:zero", f"{tmp_path}/core", f"{tmp_path}/raw"]
    with open_sources(specs) as source:
        assert source.name == ", ".join(specs)
        assert source.pages == 2 + 3 + 1 + 2
        zeros = [bytes(PAGE_SIZE)] * 3
        assert read_all(source, buffer_pages) == [
            page(0),
            page(1),
            *zeros,
            page(2),
            page(0),
            page(1),
        ]
        counts = source.account.counts()
    assert (counts["read"], counts["doubtful"], counts[Why.UNDUMPED]) == (8, 1, 8)
    assert source.account.memory == "bytes as they are; made up; memory of a process"


def test_one_is_itself(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(page(0))
    with open_sources([f"{tmp_path}/raw"]) as alone, open_source(f"{tmp_path}/raw") as source:
        assert type(alone) is type(source)


def test_what_one_lost_is_counted_and_the_others_are_read(
    tmp_path: Path, read_all: ReadAll
) -> None:
    cut = make_core([Load(0x10000, page(0) * 9)])[: -9 * PAGE_SIZE]
    (tmp_path / "cut").write_bytes(cut)
    (tmp_path / "raw").write_bytes(page(1))
    with open_sources([f"{tmp_path}/cut", f"{tmp_path}/raw"]) as source:
        assert read_all(source) == [page(1)]
        (left,) = source.account.left
    assert (left.why, left.pages) == (Why.TRUNCATED, 9)


def test_one_that_fails_is_named_and_the_others_are_read(tmp_path: Path, read_all: ReadAll) -> None:
    (tmp_path / "raw").write_bytes(page(1))
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        sources = StreamSource(fd), open_source(f"{tmp_path}/raw")
        with SeveralSources(sources) as source:
            assert read_all(source) == [page(1)]
            (left,) = source.account.left
    finally:
        os.close(fd)
    assert left.why in MISSING
    assert "standard input: cannot read at byte 0: Is a directory" in left.words


def test_one_that_is_not_there_leaves_none_open(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(page(0))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TargetError, match="No such file"):
        open_sources([f"{tmp_path}/raw", f"{tmp_path}/missing"])
    assert len(os.listdir("/proc/self/fd")) == before


def test_none_and_two_standard_inputs_are_wrong_usage() -> None:
    for specs in ([], ["-", "-"]):
        with pytest.raises(UsageError) as caught:
            open_sources(specs)
        assert caught.value.hint
