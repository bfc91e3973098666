# SPDX-License-Identifier: GPL-2.0-or-later
"""The swap areas of a disk or disk image, wherever its partition table leads."""

from __future__ import annotations

from collections.abc import Iterator

from ghostswap.area.header import header
from ghostswap.area.header.explain import Inspection, inspect, outside
from ghostswap.area.target.partition import Partition, Place
from ghostswap.area.target.target import Target, shell_path
from ghostswap.errors import TargetError


def one(target: Target, offset: int = 0) -> Inspection:
    """As :func:`~ghostswap.area.header.explain.inspect`, with a word on partitions, if any.

    :raises TargetError: where no area is at *offset*.
    """
    try:
        return inspect(target, offset)
    except TargetError as error:
        if offset or error.errno is not None or target.read(510, 2) != b"\x55\xaa":
            raise
        if _partitions(target) is None:
            raise
        call = f"'ghostswap inspect --scan {shell_path(target.path)}'"
        hint = f"it has a partition table: {call} looks into the partitions"
        raise TargetError(target.path, error.reason, hint) from error


def scan(target: Target) -> Iterator[Inspection | TargetError]:
    """Every area in *target*: at its start, and in each partition that holds one.

    An error comes for a partition that is for swap, by its type, and holds none, for one that
    cannot be read, and where nothing is found at all.

    :raises TargetError: where the partition table is damaged.
    """
    nothing: TargetError | None = None
    try:
        yield inspect(target)
    except TargetError as error:
        nothing = error
    table = _partitions(target)
    for partition in table or ():
        try:
            yield inspect(target, partition=partition)
            nothing = None
        except TargetError as error:
            if partition.for_swap or error.errno is not None:
                nothing = None
                where = f"partition {partition.number}"
                if partition.for_swap:
                    where += ", for swap by its type"
                yield TargetError(target.path, f"{where}: {error.reason}", error.hint, error.errno)
    if nothing is not None:
        yield nothing if table is None else _nothing(target, table)


def at(offset: int, target: Target) -> list[Place]:
    """The one place at *offset*.

    :raises TargetError: where the target does not reach so far.
    """
    if offset and offset >= target.size:
        raise outside(target, offset)
    return [Place(offset)]


def places(target: Target) -> list[Place]:
    """Where in *target* areas are, or should be by a partition's type; without a table, all of it.

    :raises TargetError: where the partition table is damaged, or leads to no such place.
    """
    table = _partitions(target)
    if table is None:
        return [Place()]
    every = (Place(), *(Place(partition.start, partition) for partition in table))
    found = [place for place in every if _is_area(target, place)]
    if not found:
        raise _nothing(target, table)
    return found


def _partitions(target: Target) -> list[Partition] | None:
    from ghostswap.area.disk.partitions import partitions  # and its tables, which few need

    return partitions(target)


def _is_area(target: Target, place: Place) -> bool:
    if place.partition is not None and place.partition.for_swap:
        return True
    start = target.read(place.offset, min(header.MAX_HEADER, place.size(target.size)))
    return header.find_page_size(start) is not None


def _nothing(target: Target, table: list[Partition]) -> TargetError:
    return TargetError(target.path, f"no swap area in any of its {len(table)} partitions")
