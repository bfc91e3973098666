# SPDX-License-Identifier: GPL-2.0-or-later
"""What a file or stream holds, told from its first bytes and not from its name."""

from __future__ import annotations

import os
import stat
from fractions import Fraction

from ghostswap.errors import TargetError, UsageError
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.dumps.files import RAW, RawSource
from ghostswap.pages.dumps.medium import FileMedium, ForwardMedium, Medium, StreamMedium, read
from ghostswap.pages.dumps.unpacked import FORMATS, UnpackedMedium
from ghostswap.pages.profiles import MAGIC
from ghostswap.pages.source import Account, Source

#: Enough for every format's first bytes.
_HEAD_SIZE = PAGE_SIZE
_ELF = b"\x7fELF"
#: Bytes of the largest profile that is read: some hundred million pages.
_MOST_PROFILE = 1 << 31
_KDUMP = b"KDUMP   "
_SWAP = b"SWAPSPACE2"
_SWAP_PLACE = PAGE_SIZE - len(_SWAP)
_FLATTENED = b"makedumpfile\0\0\0\0"


def open_file(path: str, *, is_area: bool = False) -> Source:
    """The pages of the file or block device at *path*.

    :param is_area: whether it has to be a swap area.
    :raises TargetError: where it cannot be read, or is not what it should be or begins like, or is
        a swap area that is in use.
    """
    medium = FileMedium(path)
    try:
        if is_area or _head(medium)[_SWAP_PLACE:] == _SWAP:
            from ghostswap.pages.dumps.swap_area import SwapAreaSource

            return SwapAreaSource(path, medium)
        return tell(path, medium)
    except BaseException:
        medium.close()
        raise


def tell(name: str, medium: Medium) -> Source:
    """The source of the pages in *medium*, which it closes; *name* is the user's for it.

    :raises TargetError: where they cannot be read, or are not what they begin like.
    """
    # A run needs one kind, and start-up is felt.
    head = _head(medium)
    for magic in FORMATS:
        if head.startswith(magic) and not isinstance(medium, UnpackedMedium):
            return tell(name, UnpackedMedium(medium, magic))
    if head.startswith(_FLATTENED) and isinstance(medium, FileMedium):
        from ghostswap.pages.dumps.flattened import FlattenedMedium

        return tell(name, FlattenedMedium(medium))
    if head.startswith(_KDUMP):
        from ghostswap.pages.dumps.kdump import KdumpSource

        return KdumpSource(name, medium)
    if head.startswith(MAGIC):
        from ghostswap.pages.profiles.source import ProfileSource

        source = ProfileSource(name, _read_all(medium))
        medium.close()  # which whoever called does where this fails
        return source
    if head.startswith(_ELF):
        from ghostswap.pages.dumps.core import CoreSource
        from ghostswap.pages.dumps.elf import layout_of

        if layout := layout_of(head):
            return CoreSource(name, medium, layout)
    return RawSource(name, medium)


def _read_all(medium: Medium) -> bytes:
    """A profile, whole.

    :raises TargetError: where there is more than any profile has.
    """
    data = b""
    while part := read(medium, len(data), 1 << 24):
        data += part
        if len(data) > _MOST_PROFILE:
            raise TargetError(medium.name, "is larger than any profile", "take a smaller sample")
    return data


def _head(medium: Medium) -> bytes:
    if isinstance(medium, ForwardMedium):
        return medium.peek(_HEAD_SIZE)
    start, _ = medium.data(0, _HEAD_SIZE)
    return b"" if start else read(medium, 0, _HEAD_SIZE)  # holes stay out of the page cache


class StreamSource:
    """The pages that come from standard input until it ends.

    What comes through a pipe is looked at when pages are wanted: whoever only asks whether there
    is something takes nothing out of it.

    :param fd: another file descriptor to read; it stays open.
    :raises UsageError: where it is a terminal, which would look as if nothing happened.
    :raises TargetError: where it is closed.
    """

    def __init__(self, fd: int = 0) -> None:
        self.name = "-"
        label = "standard input"
        if os.isatty(fd):
            raise UsageError("standard input is a terminal", "pipe memory into it, or name a file")
        try:
            is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        except OSError as error:
            raise TargetError.from_os(label, error) from error
        self._medium = FileMedium(label, fd) if is_file else StreamMedium(label, fd)
        self._told = tell(self.name, self._medium) if is_file else None

    @property
    def pages(self) -> int | None:
        """Pages expected in all; ``None`` before anything came through a pipe."""
        return self._told.pages if self._told else None

    @property
    def account(self) -> Account:
        """What was handed out and what was left so far."""
        return self._told.account if self._told else Account(RAW)

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer* as :meth:`Source.readinto` says, waiting for what is still to come."""
        return self._tell().readinto(buffer)

    def skip(self, pages: int) -> int:
        """Pass over pages as :meth:`Source.skip` says."""
        return self._tell().skip(pages)

    def read_one(self, page: memoryview) -> bool | None:
        """Read one page as :meth:`Source.read_one` says."""
        return self._tell().read_one(page)

    def weigh(self, weight: Fraction) -> None:
        """Weigh pages as :meth:`Source.weigh` says."""
        self._tell().weigh(weight)

    def _tell(self) -> Source:
        if self._told is None:
            self._told = tell(self.name, self._medium)
        return self._told

    def __enter__(self) -> StreamSource:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._told is not None:
            self._told.__exit__(*exc)
