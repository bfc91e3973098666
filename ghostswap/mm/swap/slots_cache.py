# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/swap_slots.c, as far as freed slots keep their data."""

from __future__ import annotations


class SlotsReturn:
    """``slots_ret``: freed slots are kept back and go back all at once.

    :param size: how many, ``slots_returned`` of a kernel; 0 for one that keeps none.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._slots: list[int] = []

    def free(self, slot: int) -> list[int]:
        """Free *slot*, or keep it back; the slots whose data can go now."""
        if not self._size:
            return [slot]
        flushed: list[int] = []
        if len(self._slots) == self._size:
            flushed, self._slots = self._slots, []
        self._slots.append(slot)
        return flushed
