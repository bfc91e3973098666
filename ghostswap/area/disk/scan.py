# SPDX-License-Identifier: GPL-2.0-or-later
"""The swap areas of a disk or disk image, wherever its partition table leads."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ghostswap.area.header.explain import Inspection, inspect
from ghostswap.area.target.target import Target
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
        from ghostswap.area.disk.partitions import partitions  # and its tables, which few need

        if partitions(target) is None:
            raise
        call = f"'ghostswap inspect --scan {shlex.quote(target.path)}'"
        hint = f"it has a partition table: {call} looks into the partitions"
        raise TargetError(target.path, error.reason, hint) from error


def scan(target: Target) -> Iterator[Inspection | TargetError]:
    """Every area in *target*: at its start, and in each partition that holds one.

    An error comes for a partition that is for swap, by its type, and holds none, for one that
    cannot be read, and where nothing is found at all.

    :raises TargetError: where the partition table is damaged.
    """
    from ghostswap.area.disk.partitions import partitions

    nothing: TargetError | None = None
    try:
        yield inspect(target)
    except TargetError as error:
        nothing = error
    table = partitions(target)
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
        yield (
            nothing
            if table is None
            else TargetError(target.path, f"no swap area in any of its {len(table)} partitions")
        )
