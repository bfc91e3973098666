# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between kernels in how they reclaim (mm/vmscan.c, mm/memcontrol.c): a row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """How a kernel reclaims.

    :ivar pagevec_size: pages that wait, on each CPU, to be put on their list.
    :ivar flushes_late: reclaim takes the statistics of cgroups as they are, up to 2 s old
        (``mem_cgroup_flush_stats_ratelimited()``, 6.8); else it has them flushed.
    :ivar flush_every: faults from one flush to the next, 0 where statistics are always fresh. With
        that the kernel comes nearest to what it did where it was asked: 6.12 on a slow machine,
        6.18 on one where a fault took 10 us.
    :ivar partial_walks: reclaim goes no further through the groups than it needs to, the next one
        goes on from there, and only one that brought nothing goes through all (6.10).
    :ivar kernel_pages: pages that the kernel takes for a process beside the tables that map its
        memory, as recorded: other page tables, its stack and the like.
    """

    pagevec_size: int
    flushes_late: bool
    flush_every: int
    partial_walks: bool
    kernel_pages: int


#: Faults between two flushes where a fault takes 10 us.
FLUSH_EVERY = 200_000

#: By the name of the kernel.
RULES = {
    "6.1": Rules(15, False, 0, False, kernel_pages=26),
    "6.6": Rules(15, False, 0, False, kernel_pages=11),
    "6.12": Rules(31, True, 0, True, kernel_pages=11),
    "6.18": Rules(31, True, FLUSH_EVERY, True, kernel_pages=11),
}
