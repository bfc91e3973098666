# SPDX-License-Identifier: GPL-2.0-or-later
"""What a target holds: signatures and partition tables, found by libblkid itself.

So every format that libblkid knows is known here. API: libblkid/src/blkid.h, util-linux 2.38, 2.41.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

_SUBLKS_LABEL, _SUBLKS_UUID = 1 << 1, 1 << 3
_SUBLKS_TYPE, _SUBLKS_VERSION, _SUBLKS_MAGIC = 1 << 5, 1 << 8, 1 << 9
_FOUND, _NOTHING, _ERROR, _AMBIVALENT = 0, 1, -1, -2
#: What blkid tells of a target that matters here.
_TAGS = ("TYPE", "VERSION", "LABEL", "UUID", "PTTYPE")


class Signature(NamedTuple):
    """A magic number that some prober would believe.

    :ivar type: libblkid's name of what it announces, such as ``ext4``.
    :ivar offset: from the start of the target.
    """

    type: str
    offset: int
    magic: bytes


class Believed(NamedTuple):
    """What blkid(8) takes a target for.

    :ivar tags: ``TYPE``, ``VERSION``, ``LABEL``, ``UUID`` and ``PTTYPE``, those that there are.
    :ivar ambivalent: several formats could be meant, so it tells none.
    """

    tags: dict[str, bytes]
    ambivalent: bool = False


def available() -> bool:
    """Whether libblkid is here; where it is not, nothing can be known of a target's content."""
    return _library() is not None


def believed(fd: int, offset: int, size: int) -> Believed:
    """What ``blkid --probe`` says of the *size* bytes at *offset*.

    :raises OSError: where the target cannot be read, or libblkid is not here.
    """
    with _prober(fd, offset, size) as (blkid, probe):
        blkid.blkid_probe_enable_superblocks(probe, 1)
        wanted = _SUBLKS_LABEL | _SUBLKS_UUID | _SUBLKS_TYPE | _SUBLKS_VERSION
        blkid.blkid_probe_set_superblocks_flags(probe, wanted)
        blkid.blkid_probe_enable_partitions(probe, 1)
        status = blkid.blkid_do_safeprobe(probe)
        # 2.41 calls both an error: what is ambivalent, and what it cannot read.
        if status == _AMBIVALENT or (status == _ERROR and len([*signatures(fd, offset, size)]) > 1):
            return Believed({}, ambivalent=True)
        _check(status)
        values = ((name, _value(blkid, probe, name.encode())) for name in _TAGS)
        return Believed({name: value for name, value in values if value})


def signatures(fd: int, offset: int, size: int) -> Iterator[Signature]:
    """Every superblock signature between *offset* and *offset* + *size*, none of them changed.

    All copies are found, as wipefs(8) finds them: each is hidden in memory and probing goes on.

    :raises OSError: where a place could not be read, after all that could be; or libblkid is not
        here.
    """
    with _prober(fd, offset, size) as (blkid, probe):
        blkid.blkid_probe_enable_superblocks(probe, 1)
        blkid.blkid_probe_set_superblocks_flags(probe, _SUBLKS_TYPE | _SUBLKS_MAGIC)
        error = _FOUND
        while (status := blkid.blkid_do_probe(probe)) != _NOTHING:
            if status != _FOUND:
                error = status
                continue  # with the next format
            magic = _value(blkid, probe, b"SBMAGIC")
            place = _value(blkid, probe, b"SBMAGIC_OFFSET")
            if magic and place:
                name = _value(blkid, probe, b"TYPE").decode("utf-8", "replace")
                yield Signature(name, offset + int(place), magic)
            blkid.blkid_do_wipe(probe, 1)  # a dry run: hides it in the probe's own buffers
        _check(error)


def partition_table(fd: int) -> str | None:
    """The type of the partition table on a whole disk or image, such as ``dos``.

    :raises OSError: where the target cannot be read, or libblkid is not here.
    """
    with _prober(fd, 0, 0) as (blkid, probe):
        blkid.blkid_probe_enable_superblocks(probe, 0)
        blkid.blkid_probe_enable_partitions(probe, 1)
        status = blkid.blkid_do_fullprobe(probe)
        if status == _NOTHING:
            return None
        if status != _AMBIVALENT:
            _check(status)
        return _value(blkid, probe, b"PTTYPE").decode("ascii", "replace") or None


@cache
def _library() -> ctypes.CDLL | None:
    try:
        blkid = ctypes.CDLL("libblkid.so.1", use_errno=True)
    except OSError:
        return None
    blkid.blkid_new_probe.restype = ctypes.c_void_p
    blkid.blkid_probe_set_device.argtypes = (
        *(ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int64),
    )
    blkid.blkid_probe_lookup_value.argtypes = (
        *(ctypes.c_void_p, ctypes.c_char_p),
        *(ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t)),
    )
    for name in (
        "free_probe",
        "do_probe",
        "do_fullprobe",
        "do_safeprobe",
        "do_wipe",
        "probe_enable_superblocks",
        "probe_set_superblocks_flags",
        "probe_enable_partitions",
    ):
        function = getattr(blkid, f"blkid_{name}")
        takes_number = name.startswith("probe_") or name == "do_wipe"
        function.argtypes = (ctypes.c_void_p, ctypes.c_int) if takes_number else (ctypes.c_void_p,)
    blkid.blkid_free_probe.restype = None
    return blkid


@contextmanager
def _prober(fd: int, offset: int, size: int) -> Iterator[tuple[ctypes.CDLL, int]]:
    blkid = _library()
    if blkid is None:
        raise OSError(errno.ENOSYS, "libblkid is not here")
    probe = blkid.blkid_new_probe()
    if not probe:
        raise MemoryError
    try:
        if blkid.blkid_probe_set_device(probe, fd, offset, size):
            number = ctypes.get_errno()
            raise OSError(number, "libblkid cannot probe")
        yield blkid, probe
    finally:
        blkid.blkid_free_probe(probe)


def _check(status: int) -> None:
    if status < 0:
        number = (ctypes.get_errno() or errno.EIO) if status == _ERROR else -status
        raise OSError(number, os.strerror(number))


def _value(blkid: ctypes.CDLL, probe: int, name: bytes) -> bytes:
    data, length = ctypes.c_void_p(), ctypes.c_size_t()
    if blkid.blkid_probe_lookup_value(probe, name, ctypes.byref(data), ctypes.byref(length)):
        return b""
    value = ctypes.string_at(data.value or 0, length.value)
    return value if name == b"SBMAGIC" else value.partition(b"\0")[0]
