# SPDX-License-Identifier: GPL-2.0-or-later
"""What a swap area lives in: a file or a block device; its size, holes, owner, and who uses it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from ghostswap.errors import TargetError
from ghostswap.files import check_type
from ghostswap.mounts import fstype, mounted_at, unescape
from ghostswap.units import shell_word

Kind = Literal["file", "block"]

#: Whether to take a lock: and wait for it, not at all, or only if nobody has it.
LockMode = Literal["yes", "no", "nonblock"]

_INSECURE = {"file": (0o7077, 0o600), "block": (0o7007, 0o660)}


class ActiveSwap(NamedTuple):
    """A row of /proc/swaps; sizes in KiB, as there."""

    path: str
    type: str
    size: int
    used: int
    priority: int


class Target(NamedTuple):
    """An open file or block device.

    :ivar path: as the user named it.
    :ivar fd: open for reading, or for both with ``open_target(write=True)``.
    :ivar size: bytes, of the device for a block device.
    :ivar allocated: bytes that take space on disk; the size for a block device.
    :ivar mode: permission bits.
    :ivar fstype: the file system that holds it, such as ``ext4``; ``""`` where not known.
    """

    path: str
    fd: int
    kind: Kind
    size: int
    allocated: int
    mode: int
    uid: int
    gid: int
    fstype: str

    def read(self, offset: int, length: int) -> bytes:
        """*length* bytes at *offset*, fewer at the end.

        :raises TargetError: when the system refuses.
        """
        pieces = []
        try:
            while length and (piece := os.pread(self.fd, length, offset)):
                pieces.append(piece)
                offset += len(piece)
                length -= len(piece)
        except OSError as error:
            raise TargetError.from_os(
                self.path, error, f"cannot read at offset {offset}"
            ) from error
        return b"".join(pieces)

    def check_size(self) -> None:
        """See that nobody has cut or grown it since it was looked at; a file is not locked to all.

        :raises TargetError: where somebody has.
        """
        try:
            size = os.lseek(self.fd, 0, os.SEEK_END)
        except OSError as error:
            raise TargetError.from_os(self.path, error, "cannot find its size") from error
        if size != self.size:
            raise TargetError(
                self.path,
                f"had {self.size} bytes and has {size} now, so it is left alone",
                "somebody else changes it; try again when they are done",
            )

    @property
    def insecure(self) -> int | None:
        """The permission bits to have instead where others may read or write it, else ``None``.

        As mkswap and swapon(8) of util-linux 2.43 object and propose.
        """
        mask, proposed = _INSECURE[self.kind]
        return proposed if self.mode & mask else None


@contextlib.contextmanager
def open_target(
    path: str, *, write: bool = False, follow: bool = True, exclusive: bool = True
) -> Iterator[Target]:
    """Open *path* without ever blocking on it or disturbing what is not a swap area.

    :param write: open for writing too.
    :param follow: whether *path* may be a symbolic link.
    :param exclusive: refuse to write to a block device that another program or device claims.
    :raises TargetError: where it cannot be opened, or is no file and no block device.
    """
    flags = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (os.O_RDWR if write else os.O_RDONLY)
    try:
        # Opening a device can move it (a tape rewinds), so look before opening as well.
        before = os.stat(path)
        check_type(path, before.st_mode)
        if write and exclusive and stat.S_ISBLK(before.st_mode):
            flags |= os.O_EXCL
        fd = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except OSError as error:
        raise TargetError.from_os(path, error, "cannot open") from error
    try:
        yield _examine(path, fd)
    finally:
        close(fd)


def _examine(path: str, fd: int) -> Target:
    try:
        info = os.fstat(fd)
        check_type(path, info.st_mode)
        block = stat.S_ISBLK(info.st_mode)
        size = os.lseek(fd, 0, os.SEEK_END) if block else info.st_size
    except OSError as error:
        raise TargetError.from_os(path, error, "cannot find its size") from error
    return Target(
        path=path,
        fd=fd,
        kind="block" if block else "file",
        size=size,
        allocated=size if block else info.st_blocks * 512,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        fstype="" if block else fstype(fd),
    )


def shell_path(path: str) -> str:
    """A target's path as it must stand in a command line: of a file itself, not of a link to it."""
    return shell_word(os.path.realpath(path) if os.path.islink(path) else path)


def close(fd: int) -> None:
    """Close *fd*; what close(2) says comes too late to matter: fsync(2) has spoken before."""
    with contextlib.suppress(OSError):
        os.close(fd)


def lock(target: Target, mode: LockMode, waiting: Callable[[], None]) -> Target:
    """Keep other formatters, and udev, out of *target* while it is open (flock(2)).

    :param waiting: called before waiting for whoever has the lock.
    :return: the target as they left it.
    :raises TargetError: where somebody has it and *mode* is not to wait.
    """
    if mode == "no":
        return target
    try:
        try:
            fcntl.flock(target.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if mode == "nonblock":
                raise TargetError(
                    target.path, "is locked by another process", "--lock waits for it"
                ) from error
            waiting()
            fcntl.flock(target.fd, fcntl.LOCK_EX)
    except OSError as error:
        raise TargetError.from_os(target.path, error, "cannot lock it") from error
    return _examine(target.path, target.fd)


def active_swaps(root: str = "") -> list[ActiveSwap]:
    """The rows of /proc/swaps; none where it cannot be read.

    :param root: the directory that stands for ``/``.
    """
    try:
        with open(f"{root}/proc/swaps", encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split() for line in file.read().splitlines()[1:]]
    except OSError:
        return []
    return [
        ActiveSwap(unescape(path), kind, int(size), int(used), int(priority))
        for path, kind, size, used, priority in (row for row in rows if len(row) == 5)
    ]


def active_swap(target: Target) -> ActiveSwap | None:
    """The row of /proc/swaps that is *target*, whatever name it was switched on by."""
    for row in active_swaps():
        # A row for a deleted file ends in " (deleted)" and matches by number, or not at all.
        if _same(row.path, target.fd):
            return row
    return None


def in_use(target: Target, *, swap: bool = True) -> str | None:
    """Who uses *target* now, so that writing to it would do harm; ``None`` for nobody.

    Swap areas, mounted devices, and files behind a loop device that is either.

    :param swap: whether being an active swap area counts.
    """
    if swap and active_swap(target) is not None:
        return "is an active swap area (see /proc/swaps)"
    if target.kind == "block":
        place = mounted_at(os.fstat(target.fd).st_rdev)
        return f"is mounted on {place}" if place else None
    for loop, number in _loops_on(target.fd):
        place = mounted_at(number)
        if place:
            return f"is behind {loop}, which is mounted on {place}"
        if swap and any(_number_of(row.path) == number for row in active_swaps()):
            return f"is behind {loop}, which is an active swap area"
    return None


def _same(path: str, fd: int) -> bool:
    try:
        there, here = os.stat(path), os.fstat(fd)
    except OSError:
        return False
    if stat.S_ISBLK(here.st_mode):
        return stat.S_ISBLK(there.st_mode) and there.st_rdev == here.st_rdev
    return os.path.samestat(there, here)


def _number_of(path: str) -> int | None:
    """The device number of the block device at *path*."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_rdev if stat.S_ISBLK(info.st_mode) else None


def _loops_on(fd: int) -> Iterator[tuple[str, int]]:
    """Loop devices whose backing file is open as *fd*: their path and device number."""
    with contextlib.suppress(OSError):
        for name in os.listdir("/sys/block"):
            if not name.startswith("loop"):
                continue
            base = f"/sys/block/{name}"
            with contextlib.suppress(OSError, ValueError):
                with open(f"{base}/loop/backing_file", encoding="utf-8") as file:
                    backing = file.read().rstrip("\n")
                with open(f"{base}/dev", encoding="utf-8") as file:
                    major, minor = map(int, file.read().split(":"))
                if _same(backing, fd):
                    yield f"/dev/{name}", os.makedev(major, minor)
