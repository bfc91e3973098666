# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs side by side, as a table with the best of each row marked, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ghostswap.cli import show
from ghostswap.cli.hosts import Measured
from ghostswap.cli.report import print_skipped
from ghostswap.cli.talk import emit_json
from ghostswap.cli.workload_report import host_facts, host_json, outcome_json
from ghostswap.mm import designs, unit_costs
from ghostswap.mm.comparison import ROWS, Contender, Row, best
from ghostswap.mm.host import Group, Host
from ghostswap.pages.source import PAGE_SIZE

_BEST = "*"
_WHO_PAYS = (
    "the limit counts the bytes in zswap as the process's own, and those in zram as nobody's: so"
    " with zram more pages stay and fewer fault, and its pool is taken from all others;"
    " --cgroup 1 counts neither"
)
#: What a sweep shows of each design.
_SWEPT = ("freed_bytes", "pgmajfault", "swap_ins_disk", "never_written_bytes", "kept_pages")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several designs came to.

    :ivar swept: name of what differs between *rows*; ``""`` where there is but one.
    :ivar rows: its value, and the designs' outcomes with it.
    :ivar cost: whether times are wanted.
    """

    host: Host
    measured: Measured
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
            f" {size(outcome.pages * PAGE_SIZE)}, {outcome.touches} touches,"
            f" on Linux {self.host.kernel} with {self.host.compressor}"
        )
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
        names = [contender.outcome.design for contender in contenders]
        table = []
        for row in self._rows():
            top = best(row, contenders)
            cells = [
                cell(row, row.value(contender), size) + (_BEST if number in top else " ")
                for number, contender in enumerate(contenders)
            ]
            if any(row.value(contender) for contender in contenders):
                table.append((row.title, *cells))
        show.table(("", *names), table, right=names)
        killed = [name for name, c in zip(names, contenders, strict=True) if c.is_killed]
        if killed:
            show.facts([("out of memory", f"in {', '.join(killed)}: killed, as by the kernel")])
        show.facts([(_BEST, "the best of its row")])

    def _print_sweep(self, size: Callable[[int], str]) -> None:
        names = [contender.outcome.design for contender in self.rows[0][1]]
        for row in ROWS:
            if row.key not in _SWEPT:
                continue
            show.heading(row.title)
            show.table(
                (self.swept, *names),
                [
                    (value, *(cell(row, row.value(contender), size) for contender in contenders))
                    for value, contenders in self.rows
                ],
                right=names,
            )


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
