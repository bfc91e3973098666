# SPDX-License-Identifier: GPL-2.0-or-later
"""Room that the image of a machine that hibernates takes, beside pages that have left.

An image goes to free slots of one area on a disk (kernel/power/swap.c). The kernel makes room in
memory until the image is no larger than image_size, 2/5 of the memory unless it was told otherwise
(kernel/power/snapshot.c, Linux 6.18); the pool of zswap or zram is memory, and so in the image.
"""

from __future__ import annotations

from typing import NamedTuple

from ghostswap.advise.options import Option, Place
from ghostswap.designs import table
from ghostswap.units import format_size


class Hibernation(NamedTuple):
    """Sizes in bytes, of the moment at which all of the memory in question has left.

    :ivar image: the most that the image takes.
    :ivar slots: of the area that the pages have, and which therefore cannot hold the image.
    :ivar disk: of areas on disks, as advised.
    :ivar lacks: why the machine cannot hibernate, whatever there is; ``""`` where it can.
    :ivar because: the figures that decide, a clause.
    :ivar otherwise: what would have to change for another answer, a clause.
    """

    image: int
    slots: int
    disk: int
    lacks: str
    because: str
    otherwise: str

    @property
    def need(self) -> int:
        """Bytes of one area on a disk."""
        return self.image + self.slots

    @property
    def fits(self) -> bool:
        """Whether the areas that are advised have so many."""
        return not self.lacks and self.disk >= self.need


def hibernation(place: Place, option: Option) -> Hibernation:
    """What it takes with *option*."""
    limit = None if place.offered is None else place.offered.image_size
    whose = "image_size" if limit is not None else "image_size, 2/5 of the memory"
    if limit is None:
        limit = place.ram * 2 // 5
    image = max(limit, option.pool)
    has_slots = "disk" in table.get(option.design).backends
    slots = option.memory + place.swapped if has_slots else 0
    why = f"the image takes {format_size(limit)} at most ({whose})"
    pool = f"the pool of {format_size(option.pool)}"
    if option.pool > limit:
        why = f"{pool} is in the image, and more than {format_size(limit)} ({whose})"
    why += (
        f"; pages that left have {format_size(slots)} of slots beside it, those in the pool too"
        if has_slots
        else f"; it goes to a disk, and {pool} is in it"
    )
    lacks = ""
    if place.offered is not None and place.offered.image_size is None:
        lacks = "this kernel does not hibernate"
    other = f"less in /sys/power/image_size, down to {pool}, or less memory that has left"
    return Hibernation(image, slots, place.on_disk + option.disk, lacks, why, other)
