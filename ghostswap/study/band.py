# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel leaves to chance: how a host is run, how else its kernel may run it, the band.

A kernel that would not repeat its own numbers is run under each timing; what differs is a band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

from ghostswap import kernels
from ghostswap.designs import table
from ghostswap.designs.backend import Worker
from ghostswap.kernels.v6_17 import FLUSH_EVERY
from ghostswap.mm.vmscan.batches import WRITE_TIME
from ghostswap.study.host import Host
from ghostswap.study.outcome import Band

#: Translations of a CPU where all of a process's touches go through one.
_TLB = 1024
#: Seeds that are tried where addresses decide; the first one's run is the one to show.
_SEEDS = 8


class Timing(NamedTuple):
    """What a kernel leaves to chance, and another run may have otherwise.

    :ivar flush_every: faults from one flush of the statistics of cgroups to the next, 0 where they
        are fresh whenever reclaim looks, as if somebody read ``memory.stat`` all the time.
    :ivar flush_first: faults before the first flush, as many where ``None``.
    :ivar one_cpu: as for :class:`~ghostswap.mm.vmscan.memory.Setup`; so *tlb*, *walks_twice* and
        *write_time*, which are MGLRU's.
    :ivar worker: when zswap's shrink worker gets to run.
    :ivar seed: of what addresses decide; the host's own where ``None``.
    """

    flush_every: int = 0
    flush_first: int | None = None
    one_cpu: bool = False
    tlb: int = 0
    walks_twice: bool | None = None
    write_time: int = WRITE_TIME
    worker: Worker = Worker.AT_ONCE
    seed: int | None = None

    def made_fresh(self) -> Timing:
        """The same with statistics that are always fresh."""
        return self._replace(flush_every=0)


def of_replay(host: Host) -> list[Timing]:
    """How *host* is run, and how else its kernel may run it; one only where no timing matters."""
    rules = kernels.get(host.kernel).vmscan
    policy = host.policy
    if policy == "mglru":  # which reads no statistics
        return [
            Timing(),
            Timing(walks_twice=True),
            Timing(walks_twice=False),
            Timing(write_time=5 * WRITE_TIME),
            Timing(tlb=_TLB),
        ]
    usual = Timing(rules.flush_every if host.flush_every is None else host.flush_every)
    if policy == "lru":
        return [usual.made_fresh()]
    others = [usual._replace(one_cpu=True)]
    if rules.flushes_late:
        others.append(Timing(0 if usual.flush_every else FLUSH_EVERY))
    return [usual, *others]


def of_fill(host: Host, *, has_disk: bool, worker_wrote: bool) -> list[Timing]:
    """How memory is stored once on *host*, and how else; one only where no timing matters.

    :param has_disk: there is a disk that zswap's worker may write to.
    :param worker_wrote: it came to write a page.
    """
    design = table.get(host.design)
    drawn = design.has_zswap and design.kernel(kernels.get(host.kernel)).zswap.nr_zpools > 1
    matters = has_disk and (drawn or worker_wrote)
    workers = tuple(Worker) if matters else (Worker.AT_ONCE,)
    seeds = range(host.seed, host.seed + _SEEDS) if drawn else [host.seed] * len(workers)
    return [
        Timing(worker=worker, seed=seed)
        for seed, worker in zip(seeds, cycle(workers), strict=False)
    ]


def band(runs: Sequence[Mapping[str, int]]) -> Band:
    """The counters that differ between *runs*, all of which have the same."""
    found = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: (min(of), max(of)) for name, of in found.items() if min(of) != max(of)}
