# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that a core gives the pages that swap could have had, and says what else is in it."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from conftest import needs_root
from support.cores import PF_R, Load, make_core, make_file_note, make_note

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.source import Source, Why

ReadAll = Callable[..., list[bytes]]
Child = subprocess.Popen[str]
Spawn = Callable[[str], Child]

_MARKED = re.compile(rb"([a-z!]{5})([0-9]{7,8})(?:\.|f)*", re.DOTALL)


def numbers(pages: list[bytes]) -> dict[bytes, list[int]]:
    """The numbers of the victim's pages, by kind, whole or not at all."""
    found = defaultdict(list)
    for page in pages:
        if match := _MARKED.fullmatch(page):
            found[match[1]].append(int(match[2]))
    return dict(found)


def anonymous_pages(pid: int) -> int:
    """What smaps counts as anonymous."""
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    return sum(map(int, re.findall(r"^Anonymous: +(\d+) kB$", smaps, re.MULTILINE))) // 4


EXPECTED = {
    b"ghost": [*range(0, 6000, 3)],
    b"memfd": [*range(0, 300, 2)],
    b"share": [*range(100)],
    b"dirty": [*range(0, 400, 4)],
}
SHARED_PAGES = 150 + 100


@needs_root
def test_a_core_by_the_kernel_has_what_smaps_calls_anonymous_and_shared_memory(
    victim: Child, kernel_dumps: Callable[..., Path], read_all: ReadAll
) -> None:
    anonymous = anonymous_pages(victim.pid)
    with open_source(str(kernel_dumps(victim))) as source:
        assert numbers(read_all(source)) == EXPECTED
        assert source.account.read == anonymous - 50 + SHARED_PAGES
        counts = source.account.counts()
    assert counts["doubtful"] == 0
    assert counts[Why.UNDUMPED] == 50 + 200  # kept out; and only read in a mapping never written
    assert counts[Why.ZERO] == 150  # of the memfd, whose holes the kernel made pages to dump them
    assert counts[Why.FILE] >= 300
    assert counts[Why.ABSENT] >= 4000 + 4096  # of the first mapping, and the reserve
    assert source.account.pages([Why.TRUNCATED, Why.UNREADABLE, Why.OVERLAPPING]) == 0


def test_a_core_by_gdb_has_the_same_though_its_pages_begin_anywhere(
    victim: Child, gdb_dumps: Callable[[Child], Path], read_all: ReadAll
) -> None:
    anonymous = anonymous_pages(victim.pid)
    with open_source(str(gdb_dumps(victim))) as source:
        pages = read_all(source)
        counts = source.account.counts()
    assert numbers(pages) == EXPECTED
    # Pages of zeros are told from pages that never were in no such core.
    assert bytes(PAGE_SIZE) not in pages
    assert 0 <= anonymous - 50 + SHARED_PAGES - len(pages) <= 40
    assert counts[Why.ZERO] >= 4000 + 200 + 4096
    assert counts[Why.FILE] >= 300


def streamed(content: bytes) -> bytes:
    """As systemd-coredump packs it: one frame of zstd that does not say how long it will be."""
    compressor = zstd.ZstdCompressor()
    steps = range(0, len(content), 1 << 17)
    parts = [compressor.compress(content[at : at + (1 << 17)]) for at in steps]
    frame = b"".join(parts) + compressor.flush()
    assert zstd.get_frame_info(frame).decompressed_size is None
    return frame


@needs_root
def test_a_core_in_systemds_form_has_the_same(
    victim: Child, kernel_dumps: Callable[..., Path], tmp_path: Path, read_all: ReadAll
) -> None:
    core = kernel_dumps(victim)
    packed = tmp_path / "core.python3.0.a.1.2.zst"
    packed.write_bytes(streamed(core.read_bytes()))
    with open_source(str(core)) as source:
        plain = read_all(source)
    with open_source(str(packed)) as source:
        pages = read_all(source)
        counts = source.account.counts()
    assert pages == [page for page in plain if any(page)]
    assert counts[Why.ZERO] >= 4000 + 200 + 150
    assert counts["doubtful"] == 0, "its notes come first, so files are told apart"


def test_a_core_by_gdb_that_is_packed_leaves_doubt_about_files(
    victim: Child, gdb_dumps: Callable[[Child], Path], tmp_path: Path, read_all: ReadAll
) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(zstd.compress(gdb_dumps(victim).read_bytes()))
    with open_source(str(packed)) as source:
        found = numbers(read_all(source))
    assert {kind: found[kind] for kind in EXPECTED} == EXPECTED
    assert len(found[b"clean"]) == 300
    assert source.account.doubts.total() == source.account.read


@needs_root
@pytest.mark.parametrize("sparse", ["never", "always", "zstd"])
def test_holes_count_only_where_the_kernel_made_them(
    sparse: str,
    victim: Child,
    kernel_dumps: Callable[..., Path],
    tmp_path: Path,
    read_all: ReadAll,
) -> None:
    core, copy = kernel_dumps(victim), tmp_path / "copy"
    if sparse == "zstd":
        if not shutil.which("zstd"):
            pytest.skip("zstd is not installed")
        subprocess.run(["zstd", "-q", core], check=True)
        subprocess.run(["zstd", "-qd", "--sparse", f"{core}.zst", "-o", copy], check=True)
    else:
        subprocess.run(["cp", f"--sparse={sparse}", core, copy], check=True)
    with open_source(str(copy)) as source:
        pages = read_all(source)
        counts = source.account.counts()
    assert numbers(pages) == EXPECTED
    assert bytes(PAGE_SIZE) not in pages
    assert counts[Why.ZERO] + counts[Why.ABSENT] >= 4000 + 200 + 4096 + 150


@needs_root
def test_what_a_limit_cut_off_is_counted_and_the_rest_read(
    victim: Child, kernel_dumps: Callable[..., Path], read_all: ReadAll
) -> None:
    core = kernel_dumps(victim, 4 << 20)
    with open_source(str(core)) as source:
        found = numbers(read_all(source))
        counts = source.account.counts()
    assert found.keys() <= EXPECTED.keys()
    assert all(found[kind] == EXPECTED[kind][: len(found[kind])] for kind in found)
    assert counts["read"] > 0
    assert counts[Why.TRUNCATED] > 2000
    assert any("cut" in left.reason for left in source.account.left)


@needs_root
@pytest.mark.parametrize("packed", [False, True])
def test_more_mappings_than_a_header_can_count(
    packed: bool,
    spawn: Spawn,
    kernel_dumps: Callable[..., Path],
    tmp_path: Path,
    read_all: ReadAll,
) -> None:
    most = Path("/proc/sys/vm/max_map_count")
    before = most.read_text()
    most.write_text("140000")
    try:
        child = spawn("""if True:
            pages = 70000
            m = anonymous(pages)
            fill(m, range(pages))
            for number in range(0, pages, 2):
                place = ctypes.c_void_p(address(m) + number * 4096)
                assert libc.mprotect(place, ctypes.c_size_t(4096), 1) == 0
        """)
        core = kernel_dumps(child)
    finally:
        most.write_text(before)
    assert struct.unpack_from("<H", core.read_bytes()[:64], 56) == (0xFFFF,)
    if packed:
        (tmp_path / "packed").write_bytes(streamed(core.read_bytes()))
        core = tmp_path / "packed"
    with open_source(str(core)) as source:
        assert numbers(read_all(source, 1024))[b"ghost"] == [*range(70000)]


def page(number: int) -> bytes:
    return (b"ghost%08d" % number).ljust(PAGE_SIZE, b".")


def open_bytes(content: bytes, tmp_path: Path) -> Source:
    path = tmp_path / "dump"
    path.write_bytes(content)
    return open_source(str(path))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_cores_of_other_machines(bits: int, order: str, tmp_path: Path, read_all: ReadAll) -> None:
    loads = [Load(0x10000, page(0) + bytes(PAGE_SIZE) + page(1)), Load(0x40000, page(2))]
    with open_bytes(make_core(loads, bits=bits, order=order), tmp_path) as source:
        assert read_all(source) == [page(0), page(1), page(2)]
        assert source.account.counts()[Why.ZERO] == 1


def test_pages_of_files_that_are_not_here_are_in_doubt(tmp_path: Path, read_all: ReadAll) -> None:
    notes = make_file_note(
        [
            (0x10000, 0x11000, 0, "/no/such/library"),
            (0x20000, 0x22000, 0, "/no/such/library"),
            (0x30000, 0x31000, 0, "/anon_hugepage (deleted)"),
            (0x40000, 0x42000, 5, f"{tmp_path}/mapped"),
        ]
    )
    (tmp_path / "mapped").write_bytes(b"x" * 5 * PAGE_SIZE + page(7) + b"short")
    loads = [
        Load(0x10000, page(0), memsz=0x9000, flags=PF_R),  # what tells which file it is
        Load(0x20000, page(1) + page(2)),
        Load(0x30000, page(3)),
        Load(0x40000, page(7) + b"short".ljust(PAGE_SIZE, b"\0")),  # as a mapping pads it
        Load(0x50000, page(4)),
    ]
    with open_bytes(make_core(loads, notes=notes), tmp_path) as source:
        assert read_all(source) == [page(1), page(2), page(4)]
        counts = source.account.counts()
    assert (counts["doubtful"], counts[Why.HUGETLB], counts[Why.FILE]) == (2, 1, 1 + 8 + 2)


def test_names_of_mapped_files_are_opened_only_if_they_are_files(
    tmp_path: Path, read_all: ReadAll
) -> None:
    os.mkfifo(tmp_path / "fifo")
    notes = make_file_note([(0x20000, 0x21000, 0, f"{tmp_path}/fifo")])
    with open_bytes(make_core([Load(0x20000, page(1))], notes=notes), tmp_path) as source:
        assert read_all(source) == [page(1)]
        assert source.account.doubts.total() == 1


def test_a_dump_of_a_machine_gives_all_its_pages_once(tmp_path: Path, read_all: ReadAll) -> None:
    memory = page(0) + bytes(2 * PAGE_SIZE) + page(1)
    first = Load(0, memory, paddr=0)
    # With paging on, QEMU names the same memory by each address that it has.
    place = len(make_core([first] * 3, notes=make_note(b"QEMU", 0, bytes(8)))) - 3 * len(memory)
    alias = Load(0xFFFF0000, b"", offset=place, filesz=len(memory))
    far = Load(1 << 40, page(2), memsz=3 * PAGE_SIZE, paddr=1 << 32)
    content = make_core([first, alias, far], notes=make_note(b"QEMU", 0, bytes(8)))
    with open_bytes(content, tmp_path) as source:
        assert read_all(source) == [page(0), bytes(PAGE_SIZE), bytes(PAGE_SIZE), page(1), page(2)]
        counts = source.account.counts()
    assert "machine" in source.account.memory
    assert (counts[Why.OVERLAPPING], counts[Why.EXCLUDED]) == (4, 2)


def test_a_core_of_64_gib_is_its_pages_and_not_its_holes(tmp_path: Path, read_all: ReadAll) -> None:
    touched = range(0, 20000, 2)
    reserve = (64 << 30) // PAGE_SIZE
    size = reserve * PAGE_SIZE
    head = make_core([Load(0x10000, b"", offset=PAGE_SIZE, filesz=size)])
    with (tmp_path / "dump").open("wb") as file:
        file.write(head)
        for number in touched:
            file.seek((1 + number) * PAGE_SIZE)
            file.write(page(number))
        file.truncate(PAGE_SIZE + size)
    with open_source(str(tmp_path / "dump")) as source:
        assert source.pages == len(touched) + 1, "with its headers, as what it takes on disk"
        assert read_all(source) == [page(number) for number in touched]
        assert source.account.counts()[Why.ABSENT] == reserve - len(touched)


def test_another_elf_file_is_bytes_as_they_are(read_all: ReadAll) -> None:
    with open_source("/bin/sh") as source:
        content = b"".join(read_all(source))
    assert content.rstrip(b"\0") == Path("/bin/sh").read_bytes().rstrip(b"\0")


def test_headers_of_another_size_are_refused_in_words(tmp_path: Path) -> None:
    content = bytearray(make_core([Load(0x10000, page(0))]))
    content[54:56] = struct.pack("<H", 57)
    with pytest.raises(TargetError, match="program headers of 57 bytes"):
        open_bytes(bytes(content), tmp_path)


@pytest.mark.parametrize("place", [1 << 40, (1 << 64) - 8])
def test_headers_that_are_not_there_are_counted(
    place: int, tmp_path: Path, read_all: ReadAll
) -> None:
    content = bytearray(make_core([Load(0x10000, page(0))]))
    content[32:40] = struct.pack("<Q", place)
    with open_bytes(bytes(content), tmp_path) as source:
        assert read_all(source) == []
        (left,) = source.account.left
    assert (left.why, left.what) == (Why.TRUNCATED, "2 segments")
