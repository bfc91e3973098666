# SPDX-License-Identifier: GPL-2.0-or-later
"""A partition, as the table of its disk has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Partition types that say "Linux swap".
SWAP_TYPES = ("82", "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")


@dataclass(frozen=True, slots=True)
class Partition:
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
