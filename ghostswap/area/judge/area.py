# SPDX-License-Identifier: GPL-2.0-or-later
"""What is judged, and the machine that judges."""

from __future__ import annotations

from typing import NamedTuple

from ghostswap.area.header.header import (
    NATIVE,
    Header,
    find_page_size,
    parse_as,
)
from ghostswap.area.header.layout import ByteOrder
from ghostswap.area.judge.refusal import Refusal
from ghostswap.area.target.blkid import Signature
from ghostswap.area.target.target import Kind, shell_path


class Contents(NamedTuple):
    """What a target holds beside a swap header or in place of one, as libblkid sees it.

    :ivar signatures: of file systems and the like, offsets from the start of the target.
    :ivar label: of the one that blkid(8) takes it for, ``""`` for none.
    :ivar table: the type of its partition table, ``""`` for none.
    """

    signatures: tuple[Signature, ...] = ()
    label: str = ""
    table: str = ""


class Area(NamedTuple):
    """What swapon is pointed at.

    :ivar start: the first bytes, at least a page of the kernel's size where the area has one.
    :ivar size: bytes of the file or device.
    :ivar opening: what stands in the way before the header is read.
    :ivar encrypted: by its file system (fscrypt).
    :ivar activation: what the file system says once the header has passed.
    :ivar mapped_pages: whole pages that the file system finds, the header's included; ``None``
        where they are all that the header declares.
    :ivar offset: where in the target at *path* the area starts.
    :ivar ends_early: whether the target goes on behind it.
    :ivar most: bytes that it can grow to, as the file that it is; ``None`` for any number.
    :ivar holds: what else is there.
    """

    start: bytes
    size: int
    kind: Kind = "file"
    path: str = "FILE"
    opening: Refusal | None = None
    encrypted: bool = False
    activation: Refusal | None = None
    mapped_pages: int | None = None
    offset: int = 0
    ends_early: bool = False
    most: int | None = None
    holds: Contents = Contents()

    @property
    def shell_path(self) -> str:
        """The path as it must stand in a command line."""
        return shell_path(self.path)


class Machine(NamedTuple):
    """The machine that judges.

    :ivar ram: ``MemTotal`` in bytes.
    :ivar page_size: its kernel's ``PAGE_SIZE``.
    :ivar byte_order: of its numbers.
    """

    ram: int
    page_size: int = 4096
    byte_order: ByteOrder = NATIVE

    def parse(self, start: bytes) -> Header:
        """Read a header as this machine does, whatever its magic."""
        return parse_as(start, self.page_size, self.byte_order)

    def find(self, start: bytes) -> Header | None:
        """The header with this machine's page size, or with the one that its signature is for."""
        found = self.parse(start)
        if found.signature is not None:
            return found
        size = find_page_size(start)
        return None if size is None else parse_as(start, size, self.byte_order)
