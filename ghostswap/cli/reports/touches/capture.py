# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory was touched over time, for a person or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

from ghostswap.cli.reports.outcome import percent
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.captured import Captured, Interval

#: Rows of the table unless all are asked for.
_ROWS = 12
_MISSED = (
    "touches between a look and the clearing after it, pages in swap, shared memory; a huge page"
    " counts whole"
)


class CaptureReport(NamedTuple):
    """A capture."""

    captured: Captured

    def emit_json(self) -> None:
        found: dict[str, Any] = self.captured.to_json()
        for interval in found["intervals"]:
            del interval["written"], interval["touched"]  # as long as there are pages; in the file
        emit_json(found)

    def print(self, size: Callable[[int], str], *, verbose: bool) -> None:
        """Print for a person; *size* writes a number of bytes."""
        captured = self.captured
        intervals = captured.intervals
        touched = [one.touched_pages for one in intervals]
        show.paragraph(self._answer(touched, size))
        show.heading(
            f"{captured.target}: {len(intervals)} intervals in {captured.seconds:.1f} s,"
            f" by {captured.by}"
        )
        show.facts([("touched", f"{show.spark(touched)} at most {size(max(touched) * PAGE_SIZE)}")])
        self._print_table(intervals, size, verbose=verbose)
        show.facts(self._facts())

    def _answer(self, touched: Sequence[int], size: Callable[[int], str]) -> str:
        captured = self.captured
        usual, most = median(touched), max(touched)
        there = max(one.resident_pages for one in captured.intervals)
        where = "monitored" if captured.by == "damo" else "in memory"
        whole = size(there * PAGE_SIZE)
        return (
            f"Of {whole} {where}, {size(round(usual) * PAGE_SIZE)} are touched in an interval of"
            f" {captured.interval_seconds:g} s ({percent(round(usual), there)}, the median), and"
            f" {size(most * PAGE_SIZE)} at most."
        )

    def _print_table(
        self, intervals: Sequence[Interval], size: Callable[[int], str], *, verbose: bool
    ) -> None:
        step = 1 if verbose else -(-len(intervals) // _ROWS)
        there = "monitored" if self.captured.by == "damo" else "in memory"
        columns = ["seconds", there, "touched", "share", "written"]
        rows: list[tuple[str, ...]] = [
            (
                f"{one.seconds:.1f}",
                size(one.resident_pages * PAGE_SIZE),
                size(one.touched_pages * PAGE_SIZE),
                percent(one.touched_pages, one.resident_pages),
                "" if one.written_pages is None else size(one.written_pages * PAGE_SIZE),
            )
            for one in intervals[step - 1 :: step]
        ]
        if not any(row[-1] for row in rows):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        show.table(columns, rows, right=columns)

    def _facts(self) -> list[tuple[str, str]]:
        captured = self.captured
        if captured.by == "damo":
            return [
                ("shown", "regions of which DAMON found samples accessed, counted whole"),
                ("not shown", "which pages were touched: replay cannot use it"),
            ]
        if captured.pages is None:
            facts = [
                ("shown", "how many pages of a process were read or written, by accessed bits"),
                ("not shown", f"which they were, so replay cannot use it; {_MISSED}"),
            ]
        elif captured.intervals[0].touched is None:
            facts = [
                (
                    "shown",
                    f"which of {captured.pages} pages were written, and how many were touched",
                ),
                ("not shown", f"which were only read, and the order of an interval; {_MISSED}"),
            ]
        else:
            writes = "" if captured.intervals[0].written is None else ", and which were written"
            facts = [
                ("shown", f"which of {captured.pages} pages were touched{writes}"),
                ("not shown", f"the order of an interval; {_MISSED}"),
            ]
        facts += ((way.name, way.words) for way in captured.ways if not way.works)
        looks = len(captured.intervals)
        facts.append(
            (
                "overhead",
                f"the process lost {100 * captured.slowed:.1f} % of the time at most: looking took"
                f" {1e3 * captured.look_seconds / looks:.1f} ms each time,"
                f" {1e3 * captured.longest_look_seconds:.1f} ms at most, in which it waits where it"
                " maps memory; then the first touch of each page takes"
                f" {1e9 * captured.first_touch_seconds:.0f} ns longer, as tried here",
            )
        )
        return facts
