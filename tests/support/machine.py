# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs with pages in front of them: sent out and called back one by one, or stored once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from ghostswap import kernels
from ghostswap.designs import table
from ghostswap.designs.backend import Contents, Redraws
from ghostswap.designs.build import Parameters, build
from ghostswap.mm.memcontrol import Cgroup
from ghostswap.mm.swap.in_order import InOrderSpace
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.vmscan.pageout import Mapper, Origin, Out
from ghostswap.page import INCOMPRESSIBLE, PAGE_SIZE, SAME, ZEROS
from ghostswap.study.band import Timing
from ghostswap.study.fill import Fill
from ghostswap.study.host import Group, Host

PAGE = PAGE_SIZE
#: Pages by their measure: zeros, one word over and over, ordinary, and nothing that compresses.
ZERO, FILLED, PLAIN, RANDOM = ZEROS, SAME | 30, 1000, INCOMPRESSIBLE


def disk(pages: int, prio: int | None = None, **options: Any) -> SwapArea:
    return SwapArea("/disk", "full", pages, prio, **options)


def ghost(pages: int, prio: int | None = None) -> SwapArea:
    return SwapArea("/ghost", "ghost", pages, prio)


class Machine(Mapper):
    """*design* and pages that measure as *pages* says, all in memory and written to.

    :param group_of: by page, its cgroup's number; all are the first one's by default.
    """

    def __init__(
        self,
        design: str,
        pages: Iterable[int],
        *,
        kernel: str = "6.18",
        areas: Sequence[SwapArea] = (),
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
        self.resident = bytearray(b"\1" * len(measured))
        self.written_back: list[int] = []
        self.parts = build(
            table.get(design),
            self.kernel,
            Contents(measured, self.cgroups, self, redraws),
            areas,
            Parameters(ram, **parameters),
        )
        self.backend, self.swap = self.parts.backend, self.parts.swap
        self.areas = self.parts.swap.areas
        self.dirty = bytearray(self.resident)

    def is_mapped(self, page: int) -> bool:
        return self.resident[page] == 1

    def write_back(self, page: int, group: int) -> None:
        """zswap writes *page*, which its process has not got."""
        assert self.group_of[page] == group
        self.written_back.append(page)

    def out(self, *pages: int, dirty: bool | None = None) -> Out:
        """Send *pages* out; what became of the last one."""
        became = Out.ACTIVATE
        for page in pages:
            assert self.resident[page]
            written = bool(self.dirty[page]) if dirty is None else dirty
            became = self.backend.swap_out(page, self.group_of[page], written)
            self.resident[page] = became == Out.ACTIVATE
        return became

    def back(self, *pages: int) -> Origin:
        """Call *pages* back; where the last one was."""
        for page in pages:
            assert not self.resident[page]
            origin = self.backend.swap_in(page, self.group_of[page])
            self.resident[page] = 1
            self.dirty[page] = 0
        return origin

    def write(self, page: int) -> None:
        assert self.resident[page]
        self.dirty[page] = 1
        self.backend.note_writes(array("I", [page]), b"\1")

    def place(self, page: int) -> Origin | None:
        """Where *page* is, ``None`` for in memory."""
        return None if self.resident[page] else self.backend.origin_of(page)

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


def in_order(*areas: SwapArea, kernel: str = "6.18") -> InOrderSpace:
    """Slots by the number alone."""
    return InOrderSpace(areas, kernels.get(kernel).swap)


def host_of(kernel: str, areas: Sequence[SwapArea], **options: Any) -> Host:
    """A machine of one group over *areas*, in the design that they make up."""
    knobs = {key: options.pop(key) for key in ("zswap_max", "zswap_writeback") if key in options}
    options.setdefault("ram", 1 << 34)
    design = "ghost" if any(area.type == "ghost" for area in areas) else "classic"
    options.setdefault("design", design)
    group = Group("process", source="made up", **knobs)
    return Host(groups=(group,), kernel=kernel, **options)


def filling(
    kernel: str, areas: Sequence[SwapArea], timing: Timing | None = None, **options: Any
) -> Fill:
    """A fill of no pages yet: :meth:`Fill.add` stores them."""
    return Fill(host_of(kernel, areas, **options), [array("H")], areas, timing)
