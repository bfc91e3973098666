# SPDX-License-Identifier: GPL-2.0-or-later
"""Touches under the limits of a cgroup: how often pages come back, with two lists and MGLRU."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import isqrt

from support.replays import PAGES, read_and_written, trace

from ghostswap import codecs, kernels
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.mm.vmscan.chooser import Policy
from ghostswap.study import account, band
from ghostswap.study.band import Timing
from ghostswap.study.host import Group, Host
from ghostswap.study.machine import Machine
from vm.guest import SWAP, Answers
from vm.table import Answer

#: Of the recorded traces so many touches, that a run may be short.
TOUCHES = 20_000
#: Milliseconds between two looks at memory.stat, which have the statistics of cgroups flushed; and
#: about as many faults lie between them in QEMU.
POLL, FLUSH_EVERY = 100, 250
#: Translations that QEMU keeps, where nobody reads memory.stat all the time.
TLB = 256
#: By the name of a corpus the share of pages that do not compress.
SHARES = {"c0": 0.0, "c5": 0.05, "c20": 0.2}
_LISTS: dict[Policy, str] = {"two-lists": "0", "mglru": "7"}
_ASKED = {"two-lists": "replay, two lists", "mglru": "replay, MGLRU"}


@cache
def corpora() -> dict[str, bytes]:
    """The corpora of tests/cases/replay-mixed.json.xz: made by one generator, in this order."""
    rng = random.Random(7)

    def page(share: float) -> bytes:
        if rng.random() < share:
            return rng.randbytes(4096)
        return rng.randbytes(rng.randrange(200, 2600)).ljust(4096, b"\0")

    return {name: b"".join(page(share) for _ in range(PAGES)) for name, share in SHARES.items()}


@dataclass(frozen=True)
class Replay:
    """A process that writes all pages of a corpus and then touches them, under its limits.

    :ivar percent: ``memory.max``, in percent of the corpus; so *zmax* and *smax*, those of
        ``memory.zswap.max`` and ``memory.swap.max``.
    """

    corpus: str
    trace: str
    percent: int
    zswap: bool = True
    policy: Policy = "two-lists"
    writeback: bool = True
    zmax: int | None = None
    smax: int | None = None

    @property
    def name(self) -> str:
        parts = [self.corpus, self.trace, f"{self.percent}%", "zswap" if self.zswap else "disk"]
        if not self.writeback:
            parts.append("wb0")
        parts += [f"zmax{self.zmax}"] if self.zmax is not None else []
        parts += [f"smax{self.smax}"] if self.smax is not None else []
        return "-".join(parts)

    def script(self) -> str:
        knobs = {"memory.max": _bytes(self.percent)}
        if self.zmax is not None:
            knobs["memory.zswap.max"] = _bytes(self.zmax)
        if self.smax is not None:
            knobs["memory.swap.max"] = _bytes(self.smax)
        if not self.writeback:
            knobs["memory.zswap.writeback"] = 0
        limits = "".join(f"echo {value} > /cgroup/job/{name}\n" for name, value in knobs.items())
        zswap = "/sys/module/zswap/parameters"
        return f"""\
echo "@job {self.policy}-{self.name}"
echo {_LISTS[self.policy]} > /sys/kernel/mm/lru_gen/enabled
[ ! -e {zswap}/zpool ] || echo zsmalloc > {zswap}/zpool
echo 20 > {zswap}/max_pool_percent
echo lz4 > {zswap}/compressor || echo lzo > {zswap}/compressor
echo "@comp $(cat {zswap}/compressor)"
echo {"Y" if self.zswap else "N"} > {zswap}/enabled
mkdir /cgroup/job
{limits}mkswap $swap > /dev/null && swapon $swap
sed 's/^/@before /' /proc/vmstat
helper replay /mnt/{self.corpus} /mnt/{self.trace} /cgroup/job x {POLL}
swapoff $swap
rmdir /cgroup/job
"""


def _bytes(percent: int) -> int:
    return percent * PAGES // 100 * 4096


def replays(kernel: str) -> list[Replay]:
    """What is asked of *kernel*."""
    knob = kernels.get(kernel).zswap.has_writeback_knob
    found = [
        Replay(corpus, trace, percent, zswap, policy)
        for policy in _LISTS
        for corpus, trace, percent, zswap in (
            ("c0", "zipf", 50, True),
            ("c0", "zipf", 50, False),
            ("c5", "zipf", 75, True),
        )
    ]
    found += [
        Replay("c5", "zipf", 50, zmax=10),
        Replay("c0", "zipf", 50, smax=75),
        Replay("c0", "zipf", 50, smax=40),
    ]
    if knob:
        found += [
            Replay("c5", "zipf", 50, writeback=False),
            Replay("c5", "zipf", 50, zmax=10, writeback=False),
        ]
    return found


def files() -> dict[str, bytes]:
    """What the guest needs."""
    return {
        **{name: corpora()[name] for name in ("c0", "c5")},
        "zipf": trace("zipf")[:TOUCHES].tobytes(),
    }


def script(kernel: str) -> str:
    return "".join(replay.script() for replay in replays(kernel))


#: Counters of /proc/vmstat that are compared where one side has many.
_VMSTAT = ("zswpout", "zswpwb", "pswpin", "pswpout")
MANY = 200


@dataclass(frozen=True)
class Run:
    """What came of a replay.

    :ivar phase: 2 = all touches done, 1 = killed while touching, 0 = killed while filling.
    """

    phase: int
    counters: dict[str, int]


def host_of(kernel: str, asked: Replay, memtotal: int) -> Host:
    group = Group(
        "job",
        source="recorded",
        memory_max=_bytes(asked.percent),
        zswap_max=None if asked.zmax is None else _bytes(asked.zmax),
        swap_max=None if asked.smax is None else _bytes(asked.smax),
        zswap_writeback=asked.writeback,
    )
    return Host(
        memtotal,
        groups=(group,),
        kernel=kernel,
        design="classic",
        policy=asked.policy,
        zswap_enabled=asked.zswap,
    )


@cache
def _measured(kernel: str, comp: str, corpus: str) -> array[int]:
    return codecs.get(comp, kernel).measure(corpora()[corpus])


def predicted(kernel: str, asked: Replay, comp: str, memtotal: int, timing: Timing) -> Run:
    """What *asked* comes to where zswap compresses by *comp*."""
    host = host_of(kernel, asked, memtotal)
    areas = [SwapArea("disk", "full", (SWAP << 20) // 4096 - 1)]
    machine = Machine(host, [_measured(kernel, comp, asked.corpus)], areas, timing)
    memory, parts = machine.under_limits()
    memory.fill(0)
    if memory.killed[0]:
        return Run(0, {})
    touches = trace(asked.trace)[:TOUCHES]
    memory.touch(0, touches, read_and_written(touches))
    outcome = account.group(machine, parts.backend, 0, resident_pages=0)
    vmstat = parts.backend.vmstat
    zswap = parts.zswap
    counted = {
        "majflt": memory.events(0).pgmajfault,
        "memory.swap.current": outcome.swap_current,
        "zswpout": zswap.counters.zswpout if zswap else 0,
        "zswpwb": zswap.counters.written_back_pages if zswap else 0,
        "pswpin": vmstat.pswpin,
        "pswpout": vmstat.pswpout,
    }
    return Run(1 if memory.killed[0] else 2, counted)


def found(job: Answers) -> Run:
    """What the kernel did."""
    before, after = job.named("before"), job.named("after")
    counted = {name: after[name] - before[name] for name in _VMSTAT if name in after}
    counted["majflt"] = job.number("majflt")
    counted["memory.swap.current"] = job.number("swap.current")
    return Run(job.number("phase"), counted)


def compare(kernel: str, said: dict[str, Answers], memtotal: int) -> Iterator[Answer]:
    """Whether each group lived, and how its pages went."""
    for asked in replays(kernel):
        job = said.get(f"{asked.policy}-{asked.name}", Answers())
        if "phase" not in job:
            continue
        what, its = _ASKED[asked.policy], found(job)
        ((comp,),) = job.words["comp"]
        usual, *others = _timings(kernel, asked, memtotal)
        ours = predicted(kernel, asked, comp, memtotal, usual)
        yield Answer(kernel, what, f"{asked.name} phase", ours.phase, its.phase)
        if (ours.phase, its.phase) != (2, 2):
            continue
        answers = list(_counted(kernel, what, asked, [ours], its))
        if not all(answer.near for answer in answers):
            more = (predicted(kernel, asked, comp, memtotal, timing) for timing in others)
            runs = [ours, *more]
            answers = list(_counted(kernel, what, asked, runs, its))
        yield from answers


def _timings(kernel: str, asked: Replay, memtotal: int) -> list[Timing]:
    """The poll's, which flushes statistics and empties the TLB; then all others."""
    polled = Timing(FLUSH_EVERY, FLUSH_EVERY)
    fresh = asked.zmax is not None or asked.policy == "mglru"  # whose kernel flushes or reads none
    rest = band.of_replay(host_of(kernel, asked, memtotal))
    others = [Timing(), *rest, *(timing.made_fresh() for timing in rest), Timing(tlb=TLB)]
    return [*dict.fromkeys([Timing() if fresh else polled, *others])]


def _counted(kernel: str, what: str, asked: Replay, runs: list[Run], its: Run) -> Iterator[Answer]:
    """A question for each counter.

    Two boots of one kernel differ by as much as twice the root of what they count, as the recorded
    ones do; so the band is as much wider.
    """
    for name, value in runs[0].counters.items():
        found = its.counters.get(name, 0)
        if max(value, found) < MANY:
            continue
        values = [run.counters[name] for run in runs if run.phase == 2]
        chance = 2 * isqrt(found)
        least, most = min(values) - chance, max(values) + chance
        where = f"{asked.name} {name}"
        yield Answer(kernel, what, where, value, found, exact=False, band=(least, most))
