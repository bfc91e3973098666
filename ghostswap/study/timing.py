# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel leaves to chance: how a host is run, and how else its kernel may run it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ghostswap import kernels
from ghostswap.kernels.reclaim import FLUSH_EVERY, RULES
from ghostswap.study.host import Host


@dataclass(frozen=True, slots=True)
class Timing:
    """What a kernel leaves to chance, and another run may have otherwise.

    :ivar flush_every: faults from one flush of the statistics of cgroups to the next, 0 where they
        are fresh whenever reclaim looks, as if somebody read ``memory.stat`` all the time.
    :ivar one_cpu: as for :class:`~ghostswap.mm.vmscan.memory.Memory`.
    """

    flush_every: int
    one_cpu: bool = False

    def made_fresh(self) -> Timing:
        """The same with statistics that are always fresh."""
        return replace(self, flush_every=0)


def timings(host: Host) -> list[Timing]:
    """How *host* is run, and how else its kernel may run it; one only where no timing matters."""
    rules = RULES[kernels.get(host.kernel).name]
    usual = Timing(rules.flush_every if host.flush_every is None else host.flush_every)
    if host.policy == "lru":
        return [usual.made_fresh()]
    others = [replace(usual, one_cpu=True)]
    if rules.flushes_late:
        others.append(Timing(0 if usual.flush_every else FLUSH_EVERY))
    return [usual, *others]
