# SPDX-License-Identifier: GPL-2.0-or-later
"""A page's measure as zswap and as zram of a kernel get to see it; see :mod:`ghostswap.page`."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from ghostswap.kernels.rules import Kernel
from ghostswap.mm.columns import counted, translated
from ghostswap.mm.zpool.size_class import huge_class_size, size_classes
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS


def for_zswap(kernel: Kernel, measured: array[int]) -> array[int]:
    """What zswap of *kernel* gets of pages that measured so.

    :return: ``ZEROS`` for the zeromap; ``SAME`` for what zswap keeps as a word; a length; or
        ``INCOMPRESSIBLE``.

    >>> from ghostswap import kernels
    >>> measured = array("H", [ZEROS, SAME + 30, 1500, INCOMPRESSIBLE])
    >>> for_zswap(kernels.get("6.1"), measured).tolist() == [SAME, SAME, 1500, INCOMPRESSIBLE]
    True
    >>> for_zswap(kernels.get("6.18"), measured).tolist() == [ZEROS, 30, 1500, INCOMPRESSIBLE]
    True
    """
    zeros = ZEROS if kernel.swap.zeromap else SAME
    keeps_words = kernel.zswap.same_filled

    def view(measure: int) -> int:
        if measure == ZEROS:
            return zeros
        if SAME < measure < INCOMPRESSIBLE:
            return SAME if keeps_words else measure - SAME
        return measure

    return _each(view, measured)


def for_zram(kernel: Kernel, measured: array[int], *, zeromap: bool = True) -> array[int]:
    """What zram of *kernel* gets.

    :param zeromap: zram is a swap area, so that pages of zeros stop at the zeromap if the kernel
        has one; else they are written to the device.
    :return: ``ZEROS`` for the zeromap; ``SAME`` for what zram keeps as a word; a length below the
        huge class, or ``PAGE_SIZE``.
    """
    huge = huge_class_size(size_classes(rules=kernel.zsmalloc))
    zeros = ZEROS if zeromap and kernel.swap.zeromap else SAME

    def view(measure: int) -> int:
        if measure == ZEROS:
            return zeros
        if SAME < measure < INCOMPRESSIBLE:
            return SAME
        return measure if measure < huge else PAGE_SIZE

    return _each(view, measured)


def _each(view: Callable[[int], int], measured: array[int]) -> array[int]:
    """*view* of each measure; there are many pages, and few measures."""
    views = {measure: view(measure) for measure in counted(measured)}
    if all(measure == found for measure, found in views.items()):
        return measured[:]
    return translated(measured, views)
