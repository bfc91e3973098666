# SPDX-License-Identifier: GPL-2.0-or-later
"""Major faults against memory, for a person or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from ghostswap.cli.reports.outcome import host_facts, percent, print_skipped
from ghostswap.cli.reports.outcome_json import SCHEMA, host_json, sources_json
from ghostswap.cli.reports.result import work_why
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.page import PAGE_SIZE
from ghostswap.study.curve.curve import Curve
from ghostswap.study.host import Host
from ghostswap.study.memory import Measured
from ghostswap.study.outcome import Outcome

#: Steps of the curve in a table, and in JSON.
_FEW, _MANY = 16, 100
_BARS = 60
#: Shares of the touches that wait, in words.
_SHARES = ((0.1, "one in 10"), (0.01, "one in 100"), (0.001, "one in 1,000"))
GUIDE = (
    "exact LRU, which no kernel has: both ways of a kernel's reclaim come within a tenth of its"
    " faults where 30 to 70 % of the memory fit, and mostly within a quarter elsewhere"
)
_UNMARKED = "no size was replayed through a kernel's own reclaim; add one, as in --curve=40M"


class Marked(NamedTuple):
    """A size at which the touches were replayed.

    :ivar memory_max: the limit in bytes; ``None`` where it was *limit_frames*.
    :ivar pages: that the process had in memory, as a mean over the work: what the kernel and the
        pool took of the limit is not among them.
    :ivar killed: it ran out of memory.
    """

    memory_max: int | None
    limit_frames: int | None
    pages: int
    major_faults: int
    touches: int
    killed: bool

    @classmethod
    def of(cls, host: Host, outcome: Outcome) -> Marked:
        """What *outcome* says of the one process of *host*."""
        (group,), (given,) = outcome.groups, host.working
        samples = outcome.timeline[1:] or outcome.timeline
        pages = round(fmean(sample.resident_pages for sample in samples))
        return cls(
            given.memory_max,
            given.limit_frames,
            max(pages, 1),
            group.events["pgmajfault"],
            group.touches,
            group.killed,
        )

    @property
    def bytes(self) -> int:
        """Memory of its pages."""
        return self.pages * PAGE_SIZE

    @property
    def miss_ratio(self) -> float:
        """The share of the touches that were major faults."""
        return self.major_faults / self.touches if self.touches else 0.0

    def limit(self, size: Callable[[int], str]) -> str:
        if self.memory_max is None:
            return f"{self.limit_frames} page frames"
        return f"--limit {size(self.memory_max)}"


class CurveReport(NamedTuple):
    """A curve with what it belongs to.

    :ivar measured: only counted where nothing is *marked*.
    """

    host: Host
    measured: Measured
    curve: Curve
    marked: Sequence[Marked]

    def emit_json(self) -> None:
        curve = self.curve
        if self.marked:
            about = host_json(self.host, self.measured, work_why(self.host, self.measured))
        else:
            about = {"schema": SCHEMA, **sources_json(self.measured)}
        emit_json(
            {
                **about,
                "pages": curve.pages,
                "touches": curve.touches,
                "curve": [self._point(pages) for pages in curve.sizes(_MANY)],
                "curve_error": curve.error,
                "sampled_pages": curve.sampled,
                "replayed": [
                    {
                        "memory_max": one.memory_max,
                        "limit_frames": one.limit_frames,
                        "pages": one.pages,
                        "bytes": one.bytes,
                        "major_faults": one.major_faults,
                        "miss_ratio": one.miss_ratio,
                        "lru_major_faults": curve.major_faults(one.pages),
                        "killed": one.killed,
                    }
                    for one in self.marked
                ],
            }
        )

    def _point(self, pages: int) -> dict[str, Any]:
        return {
            "pages": pages,
            "bytes": pages * PAGE_SIZE,
            "major_faults": self.curve.major_faults(pages),
            "miss_ratio": self.curve.miss_ratio(pages),
        }

    def print(self, size: Callable[[int], str], *, verbose: bool) -> None:
        """Print for a person; *size* writes a number of bytes."""
        curve = self.curve
        show.paragraph(self._answer(size))
        for line in self._marks(size):
            show.paragraph(line)
        show.heading(self.title())
        steps = range(1, _BARS + 1)
        faults = [curve.major_faults(max(curve.pages * step // _BARS, 1)) for step in steps]
        whole = size(curve.pages * PAGE_SIZE)
        show.facts([("major faults", f"{show.spark(faults)} from no memory to {whole}")])
        columns = ["memory", "pages", "major faults", "of the touches", "replayed"]
        rows = self._rows(size, _MANY if verbose else _FEW)
        if not self.marked:
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        show.table(columns, rows, right=columns[:4])
        show.facts(self._facts())
        for source in self.measured.sources.values():
            print_skipped(source)
        if not self.marked:
            note(_UNMARKED)

    def title(self) -> str:
        """Whose touches they are, in a line."""
        names = ", ".join(source.name for source in self.measured.sources.values())
        return f"{names}: {self.curve.touches} touches of {self.curve.pages} pages"

    @property
    def who(self) -> str:
        """Who reclaims where a size is replayed."""
        return "exact LRU" if self.host.policy == "lru" else f"Linux {self.host.kernel}"

    def _answer(self, size: Callable[[int], str]) -> str:
        """How much memory it takes for how few waits."""
        curve = self.curve
        enough = curve.pages_for(0)
        needs = ((words, curve.pages_for(share)) for share, words in _SHARES)
        parts = [f"{words} with {size(n * PAGE_SIZE)}, " for words, n in needs if n < enough]
        return (
            f"Of {curve.touches:,} touches of {size(curve.pages * PAGE_SIZE)} so many wait for a"
            f" page to come back (major faults): {''.join(parts)}none with"
            f" {size(enough * PAGE_SIZE)} of memory."
        )

    def _marks(self, size: Callable[[int], str]) -> list[str]:
        lines = []
        for one in self.marked:
            here = size(one.bytes)
            lru = f"{self.curve.major_faults(one.pages):,}"
            said = "the process is killed" if one.killed else f"{one.major_faults:,} times"
            lines.append(
                f"With {one.limit(size)}, of which {here} are the process's pages: {said} on"
                f" {self.who}, where the curve has {lru}."
            )
        return lines

    def _rows(self, size: Callable[[int], str], steps: int) -> list[tuple[str, ...]]:
        marks = {one.pages: one for one in self.marked}
        rows: list[tuple[str, ...]] = []
        for pages in sorted({*self.curve.sizes(steps), *marks}):
            faults = self.curve.major_faults(pages)
            one = marks.get(pages)
            told = "" if one is None else "killed" if one.killed else str(one.major_faults)
            rows.append(
                (
                    size(pages * PAGE_SIZE),
                    str(pages),
                    str(faults),
                    percent(faults, self.curve.touches),
                    told,
                )
            )
        return rows

    def _facts(self) -> list[tuple[str, str]]:
        curve = self.curve
        facts = [("the curve", GUIDE)]
        if curve.error:
            facts.append(
                (
                    "estimate",
                    f"by the touches of {curve.sampled} pages, one of {curve.every} each (SHARDS,"
                    f" adjusted): shares are within {curve.error:g}, as a mean over all sizes",
                )
            )
        return facts + (host_facts(self.host, self.measured) if self.marked else [])
