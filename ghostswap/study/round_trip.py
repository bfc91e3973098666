# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes behind an emulated store: compressed for real, and compared on their way back.

A page is compared with what it was by a digest of 128 bits, so that no second copy is kept.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from typing import NamedTuple

from ghostswap import kernels
from ghostswap.area.header.explain import inspect
from ghostswap.area.header.header import SWAPSPACE2
from ghostswap.area.target.target import Target, in_use, lock, open_target
from ghostswap.codecs import Codec
from ghostswap.codecs.measure import CHUNK_PAGES
from ghostswap.designs import table
from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.page import PAGE_SIZE, SAME, WORD
from ghostswap.pages import open_sources
from ghostswap.study.fill import Fill
from ghostswap.study.host import Host
from ghostswap.study.memory import Codecs, Measured, Progress, check_pages, quiet
from ghostswap.study.samples.estimators import Stratum


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


class _Entry(NamedTuple):
    """A stored page.

    :ivar view: what its keeper saw of it.
    """

    view: int
    data: bytes
    digest: bytes


class Store:
    """What zswap or zram hold, by the page's number.

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

    def numbers(self) -> list[int]:
        """The pages that are here."""
        return list(self._entries)

    def store(self, number: int, page: memoryview, view: int) -> None:
        """Keep *page*, the *number*-th.

        :param view: what its keeper sees of it: ``SAME`` for one word over and over, else a length.
        :raises Difference: where it compresses to another length.
        """
        if view == SAME:
            data = bytes(page[:WORD])
        elif view >= self._raw_from:
            data = bytes(page)
        else:
            data = self._codec.compress(page)
            if len(data) != view:
                raise Difference(number, f"{self._codec.name}, with {len(data)} bytes")
        if self._damage is not None:
            data = self._damage(number, data)
        self._entries[number] = _Entry(view, data, digest(page))

    def load(self, number: int) -> bytes:
        """Bring page *number* back; it stays here too.

        :raises Difference: where it is not what was stored.
        """
        entry = self._entries[number]
        try:
            page = self._expand(entry)
        except ValueError:
            page = b""
        if digest(page) != entry.digest:
            raise Difference(number, self._codec.name)
        self.loads += 1
        return page

    def take(self, number: int) -> bytes:
        """:meth:`load`, and forget."""
        page = self.load(number)
        del self._entries[number]
        return page

    def _expand(self, entry: _Entry) -> bytes:
        if entry.view == SAME:
            return entry.data * (PAGE_SIZE // WORD)
        if entry.view >= self._raw_from:
            return entry.data
        return self._codec.decompress(entry.data)


class Disk:
    """The pages of a full swap area, the header being page 0."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def write(self, number: int, page: bytes | memoryview) -> None:
        """Overwrite page *number*.

        :raises TargetError: when the system refuses.
        """
        try:
            written = os.pwrite(self._target.fd, page, number * PAGE_SIZE)
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

    def read(self, number: int) -> bytes:
        """Page *number*."""
        return self._target.read(number * PAGE_SIZE, PAGE_SIZE)


class Verified(NamedTuple):
    """Pages that came back as they were.

    :ivar loads: from the store, those on their way to the disk among them.
    :ivar disk_reads: from the disk.
    """

    loads: int
    disk_reads: int


class RoundTrip:
    """*host*'s memory stored once with its bytes, and all of it brought back.

    As a :class:`~ghostswap.designs.backend.Witness` it is told where each page goes.

    :param codec: the host's.
    :param areas: as for :class:`~ghostswap.study.machine.Machine`.
    :param disks: by the path of the area; full areas without one are imagined.
    :param damage: as for :class:`Store`.
    """

    def __init__(
        self,
        host: Host,
        codec: Codec,
        areas: Sequence[SwapArea],
        disks: Mapping[str, Disk],
        damage: Callable[[int, bytes], bytes] | None = None,
    ) -> None:
        design, kernel = table.get(host.design), kernels.get(host.kernel)
        keeps = design.is_zram or design.kernel(kernel).zswap.stores_incompressible
        self._store = Store(codec, PAGE_SIZE if keeps else PAGE_SIZE + 1, damage)
        self._disks = disks
        self._on_disk: dict[tuple[str, int], tuple[int, bytes]] = {}
        self._page = memoryview(b"")
        self.fill = Fill(host, [array("H")], areas, witness=self)

    def swap_out(self, pages: memoryview, measures: array[int]) -> None:
        """Swap out the next pages, which measure so.

        :raises Difference: where one that is written back is not what it was.
        """
        for place in range(len(measures)):
            self._page = pages[place * PAGE_SIZE : (place + 1) * PAGE_SIZE]
            self.fill.add(measures[place : place + 1])
        self._page = memoryview(b"")

    def finish(self) -> Verified:
        """Bring back every page that left memory.

        :raises Difference: for the first that is not what it was.
        """
        self.fill.finish()
        for number in self._store.numbers():
            self._store.load(number)
        for disk in self._disks.values():
            disk.sync()
        for (path, offset), (number, expected) in self._on_disk.items():
            if digest(self._disks[path].read(offset)) != expected:
                raise Difference(number, path)
        return Verified(self._store.loads, len(self._on_disk))

    # As the witness of the fill

    def zeroed(self, page: int) -> None:
        """The zeromap has one bit for it, so a page of zeros is all that can come back."""
        if any(self._page):
            raise Difference(page, "the zeromap")

    def stored(self, page: int) -> None:
        """Its bytes are kept as its keeper would."""
        self._store.store(page, self._page, self.fill.parts.backend.view_of(page))

    def written(self, page: int, place: tuple[int, int]) -> None:
        """It is written to the disk there, if that is a real one."""
        self._write(page, self._page, place)

    def written_back(self, page: int, place: tuple[int, int]) -> None:
        """It is decompressed and written to the disk there, if that is a real one."""
        self._write(page, self._store.take(page), place)

    def _write(self, number: int, page: bytes | memoryview, place: tuple[int, int]) -> None:
        area, offset = place
        path = self.fill.parts.swap.areas[area].path
        if path in self._disks:
            self._disks[path].write(offset, page)
            self._on_disk[path, offset] = number, digest(page)


@contextmanager
def open_disks(areas: Sequence[SwapArea], *, force: bool) -> Iterator[Mapping[str, Disk]]:
    """The full ones of *areas* by their paths, open for writing; imagined ones have no disk.

    :raises UsageError: without *force*, for whatever is in them is lost.
    :raises TargetError: where one is in use, or no longer what *areas* say.
    """
    disks = {}
    with ExitStack() as stack:
        for area in areas:
            if area.type != "full" or area.is_imagined:
                continue
            if not force:
                raise UsageError(
                    f"what is in {area.path} would be overwritten", "--force says that it may be"
                )
            target = stack.enter_context(open_target(area.path, write=True))
            if user := in_use(target):
                raise TargetError(area.path, user)
            lock(target, "nonblock", lambda: None)
            found = inspect(target)
            header = found.header
            now = (header.magic, header.page_size, found.type, header.usable_pages)
            if now != (SWAPSPACE2, PAGE_SIZE, area.type, area.pages):
                raise TargetError(area.path, "was changed since it was looked at", "try again")
            disks[area.path] = Disk(target)
        yield disks


def verify(
    host: Host, areas: Sequence[SwapArea], *, force: bool, progress: Progress = quiet
) -> tuple[Measured, Verified]:
    """Store the memory of *host*'s one process with its bytes, bring all back and compare.

    :param force: overwrite what is in full *areas*.
    :return: what its pages measured as, and how many came back from where.
    :raises Difference: for the first page that comes back as another.
    :raises UsageError: without *force* where there is something to overwrite.
    """
    if host.folio_order:
        raise UsageError("pages are verified one by one", "leave folio_order out")
    codecs = Codecs.wanted(host.compressor, host.kernel, (host.design,))
    (group,) = host.working
    (codec,) = codecs.of
    measured = array("H")
    buffer = memoryview(bytearray(CHUNK_PAGES * PAGE_SIZE))
    with open_disks(areas, force=force) as disks, open_sources(group.sources) as source:
        trip = RoundTrip(host, codec, areas, disks)
        with progress("compressing", source.pages) as advance:
            while filled := source.readinto(buffer):
                pages = codec.measure(buffer[:filled])
                trip.swap_out(buffer[:filled], pages)
                measured += pages
                advance(len(pages))
        check_pages(source, len(measured))
        verified = trip.finish()
    drawn = Stratum(len(measured), len(measured), len(measured))
    name = source.name
    found = Measured({name: source}, [measured], [measured], codecs.error, {name: (drawn,)})
    return found, verified
