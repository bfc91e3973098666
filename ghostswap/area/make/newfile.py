# SPDX-License-Identifier: GPL-2.0-or-later
"""A new file that has no name until it is complete and on disk."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Callable, Iterator

from ghostswap import signals
from ghostswap.area.make import landing
from ghostswap.area.make.overwrite import Patch, write_all
from ghostswap.area.target.target import close
from ghostswap.errors import TargetError
from ghostswap.files import draft_name
from ghostswap.units import format_size

_RENAME_NOREPLACE = 1
#: What open(2) says where a file system has no O_TMPFILE.
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS)


def create(
    directory: int,
    path: str,
    content: Patch,
    allocate: int | None = None,
    what: str = "the header",
) -> None:
    """Make the file *path*, mode 0600, with *content*.

    :param directory: the open directory that it goes into; of *path* the last part counts.
    :param allocate: bytes to allocate on disk, fit for swap; by default the content's own.
    :param what: the content is, for an error.
    :raises TargetError: with no file left behind, unless only the last fsync failed; also where
        *path* has come to exist meanwhile.
    """
    doing = "cannot create"
    try:
        with _nameless(directory, os.path.basename(path)) as (fd, give_name):
            os.fchmod(fd, 0o600)
            if allocate is not None:
                landing.prepare_empty(fd, landing.of(directory)[1])
                doing = f"cannot allocate {format_size(allocate)}"
                os.posix_fallocate(fd, 0, allocate)
            doing = f"cannot write {what}"
            write_all(fd, content)
            os.fsync(fd)
            doing = "cannot create"
            give_name()
            doing = "is complete, but its name perhaps not yet on disk"
            os.fsync(directory)
    except OSError as error:
        raise TargetError.from_os(path, error, doing) from error


@contextlib.contextmanager
def open_directory(path: str) -> Iterator[int]:
    """The directory that *path* is to be created in.

    :raises TargetError: where it cannot be opened.
    """
    try:
        fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise TargetError.from_os(path, error, "cannot create") from error
    try:
        yield fd
    finally:
        close(fd)


@contextlib.contextmanager
def _nameless(directory: int, name: str) -> Iterator[tuple[int, Callable[[], None]]]:
    """A new file without its name, and what gives it the name; it vanishes without."""
    try:
        fd = os.open(".", os.O_RDWR | os.O_CLOEXEC | os.O_TMPFILE, 0o600, dir_fd=directory)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
        with _temporary(directory, name) as named:
            yield named
        return
    try:
        # With a dir_fd Python calls linkat(AT_SYMLINK_FOLLOW); without, link(2), which links
        # the symbolic link in /proc itself.
        yield fd, lambda: os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=directory)
    finally:
        close(fd)


@contextlib.contextmanager
def _temporary(directory: int, name: str) -> Iterator[tuple[int, Callable[[], None]]]:
    """The same under a name that nobody uses, for file systems without O_TMPFILE."""
    draft = draft_name(name)
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
    with contextlib.ExitStack() as stack:
        with signals.held():  # until somebody knows what to remove
            fd = os.open(draft, flags, 0o600, dir_fd=directory)
            stack.callback(_remove, directory, draft)
            stack.callback(close, fd)
        yield fd, lambda: _rename_noreplace(directory, draft, name)


def _remove(directory: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # it has been renamed
        os.unlink(name, dir_fd=directory)


def _rename_noreplace(directory: int, old: str, new: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(directory, os.fsencode(old), directory, os.fsencode(new), _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        if number != errno.EINVAL:
            raise OSError(number, os.strerror(number))
        # NFS and FUSE rename without flags only, but know links, which never replace either.
        os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory)
