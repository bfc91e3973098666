# SPDX-License-Identifier: GPL-2.0-or-later
"""One host of a contest as a task, for who has neither its memory nor its files."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from ghostswap import codecs
from ghostswap.designs import table
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.study.comparison import Contender, inversion
from ghostswap.study.fill import store_all
from ghostswap.study.host import Host
from ghostswap.study.memory import Measured
from ghostswap.study.run import Recorded, replay


@dataclass(frozen=True, slots=True)
class Column:
    """A host, and all that it takes to run it.

    It travels as pickled objects, and only between equal versions of ghostswap
    (:mod:`ghostswap.executor.on_dask`): who can reach a scheduler can run what they like anyway.

    :ivar measured: its memory, without the sources that it came from.
    :ivar last: of :func:`ghostswap.study.run.last_touches`; ``None`` for memory that is stored
        once.
    :ivar touches: those of traces in files, for who does not have these; else ``None``.
    :ivar made_by: :func:`identity` of who asks.
    """

    host: Host
    measured: Measured
    areas: Sequence[SwapArea]
    last: array[int] | None
    touches: Recorded | None
    made_by: str


def identity(host: Host) -> str:
    """All that may make another number of *host*: the version, and the codec."""
    kind = table.get(host.design).compresses_for
    return codecs.identity(host.compressor, host.kernel, kind)


def run(column: Column) -> Contender:
    """What becomes of the host of *column*.

    :raises GhostswapError: where this ghostswap is another than the asking.
    """
    codecs.check_identity(column.host.design, identity(column.host), column.made_by)
    return contend(column.host, column.measured, column.areas, column.last, column.touches)


def contend(
    host: Host,
    measured: Measured,
    areas: Sequence[SwapArea],
    last: array[int] | None,
    touches: Recorded | None = None,
) -> Contender:
    """*host*'s design among others.

    :param last: and *touches* as in :class:`Column`.
    """
    if last is None:
        return Contender(store_all(host, measured, areas, jobs=1), None)
    done = replay(host, measured, areas, traces=touches)
    return Contender(done.outcome(), inversion(last, done.disk_pages()))
