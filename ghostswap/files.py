# SPDX-License-Identifier: GPL-2.0-or-later
"""What a path may name where a file is wanted, and a file that is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat

from ghostswap.errors import TargetError, UsageError

_OTHER_TYPES = {
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a character device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


def check_type(path: str, mode: int, stream_hint: str = "") -> None:
    """Refuse what is neither a regular file nor a block device.

    :param mode: ``st_mode`` of inode(7).
    :param stream_hint: what to do with what bytes come from: a FIFO, a character device.
    :raises TargetError: saying what it is instead.
    """
    what = _OTHER_TYPES.get(stat.S_IFMT(mode))
    if what is not None:
        hint = stream_hint if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) else ""
        raise TargetError(path, f"is {what}, not a file or block device", hint)


def check_replaceable(path: str, begins: bytes, what: str) -> None:
    """Refuse a *path* that names anything but a file of the kind that is to be written there.

    :param begins: what files of that kind begin with.
    :param what: the kind.
    :raises TargetError: where something else is there, or nothing can be.
    """
    try:
        if not os.path.lexists(path):
            os.stat(os.path.dirname(path) or ".")
            return
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as file:
                if file.read(len(begins)) == begins:
                    return
    except OSError as error:
        raise TargetError.from_os(path, error, "cannot be written") from error
    except ValueError:
        raise UsageError(f"the name of the {what} has a NUL byte in it") from None
    raise TargetError(path, f"is there, and is no {what}", "give another name")


def draft_name(name: str) -> str:
    """What to call, beside it, what is to become *name*: so that nobody else uses it."""
    import secrets  # which only what writes has a use for

    return f".{name[:60]}.{secrets.token_hex(4)}"


def write_whole(path: str, data: bytes, begins: bytes, what: str, mode: int = 0o666) -> None:
    """Write *data* to *path*, whole or not at all; one of its kind that is there is replaced.

    :param begins: and *what* as for :func:`check_replaceable`.
    :param mode: of the file, less the umask.
    :raises TargetError: where that cannot be, or something of another kind is there.
    """
    check_replaceable(path, begins, what)
    directory, name = os.path.split(path)
    draft = os.path.join(directory, draft_name(name))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        fd = os.open(draft, flags, mode)
        try:
            with open(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            os.replace(draft, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
    except OSError as error:
        raise TargetError.from_os(path, error, "cannot be written") from error
