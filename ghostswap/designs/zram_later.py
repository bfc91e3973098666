# SPDX-License-Identifier: GPL-2.0-or-later
"""What zram is told to do with what it holds: compress it once more, write it back."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from ghostswap.designs.slotted import Slotted
from ghostswap.mm.swap.space import SwapSpace
from ghostswap.mm.zram import Recompressed, WritebackMode, Zram
from ghostswap.page import PAGE_SIZE


def recompress(
    backend: Slotted,
    zram: Zram,
    swap: SwapSpace,
    seconds: Sequence[array[int]],
    mode: WritebackMode | None,
    threshold: int,
) -> Recompressed:
    """Have *zram* compress blocks once more, all that it has being idle.

    A kernel that tries one algorithm at a time is told to, for each in turn.

    :param backend: whose pages *zram*, an area of *swap*, holds; as in :func:`write_back`.
    :param seconds: by algorithm, what each page measures by it.
    :param mode: and *threshold* as for :meth:`~ghostswap.mm.zram.Zram.recompress`.
    """
    number = _area_of_zram(swap)

    def by(measured: array[int]) -> Callable[[int], int]:
        return lambda block: min(measured[backend.page_at(swap.slot_at(number, block))], PAGE_SIZE)

    algorithms = [by(second) for second in seconds]
    done = Recompressed([0] * len(algorithms))
    priorities = range(1, len(algorithms) + 1) if zram.recompresses_by_one else (None,)
    for priority in priorities:
        zram.mark_idle()
        done.add(zram.recompress(algorithms, mode, threshold=threshold, priority=priority))
    return done


def write_back(backend: Slotted, zram: Zram, swap: SwapSpace, mode: WritebackMode) -> None:
    """Have *zram* move what *mode* names to its backing device, all that it has being idle."""
    number = _area_of_zram(swap)
    if "idle" in mode:
        zram.mark_idle()
    for block in zram.writeback(mode):
        backend.moved_to_disk(backend.page_at(swap.slot_at(number, block)), (number, block))


def _area_of_zram(swap: SwapSpace) -> int:
    (number,) = (n for n, area in enumerate(swap.areas) if area.type == "zram")
    return number
