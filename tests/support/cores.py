# SPDX-License-Identifier: GPL-2.0-or-later
"""Core files written by hand: for what no kernel here writes, and for what none would."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

PT_LOAD, PT_NOTE = 1, 4
PF_R, PF_W = 4, 2


class Load(NamedTuple):
    """A segment of memory; without an offset its content follows that of the one before."""

    vaddr: int
    content: bytes
    memsz: int | None = None
    offset: int | None = None
    filesz: int | None = None
    paddr: int = 0
    flags: int = PF_R | PF_W


def make_note(owner: bytes, kind: int, content: bytes, order: str = "<") -> bytes:
    """A note as in elf(5)."""
    name = owner + b"\0"
    head = struct.pack(f"{order}3I", len(name), len(content), kind)
    return (
        head
        + name.ljust(-(-len(name) // 4) * 4, b"\0")
        + content.ljust(-(-len(content) // 4) * 4, b"\0")
    )


def make_file_note(files: Sequence[tuple[int, int, int, str]]) -> bytes:
    """NT_FILE of 64 bits: start, end, page in the file, name."""
    head = struct.pack("<2Q", len(files), 4096)
    rows = b"".join(struct.pack("<3Q", *row[:3]) for row in files)
    names = b"".join(name.encode() + b"\0" for *_, name in files)
    return make_note(b"CORE", 0x46494C45, head + rows + names)


def make_core(
    loads: Sequence[Load], *, notes: bytes = b"", bits: int = 64, order: str = "<"
) -> bytes:
    """A core file: header, program headers, notes, memory."""
    wide = bits == 64
    ehdr = struct.Struct(f"{order}16s2HI{'3Q' if wide else '3I'}I6H")
    phdr = struct.Struct(f"{order}{'2I6Q' if wide else '8I'}")
    place = ehdr.size + phdr.size * (len(loads) + 1)
    rows = [(PT_NOTE, 0, place, 0, 0, len(notes), 0, 0)]
    body = notes
    for load in loads:
        size = len(load.content) if load.filesz is None else load.filesz
        offset = place + len(body) if load.offset is None else load.offset
        memsz = size if load.memsz is None else load.memsz
        rows.append((PT_LOAD, load.flags, offset, load.vaddr, load.paddr, size, memsz, 4096))
        body += load.content
    if not wide:  # p_flags comes last but one
        rows = [(row[0], *row[2:7], row[1], row[7]) for row in rows]
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1 if order == "<" else 2, 1))
    head = ehdr.pack(ident, 4, 62, 1, 0, ehdr.size, 0, 0, ehdr.size, phdr.size, len(rows), 0, 0, 0)
    return head + b"".join(phdr.pack(*row) for row in rows) + body
