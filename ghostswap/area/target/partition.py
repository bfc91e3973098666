# SPDX-License-Identifier: GPL-2.0-or-later
"""A partition, as the table of its disk has it, and other parts of a target."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: Partition types that say "Linux swap".
SWAP_TYPES = ("82", "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")


class Partition(NamedTuple):
    """A range of a disk; offsets and sizes in bytes.

    :ivar number: as in the device's name; logical partitions start at 5.
    :ivar type: ``sys_ind`` of an MBR in hexadecimal, the type GUID of a GPT.
    :ivar uuid: what PARTUUID= names it by.
    :ivar name: a GPT's label of the partition, ``""`` elsewhere.
    """

    table: Literal["dos", "gpt"]
    number: int
    start: int
    size: int
    type: str
    uuid: str
    name: str = ""

    @property
    def for_swap(self) -> bool:
        """Whether the table says that it is for swap."""
        return self.type in SWAP_TYPES


class Place(NamedTuple):
    """A part of a target, where an area is or could be; as it stands, all of it.

    :ivar offset: its first byte.
    :ivar partition: that it is; ``None`` where it goes on to the end of the target.
    """

    offset: int = 0
    partition: Partition | None = None

    @property
    def is_inside(self) -> bool:
        """Whether it is not the whole target."""
        return self.offset > 0 or self.partition is not None

    def size(self, whole: int) -> int:
        """Its bytes, of a target of so many."""
        there = max(whole - self.offset, 0)
        return there if self.partition is None else min(there, self.partition.size)
