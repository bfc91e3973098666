# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that packed dumps are unpacked as they are read, whatever they are called."""

from __future__ import annotations

import lzma
import os
import random
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from lz4 import frame
from support.cores import Load, make_core
from support.machine_dumps import make_kdump

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.dumps.telling import StreamSource
from ghostswap.pages.source import Why

ReadAll = Callable[..., list[bytes]]
Pack = Callable[[bytes], bytes]

PAGES = [random.Random(number).randbytes(64) * 64 for number in range(300)]
MEMORY = b"".join(PAGES)


def of_several_frames(content: bytes) -> bytes:
    """As pzstd and ``cat`` make it."""
    return zstd.compress(content[:100_001]) + zstd.compress(content[100_001:])


PACKS: dict[str, Pack] = {
    "zstd": zstd.compress,
    "several frames": of_several_frames,
    "lz4": frame.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
@pytest.mark.parametrize("buffer_pages", [1, 512])
def test_packed_memory_is_its_pages_whatever_its_name(
    pack: Pack, buffer_pages: int, tmp_path: Path, read_all: ReadAll
) -> None:
    (tmp_path / "memory.raw").write_bytes(pack(MEMORY + b"rest"))
    with open_source(str(tmp_path / "memory.raw")) as source:
        assert source.pages is None
        assert read_all(source, buffer_pages) == [*PAGES, b"rest".ljust(PAGE_SIZE, b"\0")]
        assert source.account.left == []


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_a_packed_core_in_a_pipe_is_a_core(pack: Pack, read_all: ReadAll) -> None:
    content = pack(make_core([Load(0x10000, MEMORY), Load(0x900000, PAGES[7], memsz=1 << 30)]))
    reader, writer = os.pipe()

    def feed() -> None:
        with open(writer, "wb") as pipe:
            pipe.write(content)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        with StreamSource(reader) as source:
            assert read_all(source) == [*PAGES, PAGES[7]]
            assert source.account.counts()[Why.UNDUMPED] == (1 << 18) - 1
            assert source.name == "-"
    finally:
        os.close(reader)
        feeder.join()


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_what_is_cut_off_of_a_packed_core_is_counted(
    pack: Pack, tmp_path: Path, read_all: ReadAll
) -> None:
    noise = random.Random(5).randbytes(400 * PAGE_SIZE)
    content = pack(make_core([Load(0x10000, noise), Load(0x900000, PAGES[0])]))
    (tmp_path / "core").write_bytes(content[: len(content) * 3 // 4])
    with open_source(str(tmp_path / "core")) as source:
        found = b"".join(read_all(source, 1))
        (left,) = source.account.left
    assert noise.startswith(found)
    assert 100 * PAGE_SIZE < len(found) < 400 * PAGE_SIZE
    assert left.why is Why.DAMAGED
    assert "ends in the middle" in left.reason
    assert left.pages == 401 - len(found) // PAGE_SIZE


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_what_is_broken_from_the_start_is_refused(pack: Pack, tmp_path: Path) -> None:
    packed = pack(MEMORY)
    (tmp_path / "core").write_bytes(packed[:6] + b"\xff" * 100)
    with pytest.raises(TargetError, match=r"data is broken|ends in the middle"):
        open_source(str(tmp_path / "core"))


def test_a_crash_dump_in_a_stream_is_refused_with_the_cure(tmp_path: Path) -> None:
    packed = zstd.compress(make_kdump(PAGES, lambda block: (0, block)))
    (tmp_path / "dump").write_bytes(packed)
    with pytest.raises(TargetError) as caught:
        open_source(str(tmp_path / "dump"))
    assert "stream" in caught.value.message
    assert "unpacked" in caught.value.hint


def test_a_core_on_standard_input_is_read_from_where_it_stands(
    tmp_path: Path, read_all: ReadAll
) -> None:
    (tmp_path / "file").write_bytes(b"before" + make_core([Load(0x10000, MEMORY)]))
    with (tmp_path / "file").open("rb", buffering=0) as file:
        file.seek(6)
        with StreamSource(file.fileno()) as source:
            assert source.pages == len(PAGES)
            assert read_all(source) == PAGES


def test_to_ask_whether_there_is_a_pipe_takes_nothing_from_it(read_all: ReadAll) -> None:
    with subprocess.Popen(["printf", "memory"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        with StreamSource(child.stdout.fileno()) as source:
            assert source.pages is None
        with StreamSource(child.stdout.fileno()) as source:
            assert read_all(source) == [b"memory".ljust(PAGE_SIZE, b"\0")]
