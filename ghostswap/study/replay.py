# SPDX-License-Identifier: GPL-2.0-or-later
"""A host at work: every group writes its memory once, then touches are replayed under limits."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.pages.touches import Touches
from ghostswap.study import account, band
from ghostswap.study.band import Timing
from ghostswap.study.host import Host
from ghostswap.study.machine import Machine
from ghostswap.study.outcome import GroupOutcome, Outcome, Sample

#: Steps of a timeline that are whole; one may follow that is not.
_SAMPLES = 60


class Replay:
    """*host* with its groups' memory *measured*, ready to run.

    :param measured: and *areas* as for :class:`~ghostswap.study.machine.Machine`.
    :param timing: the first of :func:`ghostswap.study.band.of_replay` where ``None``.
    :param drawn: pages of a sample, where others of *measured* are as these.
    """

    def __init__(
        self,
        host: Host,
        measured: Sequence[array[int]],
        areas: Sequence[SwapArea],
        timing: Timing | None = None,
        drawn: int | None = None,
    ) -> None:
        self._machine = Machine(host, measured, areas, timing or band.of_replay(host)[0])
        self._drawn = drawn
        self._memory, self._parts = self._machine.under_limits()
        self._touches = [0] * len(self._machine.members)
        self._timeline: list[Sample] = []

    @property
    def is_killed_by_chance(self) -> bool:
        """Whether a group was killed that might live where reclaim knew how things stand."""
        return any(self._memory.killed) and self._machine.timing.flush_every > 0

    def run(self, chunks: Iterable[Touches], touches: int | None) -> Iterator[int]:
        """Fill all memory, then replay *chunks*; yield how many touches each step took.

        :param touches: how many there will be, where that is known.
        """
        members, redraws = self._machine.members, self._machine.redraws
        for number in range(len(members)):
            self._memory.fill(number)
        self._sample()
        step = max(1, -(-(touches or 0) // _SAMPLES))
        passed = 0  # touches, those of the killed included
        for chunk in chunks:
            first = members[chunk.group].first
            end = 0
            while end < len(chunk.pages):
                due = len(self._timeline) * step
                start, end = end, end + due - passed
                pages = chunk.pages[start:end]
                passed += len(pages)
                writes = None if chunk.writes is None else chunk.writes[start:end]
                if first:
                    pages = array("I", [page + first for page in pages])
                if writes is not None and redraws[chunk.group] is not None:
                    self._parts.backend.note_writes(pages, writes)
                if not self._memory.killed[chunk.group]:
                    self._memory.touch(chunk.group, pages, writes)
                    self._touches[chunk.group] += len(pages)
                if passed == due:
                    if len(self._timeline) > _SAMPLES:  # nobody knew of so many touches
                        del self._timeline[1::2]
                        step *= 2
                    else:
                        self._sample()
                yield len(pages)
        if passed > (len(self._timeline) - 1) * step:
            self._sample()

    def outcome(self) -> Outcome:
        """What it came to so far."""
        return account.outcome(
            self._machine,
            self._parts,
            self._memory.mapped(),
            tuple(self._group(number) for number in range(len(self._machine.members))),
            timeline=tuple(self._timeline),
            drawn=self._drawn,
        )

    def disk_pages(self) -> Iterator[int]:
        """The pages that are on disk now, by number."""
        return account.disk_pages(self._parts.backend, self._memory.mapped())

    def _group(self, number: int) -> GroupOutcome:
        return account.group(
            self._machine,
            self._parts.backend,
            number,
            resident_pages=self._memory.nr_mapped(number),
            touches=self._touches[number],
            killed=self._memory.killed[number],
            events=self._events(number),
        )

    def _sample(self) -> None:
        disk = (area.inuse_pages for area in self._parts.swap.areas if area.type == "full")
        numbers = range(len(self._machine.members))
        backend = self._parts.backend
        self._timeline.append(
            Sample(
                sum(self._touches),
                sum(self._memory.events(number).pgmajfault for number in numbers),
                backend.pool_pages(),
                sum(map(self._memory.nr_mapped, numbers)),
                sum(disk),
                sum(backend.refused),
                sum(backend.no_slot),
            )
        )

    def _events(self, number: int) -> dict[str, int]:
        """``memory.stat`` of group *number*."""
        return account.events(self._memory.events(number))
