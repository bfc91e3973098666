# SPDX-License-Identifier: GPL-2.0-or-later
"""What a script may call; the names here are those of :mod:`ghostswap` itself.

>>> import ghostswap
>>> outcome = ghostswap.simulate("synthetic:1000:text", design="ghost", kernel="6.18")
>>> outcome.zswap["stored_pages"], outcome.kept_pages
(1000, 0)
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from functools import partial

from ghostswap import kernels
from ghostswap.area.header.explain import Inspection
from ghostswap.area.header.explain import inspect as _inspect
from ghostswap.area.judge.area import Machine
from ghostswap.area.judge.rules import Verdict
from ghostswap.area.judge.subject import Judges, judge_paths
from ghostswap.area.target.target import open_target
from ghostswap.codecs import get as _codec
from ghostswap.codecs.measure import measure as _measure
from ghostswap.here import mem_total
from ghostswap.pages import open_source
from ghostswap.pages.sampled import ALL, sample
from ghostswap.scenario.areas import open_areas
from ghostswap.study import fill, run
from ghostswap.study.host import Area, Group, Host, default_policy
from ghostswap.study.memory import measure_host
from ghostswap.study.outcome import Outcome

__all__ = ["Area", "Group", "Host", "inspect", "judge", "measure", "replay", "simulate"]


def inspect(path: str, offset: int = 0) -> Inspection:
    """Read the header of the swap area at *path*.

    :param offset: bytes into the file or device where the area begins.
    :raises TargetError: where there is no area, or it cannot be read.

    >>> ghostswap.inspect("/swapfile").header.last_page  # doctest: +SKIP
    1048575
    """
    with open_target(path) as target:
        return _inspect(target, offset)


def judge(path: str, kernel: str | None = None, ram: int | None = None) -> Verdict:
    """Say whether swapon(2) would take the area at *path*.

    :param kernel: a name of :data:`ghostswap.kernels.KERNELS`; the nearest to the running one
        where ``None``.
    :param ram: ``MemTotal`` of the machine in bytes; this one's where ``None``.
    :return: its ``accepted``, ``pages``, and a ``refusal`` with errno, log, reason and cure.
    :raises UsageError: for a kernel that is not known.
    """
    row = kernels.nearest(os.uname().release)[0] if kernel is None else kernels.get(kernel)
    machine = Machine(ram=mem_total() if ram is None else ram)
    (judgement,) = judge_paths([path], Judges((row,), machine))
    return judgement.verdicts[0]


def measure(source: str, compressor: str = "lz4", kernel: str | None = None) -> array[int]:
    """Say what each page of *source* measures as, in the alphabet of :mod:`ghostswap.page`.

    :param source: as ``simulate --pages`` takes it.
    :return: ``array('H')``, one number a page.
    :raises TargetError: where *source* cannot be read.
    :raises UsageError: for a compressor or kernel that is not known.

    >>> ghostswap.measure("synthetic:2:zero").tolist()
    [0, 0]
    """
    found = array("H")
    with open_source(source) as opened:
        for chunk in _measure(opened, _codec(compressor, kernel or kernels.RELEASES[-1])):
            found += chunk
    return found


def simulate(source: str, areas: Sequence[str] = (), **knobs: object) -> Outcome:
    """Store all pages of *source* once, in the design that is asked for.

    Of a profile that is a sample, totals are estimates and have ``intervals``.

    :param areas: paths of swap areas; what the design lacks is imagined.
    :param knobs: fields of :class:`~ghostswap.study.host.Host`, as ``design``, ``kernel``,
        ``compressor``, ``max_pool_percent``; ``ram`` is this machine's unless given.
    :raises GhostswapError: where something cannot be read or goes together with nothing.
    """
    host = _host(Group("process", source=source), areas, knobs)
    opened = list(open_areas(host.areas))
    measured = measure_host(host, (host.design,), None, sample=partial(sample, wanted=ALL))
    return fill.store_all(host, measured, opened)


def replay(source: str, touches: str, memory_max: int, **knobs: object) -> Outcome:
    """Write the pages of *source* once, then touch them under a limit.

    :param touches: a trace, as ``replay --touches`` takes it.
    :param memory_max: ``memory.max`` of the process in bytes.
    :param knobs: as for :func:`simulate`.
    :raises GhostswapError: as there.

    >>> outcome = ghostswap.replay("synthetic:2000:text", "zipf:0.8@5000", 4 << 20, design="zram")
    >>> outcome.groups[0].killed, outcome.touches
    (False, 5000)
    """
    group = Group("process", source=source, touches=touches, memory_max=memory_max)
    host = _host(group, (), knobs)
    measured = measure_host(host, (host.design,), None, stands_in=True)
    return run.replay(host, measured, []).outcome()


def _host(group: Group, areas: Sequence[str], knobs: dict[str, object]) -> Host:
    knobs.setdefault("ram", mem_total())
    if "policy" not in knobs:
        kernel = kernels.get(str(knobs.get("kernel", kernels.RELEASES[-1])))
        knobs["policy"], knobs["policy_from"] = default_policy(kernel)
    given = tuple(Area(path) for path in areas)
    return Host(groups=(group,), areas=given, **knobs)  # type: ignore[arg-type]  # as Host has it
