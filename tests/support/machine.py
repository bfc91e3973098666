# SPDX-License-Identifier: GPL-2.0-or-later
"""A design with pages in front of it, that tests send out and call back one by one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from ghostswap import kernels
from ghostswap.codecs import REFUSED
from ghostswap.codecs.lengths import SAME
from ghostswap.designs import table as designs
from ghostswap.designs.backend import Redraws
from ghostswap.designs.table import Parameters
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.in_order import SwapInfo
from ghostswap.mm.vmscan.pageout import Origin, Out

PAGE = 4096
#: Pages by their measure: zeros, one word over and over, ordinary, and nothing that compresses.
ZERO, FILLED, PLAIN, RANDOM = 0, SAME | 30, 1000, REFUSED


def disk(pages: int, prio: int | None = None, **options: Any) -> SwapInfo:
    return SwapInfo("/disk", "full", pages, prio, **options)


def ghost(pages: int, prio: int | None = None) -> SwapInfo:
    return SwapInfo("/ghost", "ghost", pages, prio)


class Machine:
    """*design* and pages that measure as *pages* says, all in memory and written to.

    :param group_of: by page, its cgroup's number; all are the first one's by default.
    """

    def __init__(
        self,
        design: str,
        pages: Iterable[int],
        *,
        kernel: str = "6.18",
        areas: Sequence[SwapInfo] = (),
        cgroups: Sequence[Cgroup] = (),
        group_of: Sequence[int] = (),
        ram: int = 1 << 30,
        redraws: Redraws = (),
        **parameters: Any,
    ) -> None:
        parameters.setdefault("size", 4 << 20)  # far from half full, unless a test says otherwise
        measured = array("H", pages)
        self.cgroups = list(cgroups) or [Cgroup()]
        self.group_of = list(group_of) or [0] * len(measured)
        self.kernel = kernels.get(kernel)
        self.parts = designs.build(
            design,
            self.kernel,
            measured,
            areas,
            self.cgroups,
            Parameters(ram, **parameters),
            redraws,
        )
        self.swapping, self.swap = self.parts.swapping, self.parts.swap
        self.areas = self.parts.swap.areas
        self.resident = self.swapping.resident = bytearray(b"\1" * len(measured))
        self.dirty = bytearray(self.resident)

    def out(self, *pages: int, dirty: bool | None = None) -> Out:
        """Send *pages* out; what became of the last one."""
        became = Out.ACTIVATE
        for page in pages:
            assert self.resident[page]
            written = bool(self.dirty[page]) if dirty is None else dirty
            became = self.swapping.swap_out(page, self.group_of[page], written)
            self.resident[page] = became is Out.ACTIVATE
        return became

    def back(self, *pages: int) -> Origin:
        """Call *pages* back; where the last one was."""
        for page in pages:
            assert not self.resident[page]
            origin = self.swapping.swap_in(page, self.group_of[page])
            self.resident[page] = 1
            self.dirty[page] = 0
        return origin

    def write(self, page: int) -> None:
        assert self.resident[page]
        self.dirty[page] = self.swapping.changed[page] = 1

    def place(self, page: int) -> Origin | None:
        """Where *page* is, ``None`` for in memory."""
        return None if self.resident[page] else self.swapping.origin_of(page)

    def sent(self, page: int = 0) -> Origin | None:
        """Send *page* out; where it is then."""
        self.out(page)
        return self.place(page)

    @property
    def zswap(self) -> dict[str, int]:
        """/sys/kernel/debug/zswap."""
        assert self.parts.zswap is not None
        return self.parts.zswap.debugfs()

    @property
    def zram(self) -> dict[str, int]:
        assert self.parts.zram is not None
        return self.parts.zram.stat()
