# SPDX-License-Identifier: GPL-2.0-or-later
"""How often work has to wait for a page to come back, once so much memory is freed.

By the miss-ratio curve of its touches under exact LRU (:mod:`ghostswap.study.curve`): what has left
are the pages that were not touched for longest.
"""

from __future__ import annotations

from typing import NamedTuple

from ghostswap.advise.options import Option
from ghostswap.page import PAGE_SIZE
from ghostswap.study.curve.curve import Curve

#: Shares of the memory that are to be freed.
SHARES = (0.25, 0.5, 0.75)


class Waits(NamedTuple):
    """What it takes an option to free some memory.

    :ivar freed: bytes to free.
    :ivar swapped: bytes that have to leave for that; ``None`` where all of them do not free it.
    :ivar major_faults: touches that wait then, and
    :ivar seconds: CPU time to bring their pages back and to have others leave; ``None`` where no
        page was timed.
    """

    freed: int
    swapped: int | None
    major_faults: int | None
    seconds: float | None


class Work(NamedTuple):
    """The touches of the memory in question.

    :ivar name: as the user has it.
    """

    name: str
    curve: Curve

    def waits(self, option: Option) -> list[Waits]:
        """What *option* makes of it, for each of :data:`SHARES`."""
        return [self._waits(option, round(option.memory * share)) for share in SHARES]

    def _waits(self, option: Option, freed: int) -> Waits:
        swapped = option.swapped_for(freed)
        if swapped is None:
            return Waits(freed, None, None, None)
        # With no memory at all the curve would have nothing to say.
        left = max(self.curve.pages - -(-swapped // PAGE_SIZE), 1)
        faults = self.curve.major_faults(left)
        time = option.time
        seconds = None if time is None else faults * time.round_trip_us / 1e6
        return Waits(freed, swapped, faults, seconds)
