# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages that a zram area holds compressed once more, by what they measure."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from ghostswap.mm.swap.space import SwapSpace
from ghostswap.mm.zram import Recompressed, WritebackMode, Zram
from ghostswap.page import PAGE_SIZE


def recompress(
    zram: Zram,
    swap: SwapSpace,
    page_of: Sequence[int],
    seconds: Sequence[array[int]],
    mode: WritebackMode | None,
    threshold: int,
) -> Recompressed:
    """Have *zram* compress blocks once more, all that it has being idle.

    A kernel that tries one algorithm at a time is told to, for each in turn.

    :param page_of: by slot of *swap*, its page.
    :param seconds: by algorithm, what each page measures by it.
    :param mode: and *threshold* as for :meth:`~ghostswap.mm.zram.Zram.recompress`.
    """
    (number,) = (n for n, area in enumerate(swap.areas) if area.type == "zram")

    def by(measured: array[int]) -> Callable[[int], int]:
        return lambda block: min(measured[page_of[swap.slot_at(number, block)]], PAGE_SIZE)

    algorithms = [by(second) for second in seconds]
    done = Recompressed([0] * len(algorithms))
    priorities = range(1, len(algorithms) + 1) if zram.recompresses_by_one else (None,)
    for priority in priorities:
        zram.mark_idle()
        done.add(zram.recompress(algorithms, mode, threshold=threshold, priority=priority))
    return done
