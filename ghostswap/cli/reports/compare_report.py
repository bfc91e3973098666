# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs side by side, as a table with the best of each row marked, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ghostswap.cli.options.hosts import Measured
from ghostswap.cli.reports.report import print_skipped
from ghostswap.cli.reports.workload_report import (
    ALL_FITTED,
    host_facts,
    host_json,
    limit_facts,
    outcome_json,
)
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.designs import table as designs
from ghostswap.page import PAGE_SIZE
from ghostswap.study import unit_costs
from ghostswap.study.comparison import ROWS, Contender, Row, best
from ghostswap.study.host import Group, Host

_BEST = "*"
#: Between two columns of a table.
_GAP = 3
_WHO_PAYS = (
    "the limit counts the bytes in zswap as the process's own, and those in zram as nobody's: so"
    " with zram more pages stay and fewer fault, and its pool is taken from all others;"
    " --cgroup 1 counts neither"
)
#: What a sweep shows of each design.
_SWEPT = ("freed_bytes", "pgmajfault", "swap_ins_disk", "never_written_bytes", "kept_pages")
#: Of who ran out of memory, and so has no numbers worth a comparison.
_KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several designs came to.

    :ivar touches: how many the traces have, whoever came through them.
    :ivar swept: name of what differs between *rows*; ``""`` where there is but one.
    :ivar rows: its value, and the designs' outcomes with it.
    :ivar cost: whether times are wanted.
    """

    host: Host
    measured: Measured
    touches: int
    swept: str
    rows: tuple[tuple[str, tuple[Contender, ...]], ...]
    cost: bool

    def _rows(self) -> tuple[Row, ...]:
        return ROWS + (unit_costs.rows(unit_costs.UNIT_COSTS) if self.cost else ())

    def emit_json(self) -> None:
        result = host_json(self.host, self.measured)
        if self.cost:
            result["unit_costs_ns"] = dict(unit_costs.UNIT_COSTS)
        if self.swept:
            result["swept"] = self.swept
            result["sweep"] = [
                {"value": value, "designs": self._designs(contenders)}
                for value, contenders in self.rows
            ]
        else:
            result["designs"] = self._designs(self.rows[0][1])
        emit_json(result)

    def _designs(self, contenders: Sequence[Contender]) -> list[dict[str, Any]]:
        return [
            {
                **outcome_json(contender.outcome),
                "rows": {row.key: row.value(contender) for row in self._rows()},
                "best": [row.key for row in self._rows() if number in best(row, contenders)],
            }
            for number, contender in enumerate(contenders)
        ]

    def print(self, size: Callable[[int], str]) -> None:
        """Print for a person; *size* writes a number of bytes."""
        outcome = self.rows[0][1][0].outcome
        show.heading(
            f"{', '.join(self.measured.sources)}: {outcome.pages} pages,"
            f" {size(outcome.pages * PAGE_SIZE)}, {self.touches} touches,"
            f" on Linux {self.host.kernel} with {self.host.compressor}"
        )
        if self.swept != "limit":
            show.facts(limit_facts(self.host, size))
        if self.swept:
            self._print_sweep(size)
        else:
            self._print_table(self.rows[0][1], size)
        names = [contender.outcome.design for contender in self.rows[0][1]]
        show.facts(
            (name, f"{designs.record(name).description}; {designs.record(name).status}")
            for name in names
        )
        if self.cost:
            units = ", ".join(f"{name} {ns:g}" for name, ns in unit_costs.UNIT_COSTS.items())
            show.facts([("times", f"counts by constants, not measured, in ns: {units}")])
        show.facts(self._charges() + host_facts(self.host, self.measured))
        for source in self.measured.sources.values():
            print_skipped(source)
        found = [contender.outcome for _, row in self.rows for contender in row]
        if all(outcome.resident_pages == outcome.pages for outcome in found):
            note(ALL_FITTED)

    def _charges(self) -> list[tuple[str, str]]:
        """Why zram has fewer faults under the same limit, where it stands beside zswap."""
        found = [contender.outcome for contender in self.rows[0][1]]
        limited = any(_is_limited(group) for group in self.host.groups)
        if self.host.cgroup_version == 1 or not limited:
            return []
        if not any(outcome.zram for outcome in found) or all(not o.zswap for o in found):
            return []
        return [("who pays", _WHO_PAYS)]

    def _print_table(self, contenders: Sequence[Contender], size: Callable[[int], str]) -> None:
        table: list[tuple[str, ...]] = []
        is_marked = False
        if any(contender.is_killed for contender in contenders):
            table.append(("out of memory", *(_KILLED * c.is_killed for c in contenders)))
        for row in self._rows():
            top = best(row, contenders)
            cells = [
                cell(row, row.value(contender), size) + (_BEST if number in top else " ")
                for number, contender in enumerate(contenders)
            ]
            if any(row.value(contender) for contender in contenders):
                table.append((row.title, *cells))
                is_marked |= bool(top)
        names = [contender.outcome.design for contender in contenders]
        for start, end in _bands(names, table):
            part = names[start:end]
            show.table(
                ("", *part), [(row[0], *row[start + 1 : end + 1]) for row in table], right=part
            )
        if is_marked:
            show.facts([(_BEST, "the best of its row")])

    def _print_sweep(self, size: Callable[[int], str]) -> None:
        names = [contender.outcome.design for contender in self.rows[0][1]]
        for row in self._rows():
            if row.key not in _SWEPT and row.unit != "ns":
                continue
            show.heading(row.title.replace("  from disk", "major faults from disk"))
            show.table(
                (self.swept, *names),
                [
                    (
                        value,
                        *(
                            _KILLED if c.is_killed else cell(row, row.value(c), size)
                            for c in contenders
                        ),
                    )
                    for value, contenders in self.rows
                ],
                right=names,
            )


def _bands(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """From which of *names* to which the columns stand side by side, where not all have room."""
    titles, *columns = zip(("", *names), *rows, strict=True)
    if show.console().width < show.NARROW:
        return [(0, len(names))]
    room = show.console().width - max(map(len, titles))
    bands, start, used = [], 0, 0
    for number, column in enumerate(columns):
        width = max(map(len, column)) + _GAP
        if used + width > room and number > start:
            bands.append((start, number))
            start, used = number, 0
        used += width
    return [*bands, (start, len(names))]


def _is_limited(group: Group) -> bool:
    return group.memory_max is not None or group.limit_frames is not None


def cell(row: Row, value: float | None, size: Callable[[int], str]) -> str:
    """*row*'s value, as it stands in a table."""
    if value is None:
        return "-"
    match row.unit:
        case "bytes":
            return size(round(value))
        case "count":
            return str(round(value))
        case "share":
            return f"{100 * value:.1f} %"
        case "ns":
            return f"{value / 1e6:.3g} ms"
