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
#: That at which options are set side by side.
_WEIGHED = 0.5


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

    def wait_us(self, option: Option) -> float:
        """Microseconds that a touch waits, as a mean of all, once half of the memory is freed.

        Where *option* does not free half of it, all of it has left.
        """
        swapped = option.swapped_for(round(option.memory * _WEIGHED))
        faults = self._major_faults(option.memory if swapped is None else swapped)
        return faults * (option.time.round_trip_us if option.time else 0) / self.curve.touches

    def _waits(self, option: Option, freed: int) -> Waits:
        swapped = option.swapped_for(freed)
        if swapped is None:
            return Waits(freed, None, None, None)
        faults = self._major_faults(swapped)
        time = option.time
        seconds = None if time is None else faults * time.round_trip_us / 1e6
        return Waits(freed, swapped, faults, seconds)

    def _major_faults(self, swapped: int) -> int:
        """Touches that wait where *swapped* bytes have left."""
        # With no memory at all the curve would have nothing to say.
        return self.curve.major_faults(max(self.curve.pages - -(-swapped // PAGE_SIZE), 1))
