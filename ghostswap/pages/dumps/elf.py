# SPDX-License-Identifier: GPL-2.0-or-later
"""Core files, ELF of type ET_CORE: headers, program headers and notes, as Construct definitions.

References: elf(5); fs/binfmt_elf.c and include/uapi/linux/elf.h, Linux 6.18; dump/dump.c, QEMU 7.2.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from construct import Bytes, Struct

from ghostswap.errors import TargetError
from ghostswap.pages.dumps.medium import Medium, read
from ghostswap.pages.dumps.tables import Layout, numbers, row, rows

_IDENT_SIZE = 16
_HEAD_SIZE = 64
_ET_CORE = 4
_PT_LOAD, _PT_NOTE = 1, 4
#: What e_phnum is where the number is in sh_info of the first section header.
_PN_XNUM = 0xFFFF
#: Program headers and bytes of notes that no process has, whatever vm.max_map_count: the kernel
#: makes NT_FILE no larger than 4 MiB, and registers take some KiB a thread.
_MOST_HEADERS = 1 << 22
_MOST_NOTES = 1 << 26
_NT_AUXV = 6
_NT_FILE = 0x46494C45

AT_SYSINFO_EHDR = 33
#: Flags of a segment.
PF_W = 2


class Segment(NamedTuple):
    """A program header of type PT_LOAD; sizes and addresses in bytes."""

    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    flags: int


class MappedFile(NamedTuple):
    """An entry of NT_FILE: addresses, the first byte in the file, its name."""

    start: int
    end: int
    offset: int
    name: str


@dataclass(slots=True)
class Notes:
    """What is used of the notes.

    :ivar files: mappings with a file behind them, by address; ``None`` where no note says.
    :ivar auxv: the auxiliary vector.
    :ivar owners: whose notes there are: ``CORE``, ``LINUX``, ``QEMU``.
    """

    files: list[MappedFile] | None = None
    auxv: dict[int, int] = field(default_factory=dict)
    owners: set[bytes] = field(default_factory=set)


class Core(NamedTuple):
    """A core file without its memory.

    :ivar headers: program headers that are there, as bytes.
    :ivar missing_headers: program headers that are declared, but behind the end.
    :ivar is_sorted: whether their memory is in the file as they follow each other.
    """

    layout: Layout
    headers: bytes
    missing_headers: int
    is_sorted: bool
    notes: Notes

    @property
    def loads(self) -> Iterable[Segment]:
        """The segments of memory as they follow each other in the file."""
        found = _segments(self.layout, self.headers, _PT_LOAD)
        return found if self.is_sorted else sorted(found)


@cache
def elf_header(layout: Layout) -> Struct:
    """``Elf32_Ehdr`` or ``Elf64_Ehdr``."""
    u16, u32, _, word = numbers(layout)
    return Struct(
        "e_ident" / Bytes(_IDENT_SIZE),
        "e_type" / u16,
        "e_machine" / u16,
        "e_version" / u32,
        "e_entry" / word,
        "e_phoff" / word,
        "e_shoff" / word,
        "e_flags" / u32,
        "e_ehsize" / u16,
        "e_phentsize" / u16,
        "e_phnum" / u16,
        "e_shentsize" / u16,
        "e_shnum" / u16,
        "e_shstrndx" / u16,
    )


@cache
def program_header(layout: Layout) -> Struct:
    """``Elf32_Phdr`` or ``Elf64_Phdr``, of which p_flags lies elsewhere."""
    _, u32, _, word = numbers(layout)
    flags = "p_flags" / u32
    wide = layout.bits == 64
    return Struct(
        "p_type" / u32,
        *([flags] if wide else []),
        "p_offset" / word,
        "p_vaddr" / word,
        "p_paddr" / word,
        "p_filesz" / word,
        "p_memsz" / word,
        *([] if wide else [flags]),
        "p_align" / word,
    )


@cache
def section_header(layout: Layout) -> Struct:
    """``Elf32_Shdr`` or ``Elf64_Shdr`` up to sh_info."""
    _, u32, _, word = numbers(layout)
    return Struct(
        "sh_name" / u32,
        "sh_type" / u32,
        "sh_flags" / word,
        "sh_addr" / word,
        "sh_offset" / word,
        "sh_size" / word,
        "sh_link" / u32,
        "sh_info" / u32,
    )


@cache
def note_header(layout: Layout) -> Struct:
    """``Elf32_Nhdr``, which is ``Elf64_Nhdr`` too."""
    u32 = numbers(layout).u32
    return Struct("n_namesz" / u32, "n_descsz" / u32, "n_type" / u32)


@cache
def file_note(layout: Layout) -> Struct:
    """The head of NT_FILE; ``count`` entries and as many names follow."""
    word = numbers(layout).word
    return Struct("count" / word, "page_size" / word)


@cache
def file_entry(layout: Layout) -> Struct:
    """An entry of NT_FILE, ``file_ofs`` in pages."""
    word = numbers(layout).word
    return Struct("start" / word, "end" / word, "file_ofs" / word)


@cache
def auxv_entry(layout: Layout) -> Struct:
    """An entry of the auxiliary vector, ``Elf32_auxv_t`` or ``Elf64_auxv_t``."""
    word = numbers(layout).word
    return Struct("a_type" / word, "a_val" / word)


def layout_of(head: bytes) -> Layout | None:
    """The layout of the ELF file that begins with *head*; ``None`` where it is no core file."""
    if len(head) < _HEAD_SIZE or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None  # EI_CLASS or EI_DATA is none
    layout = Layout(32 * head[4], head[5] == 1)
    return layout if elf_header(layout).parse(head).e_type == _ET_CORE else None


def parse(medium: Medium, layout: Layout) -> Core:
    """Read all but the memory of the core file in *medium*.

    :raises TargetError: where its headers are not those of a core file, or cannot be read.
    """
    header = elf_header(layout).parse(read(medium, 0, _HEAD_SIZE))
    size = row(program_header(layout)).size
    if header.e_phentsize != size:
        raise TargetError(
            medium.name, f"is a core file with program headers of {header.e_phentsize} bytes"
        )
    count = header.e_phnum
    if count == _PN_XNUM:
        count = _many(medium, layout, header.e_phoff, header.e_shoff)
    if count > _MOST_HEADERS:
        raise TargetError(medium.name, f"is a core file that claims {count} program headers")
    there = count * size
    if medium.size is not None:
        there = min(there, max(0, medium.size - header.e_phoff))
    headers = read(medium, header.e_phoff, there)
    whole = len(headers) // size
    headers = headers[: whole * size]
    offsets = (segment.offset for segment in _segments(layout, headers, _PT_LOAD))
    is_sorted = all(before <= offset for before, offset in pairwise(offsets))
    return Core(layout, headers, count - whole, is_sorted, _read_notes(medium, layout, headers))


def _many(medium: Medium, layout: Layout, phoff: int, shoff: int) -> int:
    """The number of program headers where e_phnum cannot hold it."""
    if medium.size is not None:
        section = section_header(layout)
        data = read(medium, shoff, section.sizeof())
        return int(section.parse(data).sh_info) if len(data) == section.sizeof() else 0
    # The section header comes last. The kernel writes notes right behind the program headers.
    size = row(program_header(layout)).size
    first = next(_segments(layout, read(medium, phoff, size), _PT_NOTE), None)
    return max(0, first.offset - phoff) // size if first else 0


def _read_notes(medium: Medium, layout: Layout, headers: bytes) -> Notes:
    notes = Notes()
    memory = min((load.offset for load in _segments(layout, headers, _PT_LOAD)), default=0)
    room = _MOST_NOTES
    for segment in _segments(layout, headers, _PT_NOTE):
        if medium.size is None and segment.offset > memory:
            continue  # to read them would be to pass over the memory
        data = read(medium, segment.offset, min(segment.filesz, room))
        room -= len(data)
        for owner, kind, content in _split_notes(layout, data):
            notes.owners.add(owner)
            if owner == b"CORE" and kind == _NT_FILE:
                notes.files = sorted((*(notes.files or ()), *_mapped_files(layout, content)))
            elif owner == b"CORE" and kind == _NT_AUXV:
                for key, value in rows(auxv_entry(layout), content):
                    notes.auxv[key] = value
    return notes


def _split_notes(layout: Layout, data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """The owner, type and content of each note."""
    head = row(note_header(layout))
    at = 0
    while at + head.size <= len(data):
        name_size, size, kind = head.unpack_from(data, at)
        at += head.size
        name = data[at : at + name_size].rstrip(b"\0")
        at += -(-name_size // 4) * 4
        yield name, kind, data[at : at + size]
        at += -(-size // 4) * 4


def _mapped_files(layout: Layout, note: bytes) -> Iterator[MappedFile]:
    head = row(file_note(layout))
    if len(note) < head.size:
        return
    count, page_size = head.unpack_from(note)
    entry = row(file_entry(layout))
    names_start = head.size + count * entry.size
    names = note[names_start:].split(b"\0")
    for (start, end, page), name in zip(
        rows(file_entry(layout), note[head.size : names_start]), names, strict=False
    ):
        yield MappedFile(start, end, page * page_size, os.fsdecode(name))


_FIELDS = ("p_offset", "p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_flags")


def _segments(layout: Layout, headers: bytes, kind: int) -> Iterator[Segment]:
    table = program_header(layout)
    names = [part.name for part in table.subcons]
    pick = itemgetter(*map(names.index, _FIELDS))
    found = (fields for fields in rows(table, headers) if fields[0] == kind)
    return map(Segment._make, map(pick, found))
