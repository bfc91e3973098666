# SPDX-License-Identifier: GPL-2.0-or-later
"""Change bytes of an existing file or device, all of them or none."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from ghostswap import signals
from ghostswap.area.target.target import Target
from ghostswap.errors import GhostswapError, TargetError
from ghostswap.units import format_size


class Patch(NamedTuple):
    """Bytes that belong at an offset."""

    offset: int
    data: bytes


def apply(
    target: Target,
    patches: Sequence[Patch],
    *,
    size: int | None = None,
    mode: int | None = None,
) -> None:
    """Write *patches* in order and fsync; what cannot be undone, cutting the file, comes last.

    On an error, or Ctrl-C, what was there is put back. From the first write on, Ctrl-C waits.

    :param size: bytes the file has afterwards, all of them allocated where it grows or stays.
    :param mode: permission bits the file has afterwards.
    :raises TargetError: with everything as it was; or done, where the fsync after a cut failed.
    :raises GhostswapError: where even putting back failed, with the bytes that are missing, or
        was done but perhaps not on disk, with those that were put back.
    """
    target.check_size()
    before = [Patch(patch.offset, target.read(patch.offset, len(patch.data))) for patch in patches]
    cut = size is not None and size < target.size
    doing = ""
    with contextlib.ExitStack() as stack:
        try:
            if mode is not None and mode != target.mode:
                doing = f"cannot set mode {mode:04o}"
                os.fchmod(target.fd, mode)
            if size is not None and not cut:
                doing = f"cannot allocate {format_size(size)}"
                os.posix_fallocate(target.fd, 0, size)
            stack.enter_context(signals.held())
            for patch in patches:
                doing = f"cannot write at offset {patch.offset}"
                write_all(target.fd, patch)
            doing = "cannot write to disk"
            os.fsync(target.fd)
            if size is not None and cut:
                doing = f"cannot cut to {format_size(size)}"
                os.ftruncate(target.fd, size)
        except BaseException as error:
            stack.enter_context(signals.held())
            _put_back(target, before)
            if isinstance(error, OSError):
                raise TargetError.from_os(target.path, error, doing) from error
            raise
        if cut:
            try:
                os.fsync(target.fd)
            except OSError as error:
                doing = "is formatted and cut, but perhaps not yet on disk"
                raise TargetError.from_os(target.path, error, doing) from error


def write_all(fd: int, patch: Patch) -> None:
    """Write *patch* in one call.

    :raises OSError: also where less was written than asked, as on a device that shrank.
    """
    if os.pwrite(fd, patch.data, patch.offset) != len(patch.data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _put_back(target: Target, before: Sequence[Patch]) -> None:
    steps = [
        (f"at offset {patch.offset} were {patch.data.hex()}", partial(_restore, target.fd, patch))
        for patch in reversed(before)
    ]
    if target.kind == "file":
        steps += [
            (f"the size was {target.size}", partial(_restore_size, target)),
            (f"the mode was {target.mode:04o}", partial(_restore_mode, target)),
        ]
    lost, restored = [], []
    for what, step in steps:
        try:
            if step():
                restored.append(what)
        except OSError:
            lost.append(what)
    said = "could not be put back"
    try:
        os.fsync(target.fd)
    except OSError:
        if restored:
            said += ", or perhaps not on disk"
        if not lost:
            said = "was put back, but perhaps not on disk"
        lost += restored
    if lost:
        raise GhostswapError(
            f"{target.path}: writing failed, and what was there {said}", "; ".join(lost)
        )


# Each looks first, and tells whether there was anything to do: what was not changed yet cannot be
# lost by a second error.


def _restore(fd: int, patch: Patch) -> bool:
    changed = os.pread(fd, len(patch.data), patch.offset) != patch.data
    if changed:
        write_all(fd, patch)
    return changed


def _restore_size(target: Target) -> bool:
    changed = os.fstat(target.fd).st_size != target.size
    if changed:
        os.ftruncate(target.fd, target.size)
    return changed


def _restore_mode(target: Target) -> bool:
    changed = stat.S_IMODE(os.fstat(target.fd).st_mode) != target.mode
    if changed:
        os.fchmod(target.fd, target.mode)
    return changed
