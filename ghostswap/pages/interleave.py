# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces of several cgroups that run at the same time, as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heapreplace

from ghostswap.pages.touches import Touches, Trace

#: Touches after which another trace may have its turn.
TURN_TOUCHES = 1024


def interleave(
    traces: Sequence[Trace], pages: Sequence[int], turn: int = TURN_TOUCHES
) -> Iterator[Touches]:
    """Run *traces* side by side, so that all end at the same time; the same way each time.

    One whose length is not known goes as fast as the longest of which it is.

    :param pages: of the memory of each group, also of those without a trace.
    :param turn: touches that a trace makes at most before the next.
    :raises UsageError: as :meth:`Trace.chunks`; so TargetError.
    """
    longest = max((trace.touches or 0 for trace in traces), default=0)
    lengths = [trace.touches or longest or 1 for trace in traces]
    turns = [_turns(trace.chunks(pages), turn) for trace in traces]
    # How far each has come, the one that is furthest behind first.
    queue = [(0.0, number) for number in range(len(traces))]
    heapify(queue)
    done = [0] * len(traces)
    while queue:
        number = queue[0][1]
        touches = next(turns[number], None)
        if touches is None:
            heappop(queue)
            continue
        yield touches
        done[number] += len(touches.pages)
        heapreplace(queue, (done[number] / lengths[number], number))


def _turns(chunks: Iterator[Touches], turn: int) -> Iterator[Touches]:
    for chunk in chunks:
        for at in range(0, len(chunk.pages), turn):
            end = at + turn
            writes = chunk.writes and chunk.writes[at:end]
            yield Touches(chunk.group, chunk.pages[at:end], writes)
