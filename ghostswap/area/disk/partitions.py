# SPDX-License-Identifier: GPL-2.0-or-later
"""The partitions of a disk or disk image: MBR with its logical ones, and GPT.

Modelled: ``msdos_partition`` and ``parse_extended`` in block/partitions/msdos.c,
``is_gpt_valid`` and ``efi_partition`` in block/partitions/efi.c, Linux 6.18.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from typing import Any

from ghostswap.area.disk import disk_layout
from ghostswap.area.target.partition import Partition
from ghostswap.area.target.target import ActiveSwap, Target, active_swaps
from ghostswap.errors import TargetError

_EXTENDED = (0x05, 0x0F, 0x85)
_PROTECTIVE = 0xEE
#: The kernel numbers no more partitions than this (DISK_MAX_PARTS).
_LIMIT = 256
#: The kernel allocates no more for a GPT's entries (KMALLOC_MAX_SIZE).
_MAX_ENTRIES = 4 << 20
_BLKSSZGET = 0x1268


def partitions(target: Target) -> list[Partition] | None:
    """The partitions of *target*, ``None`` where it has no partition table.

    :raises TargetError: where the table is damaged.
    """
    sizes = _sector_sizes(target)
    boot = _boot_sector(target, 0)
    protective = boot is not None and any(row.sys_ind == _PROTECTIVE for row in boot.partitions)
    for sector in sizes:
        found = _gpt(target, sector)
        if found is not None:
            return found
    if protective:
        raise TargetError(
            target.path,
            "its partition table is a GPT, and both copies of it are damaged",
            "sgdisk --verify says more; with --offset a header is read without a table",
        )
    return None if boot is None else list(_dos(target, boot, sizes[0]))


def active_partition(target: Target, partition: Partition) -> ActiveSwap | None:
    """The row of /proc/swaps that is this partition of the disk *target*."""
    if target.kind != "block":
        return None
    number = os.fstat(target.fd).st_rdev
    disk = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    for row in active_swaps():
        with contextlib.suppress(OSError, ValueError):
            number = os.stat(row.path).st_rdev
            place = os.path.realpath(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
            with open(f"{place}/start", encoding="ascii") as file:
                start = int(file.read()) * 512  # in these units, whatever the disk's sectors
            if os.path.dirname(place) == disk and start == partition.start:
                return row
    return None


def _sector_sizes(target: Target) -> tuple[int, ...]:
    """Logical sector sizes to try; an image does not say which its disk had."""
    if target.kind == "block":
        buffer = bytearray(4)
        with contextlib.suppress(OSError):
            fcntl.ioctl(target.fd, _BLKSSZGET, buffer)
            return struct.unpack("=I", buffer)
    return (512, 4096)


def _boot_sector(target: Target, offset: int) -> Any:
    """The boot sector at *offset*, ``None`` where there is none with partitions in it."""
    start = target.read(offset, disk_layout.boot_sector.sizeof())
    if len(start) < disk_layout.boot_sector.sizeof() or not start.endswith(b"\x55\xaa"):
        return None
    sector = disk_layout.boot_sector.parse(start)
    # A FAT boot sector has the same last bytes; its code is no table: boot_ind tells.
    if any(row.boot_ind not in (0, 0x80) for row in sector.partitions):
        return None
    return sector if any(row.sys_ind and row.nr_sects for row in sector.partitions) else None


def _dos(target: Target, boot: Any, sector: int) -> Iterator[Partition]:
    disk = f"{boot.disk_id:08x}"

    def row(number: int, start: int, found: Any) -> Partition:
        return Partition(
            table="dos",
            number=number,
            start=start * sector,
            size=found.nr_sects * sector,
            type=f"{found.sys_ind:02x}",
            uuid=f"{disk}-{number:02x}",
        )

    extended = []
    for number, found in enumerate(boot.partitions, 1):
        if found.sys_ind in _EXTENDED:
            extended.append(found.start_sect)
        elif found.sys_ind and found.nr_sects:
            yield row(number, found.start_sect, found)
    logical = (pair for first in extended for pair in _logical(target, first, sector))
    for number, (start, found) in zip(range(5, _LIMIT), logical, strict=False):
        yield row(number, start, found)


def _logical(target: Target, first: int, sector: int) -> Iterator[tuple[int, Any]]:
    """The partitions in an extended one: (start sector, entry)."""
    here, seen = first, set[int]()
    # Each boot sector of the chain holds a partition, and where the next one is.
    while here not in seen and len(seen) < _LIMIT:
        seen.add(here)
        boot = _boot_sector(target, here * sector)
        if boot is None:
            return
        following = None
        for found in boot.partitions:
            if found.sys_ind in _EXTENDED:
                following = following or found
            elif found.sys_ind and found.nr_sects:
                yield here + found.start_sect, found
        if following is None:
            return
        here = first + following.start_sect


def _gpt(target: Target, sector: int) -> list[Partition] | None:
    """The partitions of the first copy that is whole: at the disk's start, else at its end."""
    for lba in (1, target.size // sector - 1):
        header = _gpt_header(target, sector, lba)
        if header is not None:
            entries = _gpt_entries(target, sector, header)
            if entries is not None:
                return entries
    return None


def _gpt_header(target: Target, sector: int, lba: int) -> Any:
    block = target.read(lba * sector, sector) if lba > 0 else b""
    if len(block) < sector or not block.startswith(b"EFI PART"):
        return None
    header = disk_layout.gpt_header.parse(block)
    size = header.header_size
    if not disk_layout.gpt_header.sizeof() <= size <= len(block):
        return None
    without = block[:16] + bytes(4) + block[20:size]
    good = zlib.crc32(without) == header.header_crc32 and header.my_lba == lba
    return header if good else None


def _gpt_entries(target: Target, sector: int, header: Any) -> list[Partition] | None:
    each, count = header.sizeof_partition_entry, header.num_partition_entries
    if each != disk_layout.gpt_entry.sizeof() or each * count > _MAX_ENTRIES:
        return None  # the kernel takes no other
    place = header.partition_entry_lba * sector
    table = target.read(place, each * count) if place < target.size else b""
    if len(table) != each * count or zlib.crc32(table) != header.partition_entry_array_crc32:
        return None
    found = []
    for number in range(1, min(count, _LIMIT - 1) + 1):
        raw = table[(number - 1) * each : number * each]
        if not any(raw[:16]):
            continue
        entry = disk_layout.gpt_entry.parse(raw)
        if entry.starting_lba <= entry.ending_lba:
            found.append(
                Partition(
                    table="gpt",
                    number=number,
                    start=entry.starting_lba * sector,
                    size=(entry.ending_lba - entry.starting_lba + 1) * sector,
                    type=str(uuid.UUID(bytes_le=entry.partition_type_guid)),
                    uuid=str(uuid.UUID(bytes_le=entry.unique_partition_guid)),
                    name=_name(entry.partition_name),
                )
            )
    return found


def _name(raw: bytes) -> str:
    return raw.decode("utf-16-le", "replace").partition("\0")[0]
