# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that crash dumps give every page of a machine, whatever compressed them."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import socket
import subprocess
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from support.machine_dumps import flatten, make_kdump

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.source import Source, Why

ReadAll = Callable[..., list[bytes]]

ZEROS = bytes(PAGE_SIZE)
BLOCKS = [
    ZEROS,
    random.Random(1).randbytes(PAGE_SIZE),
    b"text " * 819 + b"!",
    ZEROS,
    *((b"page%d" % number).ljust(PAGE_SIZE, b"x") for number in range(9000)),
    ZEROS,
]


def open_bytes(content: bytes, tmp_path: Path) -> Source:
    path = tmp_path / "dump"
    path.write_bytes(content)
    return open_source(str(path))


def with_zlib(block: bytes) -> tuple[int, bytes]:
    packed = zlib.compress(block, 1)
    return (1, packed) if len(packed) < PAGE_SIZE else (0, block)


def with_zstd(block: bytes) -> tuple[int, bytes]:
    return 32, zstd.compress(block)


@pytest.mark.parametrize("buffer_pages", [1, 64])
@pytest.mark.parametrize("pack", [with_zlib, with_zstd])
def test_every_page_comes_in_order(
    pack: Callable[[bytes], tuple[int, bytes]],
    buffer_pages: int,
    tmp_path: Path,
    read_all: ReadAll,
) -> None:
    with open_bytes(make_kdump(BLOCKS, pack, excluded=77), tmp_path) as source:
        assert source.pages == len(BLOCKS)
        assert read_all(source, buffer_pages) == BLOCKS
        assert source.account.counts()[Why.EXCLUDED] == 77
        assert "machine" in source.account.memory


@pytest.mark.parametrize("block_pages", [1, 4])
def test_pages_are_passed_over_unread_and_read_one_by_one(block_pages: int, tmp_path: Path) -> None:
    pages = BLOCKS[:2000]
    size = block_pages * PAGE_SIZE
    joined = b"".join(pages)
    blocks = [joined[at : at + size] for at in range(0, len(joined), size)]
    content = make_kdump(blocks, with_zlib, block_size=size)
    gaps = random.Random(3).choices(range(12), k=1000)
    page = memoryview(bytearray(PAGE_SIZE))
    with open_bytes(content, tmp_path) as source:
        at = 0
        for gap in gaps:
            passed = source.skip(gap)
            assert passed == min(gap, len(pages) - at)
            at += passed
            if at == len(pages):
                break
            assert source.read_one(page)
            assert page == pages[at]
            at += 1
        assert source.read_one(page) is None
        assert source.skip(3) == 0


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_dumps_of_other_machines(bits: int, order: str, tmp_path: Path, read_all: ReadAll) -> None:
    content = make_kdump(BLOCKS, with_zlib, bits=bits, order=order)
    with open_bytes(content, tmp_path) as source:
        assert read_all(source) == BLOCKS


def test_the_flattened_form_gives_the_same(tmp_path: Path, read_all: ReadAll) -> None:
    content = make_kdump(BLOCKS, with_zlib)
    cuts = sorted(random.Random(2).sample(range(len(content)), 300))
    with open_bytes(flatten(content, cuts), tmp_path) as source:
        assert read_all(source) == BLOCKS


@pytest.mark.parametrize(("flag", "codec", "module"), [(2, "lzo", "lzo"), (4, "snappy", "snappy")])
def test_a_codec_without_a_library_is_named_and_the_rest_read(
    flag: int, codec: str, module: str, tmp_path: Path, read_all: ReadAll
) -> None:
    if find_spec(module):
        pytest.skip(f"{module} is installed")
    content = make_kdump(BLOCKS[:4], lambda block: (0 if any(block) else flag, block))
    with open_bytes(content, tmp_path) as source:
        assert read_all(source) == BLOCKS[1:3]
        (left,) = source.account.left
    assert (left.pages, left.why) == (2, Why.DAMAGED)
    assert codec in left.reason
    assert "pip install" in left.cure


@pytest.mark.parametrize(("flag", "module"), [(2, "lzo"), (4, "snappy")])
def test_a_codec_with_a_library_is_unpacked(
    flag: int, module: str, tmp_path: Path, read_all: ReadAll
) -> None:
    library: Any = pytest.importorskip(module)

    def pack(block: bytes) -> tuple[int, bytes]:
        return flag, library.compress(block, 1, False) if flag == 2 else library.compress(block)

    with open_bytes(make_kdump(BLOCKS, pack), tmp_path) as source:
        assert read_all(source) == BLOCKS


def test_what_is_cut_off_is_counted(tmp_path: Path, read_all: ReadAll) -> None:
    content = make_kdump(BLOCKS, with_zlib)
    with open_bytes(content[: -len(content) // 20], tmp_path) as source:
        pages = read_all(source)
        counts = source.account.counts()
    # Pages of zeros are where the first one is.
    assert pages == [*BLOCKS[: len(pages) - 1], ZEROS]
    assert counts[Why.TRUNCATED] == len(BLOCKS) - len(pages) > 0


def test_broken_pages_are_counted_one_by_one(tmp_path: Path, read_all: ReadAll) -> None:
    content = bytearray(make_kdump(BLOCKS, with_zlib))
    rng = random.Random(3)
    for _ in range(50):
        content[rng.randrange(len(content) - 50000, len(content))] ^= 0x55
    with open_bytes(bytes(content), tmp_path) as source:
        pages = read_all(source)
        counts = source.account.counts()
    assert 0 < counts[Why.DAMAGED] <= 50
    assert len(pages) + counts[Why.DAMAGED] == len(BLOCKS)


def test_a_part_of_a_dump_and_nonsense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="one part of a dump"):
        open_bytes(make_kdump(BLOCKS, with_zlib, split=1), tmp_path)
    with pytest.raises(TargetError, match="makes no sense"):
        open_bytes(b"KDUMP   " + b"\xff" * 9000, tmp_path)
    with pytest.raises(TargetError, match="broken record"):
        open_bytes(flatten(b"", [])[:4096] + b"\0" * 16, tmp_path)
    with pytest.raises(TargetError, match="type 0"):
        open_bytes(b"makedumpfile".ljust(9000, b"\0"), tmp_path)


def test_bytes_changed_at_random_never_end_in_a_traceback(
    tmp_path: Path, read_all: ReadAll
) -> None:
    plain = make_kdump(BLOCKS[:50], with_zlib)
    rng = random.Random(4)
    for content in (plain, flatten(plain, [464, 4096, 9000])):
        for _ in range(150):
            changed = bytearray(content[: rng.choice([len(content), rng.randrange(len(content))])])
            for _ in range(rng.randrange(1, 9)):
                at = rng.randrange(rng.choice([len(changed), min(9000, len(changed))]))
                changed[at] = rng.choice([0, 0xFF, rng.randrange(256)])
            with (
                contextlib.suppress(TargetError),
                open_bytes(bytes(changed), tmp_path) as source,
            ):
                read_all(source)


@pytest.fixture(scope="module")
def qemu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dumps of a machine of 32 MiB that has run its firmware, by QEMU."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu-system-x86_64 is not installed")
    folder = tmp_path_factory.mktemp("qemu")
    ours, theirs = socket.socketpair()
    command = [
        *("qemu-system-x86_64", "-accel", "tcg", "-m", "32M", "-nodefaults", "-display", "none"),
        *("-chardev", f"socket,id=c,fd={theirs.fileno()}", "-mon", "chardev=c,mode=control"),
    ]
    child = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    try:
        with ours.makefile("rw") as monitor:
            monitor.readline()

            def ask(execute: str, **arguments: object) -> None:
                monitor.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
                monitor.flush()
                while "return" not in (answer := json.loads(monitor.readline())):
                    assert "error" not in answer, answer

            ask("qmp_capabilities")
            ask("stop")
            ask("dump-guest-memory", paging=False, protocol=f"file:{folder}/elf")
            place = f"file:{folder}/kdump"
            ask("dump-guest-memory", paging=False, protocol=place, format="kdump-zlib")
            ask("quit")
        child.wait(timeout=30)
    finally:
        child.kill()
        child.wait()
        ours.close()
    return folder


def test_both_forms_of_qemus_dumps_give_the_same_pages(qemu: Path, read_all: ReadAll) -> None:
    found = []
    for name in ("elf", "kdump"):
        with open_source(str(qemu / name)) as source:
            found.append(read_all(source))
            assert "machine" in source.account.memory
            assert source.account.left == []
            assert source.pages == len(found[-1])
    elf, kdump = found
    assert len(elf) >= (32 << 20) // PAGE_SIZE
    assert sum(map(any, elf)) > 16, "the firmware at least"
    assert elf == kdump
    assert (qemu / "kdump").read_bytes().startswith(b"makedumpfile")


def test_makedumpfile_agrees_on_what_is_flattened(
    qemu: Path, tmp_path: Path, read_all: ReadAll
) -> None:
    if not shutil.which("makedumpfile"):
        pytest.skip("makedumpfile is not installed")
    with (qemu / "kdump").open("rb") as dump:
        rearrange = ["makedumpfile", "-R", tmp_path / "flat"]
        subprocess.run(rearrange, stdin=dump, check=True, capture_output=True)
    with open_source(str(tmp_path / "flat")) as flat, open_source(str(qemu / "kdump")) as source:
        assert read_all(flat) == read_all(source)
