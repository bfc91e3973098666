# SPDX-License-Identifier: GPL-2.0-or-later
"""From btrfs's own address space to a place on a device: its chunk tree, read by ioctl.

Structures: include/uapi/linux/btrfs.h and btrfs_tree.h, Linux 6.18.
"""

from __future__ import annotations

import fcntl
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ghostswap.units import format_uuid

_TREE_SEARCH_V2 = 0xC0709411
_FS_INFO = 0x8400941F
_DEV_INFO = 0xD000941E

_CHUNK_TREE = 3
_FIRST_CHUNK_TREE = 256
_CHUNK_ITEM = 228
_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1

_SEARCH = struct.Struct("=7Q4I4QQ")  # struct btrfs_ioctl_search_args_v2 without its buffer
_NR_ITEMS = struct.Struct("=64xI")  # key.nr_items in it, which the kernel sets
_HEADER = struct.Struct("=QQQII")  # struct btrfs_ioctl_search_header
_CHUNK = struct.Struct("<QQQQIIIHH")  # struct btrfs_chunk without its stripes
_STRIPE = struct.Struct("<QQ16s")  # struct btrfs_stripe
_BUFFER = 65536
#: BTRFS_BLOCK_GROUP_*: everything in a chunk's type that is no profile is data, system, metadata.
_PROFILES = {
    0x8: "raid0",
    0x10: "raid1",
    0x20: "dup",
    0x40: "raid10",
    0x80: "raid5",
    0x100: "raid6",
    0x200: "raid1c3",
    0x400: "raid1c4",
}


class Chunk(NamedTuple):
    """A range of the file system's address space, in bytes, and where it is kept.

    :ivar profile: ``single``, or how it is spread over places.
    :ivar devid: the device of its first stripe.
    :ivar physical: the first byte on that device.
    """

    logical: int
    length: int
    profile: str
    devid: int
    physical: int


def chunks(fd: int) -> Iterator[Chunk]:
    """The chunks of the file system that holds *fd*, by rising logical address.

    :raises PermissionError: without CAP_SYS_ADMIN.
    :raises OSError: from the ioctl.
    """
    for logical, item in _chunk_items(fd):
        length, _, _, kind, *_ = _CHUNK.unpack_from(item)
        profile = next((name for bit, name in _PROFILES.items() if kind & bit), "single")
        devid, physical, _ = _STRIPE.unpack_from(item, _CHUNK.size)
        yield Chunk(logical, length, profile, devid, physical)


def place(fd: int, logical: int) -> tuple[int, str]:
    """Where a *logical* address of the file system that holds *fd* is: byte, and which device.

    The device is named by the file system's UUID, or by its path where it is one of several.

    :raises ValueError: where the address lies in no chunk, or in one on several places.
    :raises OSError: as :func:`chunks`.
    """
    for chunk in chunks(fd):
        if chunk.logical <= logical < chunk.logical + chunk.length:
            if chunk.profile != "single":
                raise ValueError(f"its data has the profile {chunk.profile}, and swap wants single")
            return chunk.physical + logical - chunk.logical, _device(fd, chunk.devid)
    raise ValueError("the chunk tree does not know its place")


def _device(fd: int, devid: int) -> str:
    args = bytearray(1024)  # struct btrfs_ioctl_fs_info_args: max_id, num_devices, fsid, ...
    fcntl.ioctl(fd, _FS_INFO, args)
    _, devices, fsid = struct.unpack_from("=QQ16s", args)
    if devices == 1:
        return f"UUID={format_uuid(fsid)}"
    info = bytearray(4096)  # struct btrfs_ioctl_dev_info_args; path is its last 1024 bytes
    struct.pack_into("=Q", info, 0, devid)
    fcntl.ioctl(fd, _DEV_INFO, info)
    return info[-1024:].partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _chunk_items(fd: int) -> Iterator[tuple[int, bytes]]:
    """The chunk items by rising start: (first logical byte, item)."""
    start = 0
    while start <= _U64:
        key = (_CHUNK_TREE, _FIRST_CHUNK_TREE, _FIRST_CHUNK_TREE, start, _U64, 0, _U64)
        types = (_CHUNK_ITEM, _CHUNK_ITEM, _U32, 0)
        search = _SEARCH.pack(*key, *types, 0, 0, 0, 0, _BUFFER)
        buffer = bytearray(search + bytes(_BUFFER))
        fcntl.ioctl(fd, _TREE_SEARCH_V2, buffer)
        (items,) = _NR_ITEMS.unpack_from(buffer)
        if not items:
            return
        position = _SEARCH.size
        for _ in range(items):
            _, _, start, _, length = _HEADER.unpack_from(buffer, position)
            position += _HEADER.size
            yield start, bytes(buffer[position : position + length])
            position += length
        start += 1
