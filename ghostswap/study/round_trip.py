# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes behind an emulated store: compressed for real, and compared on their way back.

A page is compared with what it was by a digest of 128 bits, so that no second copy is kept.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from ghostswap.area.header.header import Header
from ghostswap.area.target.target import Target
from ghostswap.codecs import Codec
from ghostswap.errors import GhostswapError, TargetError
from ghostswap.mm.swap.in_order import SwapSpace
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.pages.source import PAGE_SIZE
from ghostswap.study.fill import Fill
from ghostswap.study.zram_fill import ZERO, ZramFill

if TYPE_CHECKING:
    from ghostswap.mm.zram import WritebackMode

_WORD = 8


class Difference(GhostswapError):
    """A page came back as another."""

    def __init__(self, number: int, where: str) -> None:
        super().__init__(
            f"page {number} of the source came back from {where} as another one",
            "this is a defect of ghostswap or of the machine: please report it",
        )
        self.number = number


def digest(page: memoryview | bytes) -> bytes:
    """What tells a page from all others."""
    return blake2b(page, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class _Entry:
    """A stored page.

    :ivar number: of the page in the source.
    :ivar length: as the codec's ``lengths`` have it.
    """

    number: int
    length: int
    data: bytes
    digest: bytes


class Store:
    """What zswap or zram hold, by slot.

    :param raw_from: pages of this compressed length or more are kept as they are.
    :param damage: what happens to the bytes of a page, by its number, while they are here: for
        tests, which have to see that it is noticed.
    :ivar loads: pages that came back as they were.
    """

    def __init__(
        self, codec: Codec, raw_from: int, damage: Callable[[int, bytes], bytes] | None = None
    ) -> None:
        self.loads = 0
        self._codec = codec
        self._raw_from = raw_from
        self._damage = damage
        self._entries: dict[int, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def slots(self) -> list[int]:
        """Slots whose pages are here."""
        return list(self._entries)

    def store(self, slot: int, number: int, page: memoryview, length: int) -> None:
        """Keep the page of *slot*, the *number*-th of the source.

        :param length: what the codec's ``lengths`` say of it; 0 for one word over and over.
        :raises Difference: where it compresses to another length.
        """
        if length == 0:
            data = bytes(page[:_WORD])
        elif length >= self._raw_from:
            data = bytes(page)
        else:
            data = self._codec.compress(page)
            if len(data) != length:
                raise Difference(number, f"{self._codec.name}, with {len(data)} bytes")
        if self._damage is not None:
            data = self._damage(number, data)
        self._entries[slot] = _Entry(number, length, data, digest(page))

    def load(self, slot: int) -> bytes:
        """Bring the page of *slot* back; it stays here too.

        :raises Difference: where it is not what was stored.
        """
        entry = self._entries[slot]
        try:
            page = self._expand(entry)
        except ValueError:
            page = b""
        if digest(page) != entry.digest:
            raise Difference(entry.number, self._codec.name)
        self.loads += 1
        return page

    def take(self, slot: int) -> tuple[int, bytes]:
        """:meth:`load`, and forget; the number of the page, and the page."""
        page = self.load(slot)
        return self._entries.pop(slot).number, page

    def _expand(self, entry: _Entry) -> bytes:
        if entry.length == 0:
            return entry.data * (PAGE_SIZE // _WORD)
        if entry.length >= self._raw_from:
            return entry.data
        return self._codec.decompress(entry.data)


class Disk:
    """The pages of a full swap area, by the numbers of its usable slots."""

    def __init__(self, target: Target, header: Header) -> None:
        self._target = target
        self._badpages = sorted(set(header.badpages))

    def write(self, slot: int, page: bytes | memoryview) -> None:
        """Overwrite the page of *slot*.

        :raises TargetError: when the system refuses.
        """
        try:
            written = os.pwrite(self._target.fd, page, self._offset(slot))
        except OSError as error:
            raise TargetError.from_os(self._target.path, error, "cannot write") from error
        if written != PAGE_SIZE:
            raise TargetError(self._target.path, f"only {written} bytes of a page were written")

    def sync(self) -> None:
        """See to it that :meth:`read` asks the disk, not the page cache.

        :raises TargetError: when the system refuses.
        """
        try:
            os.fsync(self._target.fd)
        except OSError as error:
            raise TargetError.from_os(self._target.path, error, "cannot write") from error
        os.posix_fadvise(self._target.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def read(self, slot: int) -> bytes:
        """The page of *slot*."""
        return self._target.read(self._offset(slot), PAGE_SIZE)

    def _offset(self, slot: int) -> int:
        page = slot + 1  # behind the header
        for bad in self._badpages:
            page += bad <= page
        return page * PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Verified:
    """Pages that came back as they were.

    :ivar loads: from the store, those on their way to the disk among them.
    :ivar disk_reads: from the disk.
    """

    loads: int
    disk_reads: int


class ZswapVerifier:
    """Swaps pages out through *zswap*, which is new, and brings all of them back.

    :param store: empty, for the bytes of the pages in zswap.
    :param disks: by the number of the area in *swap*; full areas without one are imagined.
    """

    def __init__(
        self, zswap: Zswap, swap: SwapSpace, store: Store, disks: Mapping[int, Disk]
    ) -> None:
        self.fill = Fill(zswap, swap, witness=self)
        self._swap = swap
        self._store = store
        self._disks = disks
        self._on_disk: dict[int, tuple[int, bytes]] = {}
        self._number = -1
        self._page = memoryview(b"")
        self._length = 0

    def swap_out(self, pages: memoryview, lengths: array[int]) -> None:
        """Swap out the next pages, given their compressed lengths.

        :raises Difference: where one that is written back is not what it was.
        """
        for place, length in enumerate(lengths):
            self._number += 1
            self._page = pages[place * PAGE_SIZE : (place + 1) * PAGE_SIZE]
            self._length = length
            self.fill.swap_out(lengths[place : place + 1])
        self._page = memoryview(b"")

    def finish(self) -> Verified:
        """Bring back every page that left memory.

        :raises Difference: for the first that is not what it was.
        """
        self.fill.finish()
        for slot in self._store.slots():
            self._store.load(slot)
        for disk in self._disks.values():
            disk.sync()
        for slot, (number, expected) in self._on_disk.items():
            disk, offset = self._place(slot)
            if digest(disk.read(offset)) != expected:
                raise Difference(number, self._swap.area_of(slot).path)
        return Verified(self._store.loads, len(self._on_disk))

    # As the witness of the fill

    def zeroed(self, slot: int) -> None:  # noqa: ARG002
        """The zeromap has one bit for it, so a page of zeros is all that can come back."""
        if any(self._page):
            raise Difference(self._number, "the zeromap")

    def stored(self, slot: int) -> None:
        self._store.store(slot, self._number, self._page, self._length)

    def written(self, slot: int) -> None:
        self._write(slot, self._number, self._page)

    def written_back(self, slot: int) -> None:
        self._write(slot, *self._store.take(slot))

    def _write(self, slot: int, number: int, page: bytes | memoryview) -> None:
        if self._swap.locate(slot)[0] in self._disks:
            disk, offset = self._place(slot)
            disk.write(offset, page)
            self._on_disk[slot] = number, digest(page)

    def _place(self, slot: int) -> tuple[Disk, int]:
        number, offset = self._swap.locate(slot)
        return self._disks[number], offset


class ZramVerifier:
    """Writes pages through *fill*, which is new and keeps its table, and reads all of them."""

    def __init__(self, fill: ZramFill, store: Store) -> None:
        self.fill = fill
        self._store = store
        self._number = -1

    def swap_out(self, pages: memoryview, lengths: array[int]) -> None:
        """Write the next pages, given their compressed lengths."""
        for place, length in enumerate(lengths):
            self._number += 1
            page = pages[place * PAGE_SIZE : (place + 1) * PAGE_SIZE]
            left = self.fill.swap_out_page(length)
            if length == ZERO:
                if any(page):
                    raise Difference(self._number, "the zeromap")
            elif left:
                self._store.store(self._number, self._number, page, length)

    def writeback(self, mode: WritebackMode) -> None:
        """As :meth:`ZramFill.writeback`; what goes is decompressed, which checks it.

        :raises Difference: where a page is not what it was.
        """
        for block in self.fill.writeback(mode):
            self._store.take(block)

    def finish(self) -> Verified:
        """Read every page.

        :raises Difference: for the first that is not what it was.
        """
        for block in self._store.slots():
            self._store.load(block)
        return Verified(self._store.loads, 0)
