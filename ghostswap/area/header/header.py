# SPDX-License-Identifier: GPL-2.0-or-later
"""A swap area's header: bytes to a frozen :class:`Header` and back."""

from __future__ import annotations

import array
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from construct import ConstructError

from ghostswap.area.header import layout
from ghostswap.area.header.layout import MAGIC_SIZE, ByteOrder
from ghostswap.errors import GhostswapError
from ghostswap.units import format_uuid

#: Page sizes that Linux runs with on some machine, in the order in which libblkid looks.
PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
#: Bytes that hold a header of any of these page sizes.
MAX_HEADER = PAGE_SIZES[-1]

SWAPSPACE2 = b"SWAPSPACE2"
SWAP_SPACE = b"SWAP-SPACE"

#: What TuxOnIce writes in place of the magic, or over the first bytes of an area.
TUXONICE = layout.TUXONICE.ljust(MAGIC_SIZE, b"\0")

#: What may stand in place of the magic, and what that says of the area; see :func:`signature_of`.
SIGNATURES = {
    SWAPSPACE2: "swap area, version 1",
    SWAP_SPACE: "swap area, version 0 (before Linux 2.1.117)",
    b"S1SUSPEND\0": "swap area that holds a hibernation image",
    b"S2SUSPEND\0": "swap area that holds a hibernation image (userspace)",
    b"ULSUSPEND\0": "swap area that holds a hibernation image (uswsusp)",
    b"LINHIB0001": "swap area that holds a hibernation image",
    TUXONICE: "swap area that holds a hibernation image (TuxOnIce)",
}

#: The native byte order, which mkswap writes unless told otherwise.
NATIVE: ByteOrder = "little" if sys.byteorder == "little" else "big"


class NotSwapError(GhostswapError):
    """The bytes are no swap header."""


class Field(NamedTuple):
    """Where a field of the header lies.

    :ivar offset: first byte, from the start of the area.
    :ivar size: length in bytes.
    """

    name: str
    offset: int
    size: int


class Header(NamedTuple):
    """``union swap_header`` (include/linux/swap.h, Linux 6.18), with its page size and byte order.

    :ivar page_size: bytes in the header and in each page of the area.
    :ivar last_page: number of the last page; the header is page 0, so also the data pages.
    :ivar badpages: the whole list as far as it fits, ``nr_badpages`` entries or fewer.
    :ivar badpages_raw: everything between padding and magic, read or to be written.
    """

    page_size: int
    byte_order: ByteOrder
    last_page: int
    nr_badpages: int = 0
    sws_uuid: bytes = bytes(16)
    sws_volume: bytes = bytes(16)
    version: int = 1
    magic: bytes = SWAPSPACE2
    bootbits: bytes = bytes(1024)
    padding: bytes = bytes(117 * 4)
    badpages_raw: bytes = b""

    @property
    def signature(self) -> bytes | None:
        """Which of :data:`SIGNATURES` stands in place of the magic."""
        return signature_of(self.magic)

    @property
    def max_badpages(self) -> int:
        """``MAX_SWAP_BADPAGES`` of this page size: 637 for 4096."""
        return (self.page_size - layout.BADPAGES_OFFSET - MAGIC_SIZE) // 4

    @property
    def badpages(self) -> tuple[int, ...]:
        numbers = array.array(
            "I", self.badpages_raw[: 4 * min(self.nr_badpages, self.max_badpages)]
        )
        if self.byte_order != NATIVE:
            numbers.byteswap()
        return tuple(numbers)

    @property
    def uuid(self) -> str | None:
        """The UUID as text, lower case; ``None`` for the nil UUID."""
        return format_uuid(self.sws_uuid) if any(self.sws_uuid) else None

    @property
    def label(self) -> str:
        """The label up to its first NUL; bytes that are not UTF-8 become lone surrogates."""
        return self.sws_volume.partition(b"\0")[0].decode("utf-8", "surrogateescape")

    @property
    def usable_pages(self) -> int:
        """Pages that can hold data, as the kernel counts them; negative where bad pages exceed."""
        return self.last_page - self.nr_badpages

    @property
    def declared_size(self) -> int:
        """Bytes of the area that the header speaks of, its own page included."""
        return (self.last_page + 1) * self.page_size

    def fields(self) -> Iterator[Field]:
        """Every field in order, with its offset and size."""
        offset = 0
        for part in layout.swap_header(self.page_size, self.byte_order).subcons:
            yield Field(part.name, offset, part.sizeof())
            offset += part.sizeof()

    def build(self) -> bytes:
        """The header's page, ``page_size`` bytes."""
        struct = layout.swap_header(self.page_size, self.byte_order)
        values = {part.name: getattr(self, _attribute(part.name)) for part in struct.subcons}
        return bytes(struct.build(values))


def _attribute(name: str) -> str:
    """Where a :class:`Header` keeps the field *name* of the struct."""
    return "badpages_raw" if name == "badpages" else name


def pack_badpages(pages: Iterable[int], order: ByteOrder) -> bytes:
    """The bad page list as it stands in a header of that byte *order*."""
    numbers = array.array("I", pages)
    if order != NATIVE:
        numbers.byteswap()
    return numbers.tobytes()


def parse_as(page: bytes, page_size: int, native: ByteOrder = NATIVE) -> Header:
    """Read *page* as a header of *page_size*, whatever its magic.

    A page shorter than *page_size* reads as if zeros followed, as past the end of a file. The
    version word tells the byte order: only one that is 1 when swapped makes it the other order.

    :param native: the byte order of the machine that reads.
    """
    page = page[:page_size].ljust(page_size, b"\0")
    other: ByteOrder = "big" if native == "little" else "little"
    order = other if int.from_bytes(page[1024:1028], other) == 1 else native
    try:
        struct = layout.swap_header(page_size, order)
        found = struct.parse(page)
    except ConstructError as error:  # a size too small to hold the fields
        raise NotSwapError(f"a page of {page_size} bytes holds no swap header") from error
    values = {_attribute(part.name): found[part.name] for part in struct.subcons}
    return Header(page_size=page_size, byte_order=order, **values)


def signature_of(magic: bytes) -> bytes | None:
    """Which of :data:`SIGNATURES` these ten bytes are.

    As swapon(8) and libblkid read them, who compare the letters and not the NUL behind.
    """
    if len(magic) < MAGIC_SIZE or magic in SIGNATURES:
        return magic if magic in SIGNATURES else None
    return next((known for known in SIGNATURES if magic.startswith(known.rstrip(b"\0"))), None)


def find_page_size(start: bytes) -> int | None:
    """The page size whose magic position holds a known signature; the smallest wins."""
    for size in PAGE_SIZES:
        if signature_of(start[size - MAGIC_SIZE : size]) is not None:
            return size
    return None


def parse(start: bytes) -> Header:
    """Find and read the header at the beginning of *start* (:data:`MAX_HEADER` bytes or fewer).

    :raises NotSwapError: where no known signature stands at the end of a page of any known size.

    >>> page = bytearray(4096)
    >>> page[1024:1036] = b"".join(n.to_bytes(4, "little") for n in (1, 9, 0))
    >>> page[4086:] = b"SWAPSPACE2"
    >>> parse(bytes(page)).last_page
    9
    """
    size = find_page_size(start)
    if size is None:
        raise NotSwapError(_why_not(start))
    return parse_as(start, size)


def _why_not(start: bytes) -> str:
    if not start:
        return "is empty"
    if len(start) < PAGE_SIZES[0]:
        return f"too short for a swap header: {len(start)} bytes, a header takes {PAGE_SIZES[0]}"
    return "not a swap area: no swap signature for any page size from 4 to 64 KiB"
