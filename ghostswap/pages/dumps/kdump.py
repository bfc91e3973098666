# SPDX-License-Identifier: GPL-2.0-or-later
"""kdump-compressed crash dumps: each page of a machine's memory compressed by itself.

References: diskdump_mod.h of makedumpfile 1.7.2; include/sysemu/dump.h of QEMU 7.2.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator
from fractions import Fraction
from functools import cache
from importlib import import_module

from construct import Bytes, Padding, Struct

from ghostswap.errors import TargetError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.dumps.core import MACHINE
from ghostswap.pages.dumps.medium import Medium, read
from ghostswap.pages.dumps.tables import Layout, numbers, row, rows
from ghostswap.pages.source import Account, Why

#: Bytes of the pages of any machine.
_BLOCK_SIZES = frozenset(1 << shift for shift in range(12, 17))
_DESCRIPTORS = 4096  # read at once
_WINDOW = 1 << 18
_CUT = "the dump ends before: it was cut"

#: By the flags of a page: the codec, and the package that unpacks it, ``""`` for none.
_CODECS = {
    0: ("none", ""),
    1: ("zlib", ""),
    2: ("lzo", "python-lzo"),
    4: ("snappy", "python-snappy"),
    32: ("zstd", ""),
}
_FLAGS = sum(_CODECS)


@cache
def header(layout: Layout) -> Struct:
    """``struct disk_dump_header`` up to what is used of it."""
    u32 = numbers(layout).u32
    return Struct(
        "signature" / Bytes(8),
        "header_version" / u32,
        "utsname" / Bytes(6 * 65),
        Padding(6 if layout.bits == 64 else 2),
        "timestamp" / Bytes(layout.bits // 4),
        "status" / u32,
        "block_size" / u32,
        "sub_hdr_size" / u32,
        "bitmap_blocks" / u32,
    )


@cache
def sub_header(layout: Layout) -> Struct:
    """``struct kdump_sub_header`` up to what is used of it."""
    _, u32, _, word = numbers(layout)
    return Struct("phys_base" / word, "dump_level" / u32, "split" / u32)


@cache
def page_desc(layout: Layout) -> Struct:
    """``struct page_desc``, for each page that is in the dump."""
    _, u32, u64, _ = numbers(layout)
    return Struct("offset" / u64, "size" / u32, "flags" / u32, "page_flags" / u64)


class KdumpSource:
    """The pages of the crash dump in *medium*, by their addresses.

    Pages of zeros share one place in the dump, which is read once.

    :raises TargetError: where it is none, or a part of one.
    """

    def __init__(self, name: str, medium: Medium) -> None:
        self.name = name
        self.account = Account(MACHINE)
        self._medium = medium
        if medium.size is None:
            raise TargetError(
                medium.name,
                "is a kdump file that comes as a stream",
                "store it in a file, unpacked",
            )
        self._layout, head = _find_layout(medium)
        self._block_size: int = head.block_size
        self._check_whole(head)
        bitmaps = (1 + head.sub_hdr_size) * self._block_size
        half = head.bitmap_blocks * self._block_size // 2
        valid = _count_bits(medium, bitmaps, half)
        self._blocks_due = _count_bits(medium, bitmaps + half, half)
        self._descriptors = bitmaps + 2 * half
        self._to_skip = 0
        self._blocks = self._read_blocks()
        self._rest = b""
        self._window = (0, b"")
        per_block = self._block_size // PAGE_SIZE
        self.pages = self._blocks_due * per_block
        if valid > self._blocks_due:
            excluded = (valid - self._blocks_due) * per_block
            self.account.leave(Why.EXCLUDED, excluded, "left out by whoever made the dump")

    def _check_whole(self, head: Struct) -> None:
        table = sub_header(self._layout)
        data = read(self._medium, self._block_size, table.sizeof())
        if head.header_version >= 2 and len(data) == table.sizeof() and table.parse(data).split:
            raise TargetError(
                self._medium.name, "is one part of a dump", "join them: makedumpfile --reassemble"
            )

    def _read_blocks(self) -> Generator[bytes]:
        """All blocks that are not to be skipped; nothing for one that cannot be read."""
        zeros = bytes(self._block_size)
        place_of_zeros = -1
        table = page_desc(self._layout)
        size = row(table).size
        while self._blocks_due:
            due = self._blocks_due
            try:
                data = read(self._medium, self._descriptors, min(due, _DESCRIPTORS) * size)
            except TargetError as error:
                self._leave(Why.UNREADABLE, due, error.reason)
                return
            self._descriptors += len(data)
            for offset, length, flags, _ in rows(table, data):
                self._blocks_due -= 1
                if self._to_skip:
                    self._to_skip -= 1
                elif offset == place_of_zeros:
                    yield zeros
                else:
                    block = self._read_block(offset, length, flags)
                    if block == zeros:
                        place_of_zeros = offset
                    yield block
            if len(data) < size:
                self._leave(Why.TRUNCATED, self._blocks_due, _CUT)
                return

    def _read_block(self, offset: int, size: int, flags: int) -> bytes:
        """Read one block; nothing where that cannot be."""
        codec, package = _CODECS.get(flags & _FLAGS, ("several codecs", ""))
        if size > 2 * self._block_size:
            self._lose(Why.DAMAGED, "more bytes than a page takes")
            return b""
        try:
            packed = self._read(offset, size)
        except TargetError as error:
            self._lose(Why.UNREADABLE, error.reason)
            return b""
        if len(packed) < size:
            self._lose(Why.TRUNCATED, _CUT)
            return b""
        try:
            block = _unpack(codec, packed, self._block_size)
        except ImportError:
            cure = f"pip install {package}"
            self._lose(Why.DAMAGED, f"compressed with {codec}, which nothing here unpacks", cure)
            return b""
        except Exception:  # each library has errors of its own
            block = b""
        if len(block) != self._block_size:
            self._lose(Why.DAMAGED, f"broken, or not compressed with {codec}")
            return b""
        return block

    def _read(self, offset: int, size: int) -> bytes:
        start, data = self._window
        if not start <= offset <= offset + size <= start + len(data):
            start, data = self._window = offset, read(self._medium, offset, max(size, _WINDOW))
        return data[offset - start : offset - start + size]

    def _leave(self, why: Why, blocks: int, reason: str) -> None:
        self.account.leave(why, blocks * (self._block_size // PAGE_SIZE), reason)

    def _lose(self, why: Why, reason: str, cure: str = "") -> None:
        """Leave a block that was looked at."""
        self.account.leave(why, self._block_size // PAGE_SIZE, reason, cure, met=True)

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says."""
        filled = 0
        while filled < len(buffer) and self._load():
            filled += self._take(buffer[filled:])
        self.account.read += filled // PAGE_SIZE
        return filled

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says."""
        passed = min(pages, len(self._rest) // PAGE_SIZE)
        self._rest = self._rest[passed * PAGE_SIZE :]
        blocks, part = divmod(pages - passed, self._block_size // PAGE_SIZE)
        there = min(blocks, self._blocks_due - self._to_skip)
        self._to_skip += there
        passed += there * (self._block_size // PAGE_SIZE)
        if part and self._load():
            self._rest = self._rest[part * PAGE_SIZE :]
            passed += part
        return passed

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        if not self._rest:
            block = next(self._blocks, None)
            if not block:
                return None if block is None else False
            self._rest = block
        self._take(page[:PAGE_SIZE])
        self.account.read += 1
        return True

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        self.account.weight = weight

    def _load(self) -> bool:
        """Have some of a block to hand out; whether there is some."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._rest = block
        return True

    def _take(self, room: memoryview) -> int:
        part = self._rest[: len(room)]
        room[: len(part)] = part
        self._rest = self._rest[len(part) :]
        return len(part)

    def __enter__(self) -> KdumpSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self._blocks.close()
        self._medium.close()


def _find_layout(medium: Medium) -> tuple[Layout, Struct]:
    """Whose numbers make sense: nothing in the header says."""
    data = read(medium, 0, row_size := header(Layout(64, True)).sizeof())
    if len(data) == row_size:
        for layout in (Layout(bits, order) for bits in (64, 32) for order in (True, False)):
            found = header(layout).parse(data)
            if found.block_size in _BLOCK_SIZES and 0 < found.header_version < 1 << 16:
                return layout, found
    raise TargetError(medium.name, "begins like a kdump file, but its header makes no sense")


def _count_bits(medium: Medium, offset: int, size: int) -> int:
    """Count the bits that are set in so many bytes, as far as they are there."""
    count = 0
    end = min(offset + size, medium.size or 0)
    while offset < end and (part := read(medium, offset, min(_WINDOW, end - offset))):
        count += int.from_bytes(part, "little").bit_count()
        offset += len(part)
    return count


def _unpack(codec: str, packed: bytes, size: int) -> bytes:
    """Unpack a block of *size* bytes.

    :raises ImportError: where no library here does it.
    """
    if codec == "zlib":
        return zlib.decompressobj().decompress(packed, size + 1)
    if codec == "zstd":
        from backports import zstd  # compression.zstd since Python 3.14

        return zstd.ZstdDecompressor().decompress(packed, size + 1)
    if codec == "lzo":
        unpacked: bytes = import_module("lzo").decompress(packed, False, size)
        return unpacked
    if codec == "snappy":
        return _unsnap(packed, size)
    return packed


def _unsnap(packed: bytes, size: int) -> bytes:
    snappy = import_module("snappy")
    claimed = shift = 0  # what it claims to become comes first, in groups of 7 bits
    for byte in packed[:5]:
        claimed |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    unpacked: bytes = snappy.uncompress(packed) if claimed == size else b""
    return unpacked
