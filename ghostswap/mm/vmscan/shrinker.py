# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/shrinker.c: how much of a cache reclaim asks for, going by its priority."""

from __future__ import annotations

from collections.abc import Callable

DEFAULT_SEEKS = 2
SHRINK_BATCH = 128


class Shrinker:
    """``struct shrinker`` of one group.

    :param count: how many objects are worth offering, 0 for none.
    :param scan: visit so many of them.
    """

    def __init__(self, count: Callable[[], int], scan: Callable[[int], object]) -> None:
        self._count = count
        self._scan = scan
        self._nr_deferred = 0

    def shrink(self, priority: int) -> None:
        """``do_shrink_slab()``: too little to bother with is put off."""
        freeable = self._count()
        if not freeable:
            return
        delta = (freeable >> priority) * 4 // DEFAULT_SEEKS
        total_scan = min((self._nr_deferred >> priority) + delta, 2 * freeable)
        scanned = 0
        while total_scan >= min(SHRINK_BATCH, freeable):
            nr_to_scan = min(SHRINK_BATCH, total_scan)
            self._scan(nr_to_scan)
            total_scan -= nr_to_scan
            scanned += nr_to_scan
        self._nr_deferred = min(max(self._nr_deferred + delta - scanned, 0), 2 * freeable)
