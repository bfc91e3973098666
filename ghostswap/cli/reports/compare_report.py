# SPDX-License-Identifier: GPL-2.0-or-later
"""Designs or kernels side by side, as a table with the best of each row marked, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ghostswap.cli.reports.answer import killed_because
from ghostswap.cli.reports.outcome import (
    ALL_FITTED,
    host_facts,
    lengths_facts,
    limit_facts,
    print_skipped,
)
from ghostswap.cli.reports.outcome_json import host_json, lengths_json, outcome_json
from ghostswap.cli.reports.result import sample_words, work_why
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.designs import table as designs
from ghostswap.page import PAGE_SIZE
from ghostswap.study import unit_costs
from ghostswap.study.comparison import ROWS, Contender, Row, best
from ghostswap.study.contest.contest import Contest
from ghostswap.study.host import Group, Host
from ghostswap.study.outcome import Outcome

_BEST = "*"
#: Between two columns of a table.
_GAP = 3
_WHO_PAYS = (
    "the limit counts the bytes in zswap as the process's own, and those in zram as nobody's: so"
    " with zram more pages stay and fewer fault, and its pool is taken from all others;"
    " --cgroup 1 counts neither"
)
#: Rows that are called otherwise in JSON than the totals that they are.
_TOTALS = {"written_bytes": "disk.written_bytes", "stuck_pages": "held.stuck"}
#: What a sweep shows of each design.
_SWEPT = ("freed_bytes", "pgmajfault", "swap_ins_disk", "never_written_bytes", "kept_pages")
#: Of who ran out of memory, and so has no numbers worth a comparison.
_KILLED = "killed"


class Comparison(NamedTuple):
    """What several designs, or one on several kernels, came to.

    :ivar hosts: of the first row.
    :ivar swept: name of what differs between the contest's rows; ``""`` where there is but one.
    :ivar words: its value in each row.
    :ivar cost: whether times are wanted.
    """

    hosts: Sequence[Host]
    contest: Contest
    swept: str
    words: tuple[str, ...]
    cost: bool

    @property
    def _host(self) -> Host:
        return self.hosts[0]

    @property
    def _kernels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(host.kernel for host in self.hosts))

    def names(self) -> list[str]:
        """What each column is called: a kernel or a design."""
        if len(self._kernels) > 1:
            return list(self._kernels)
        return [host.design for host in self.hosts]

    def _rows(self) -> tuple[Row, ...]:
        return ROWS + (unit_costs.rows(unit_costs.UNIT_COSTS) if self.cost else ())

    def emit_json(self) -> None:
        result = host_json(self._host, self.contest.measured[0], self._why())
        if len(self._kernels) > 1:
            result["exact"] = not (self._why() or any(m.error for m in self.contest.measured))
            result["kernels"] = [
                {
                    "kernel": host.kernel,
                    "reclaim": host.policy,
                    "reclaim_from": host.policy_from,
                    **lengths_json(measured.error),
                }
                for host, measured in zip(self.hosts, self.contest.measured, strict=True)
            ]
        if self.cost:
            result["unit_costs_ns"] = dict(unit_costs.UNIT_COSTS)
        if self.swept:
            result["swept"] = self.swept
            result["sweep"] = [
                {"value": value, "designs": self._designs(contenders)}
                for value, contenders in zip(self.words, self.contest.rows, strict=True)
            ]
        else:
            result["designs"] = self._designs(self.contest.rows[0])
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
        measured, touches = self.contest.measured[0], self.contest.touches
        show.heading(self.title(size))
        if self.swept != "limit" and touches is not None:
            show.facts(limit_facts(self._host, size))
        show.facts(self._charges())
        if self.swept:
            self._print_sweep(size)
        else:
            self._print_table(self.contest.rows[0], size)
        show.facts(self._killed())
        rows = [designs.get(name) for name in dict.fromkeys(host.design for host in self.hosts)]
        show.facts((row.name, f"{row.description}; {row.status}") for row in rows)
        if self.cost:
            units = ", ".join(f"{name} {ns:g}" for name, ns in unit_costs.UNIT_COSTS.items())
            show.facts([("times", f"counts by constants, not measured, in ns: {units}")])
        show.facts(self._how_near())
        for source in measured.sources.values():
            print_skipped(source)
        found = self._outcomes()
        if touches is not None and all(one.resident_pages == one.pages for one in found):
            note(ALL_FITTED)

    def title(self, size: Callable[[int], str]) -> str:
        """What went through what, in a line."""
        pages, touches = self._outcomes()[0].pages, self.contest.touches
        work = "stored once" if touches is None else f"{touches} touches"
        names = ", ".join(source.name for source in self.contest.measured[0].sources.values())
        return (
            f"{names}: {pages} pages, {size(pages * PAGE_SIZE)}, {work},"
            f" {self._through()}on Linux {', '.join(self._kernels)} with {self._host.compressor}"
        )

    def _through(self) -> str:
        return f"through {self._host.design} " if len(self._kernels) > 1 else ""

    def _how_near(self) -> list[tuple[str, str]]:
        """How far figures are the kernel's; of each kernel, where that differs."""
        pairs = zip(self.hosts, self.contest.measured, strict=True)
        if self.contest.touches is None:
            facts = [lengths_facts(*pair) for pair in pairs]
        else:
            facts = [host_facts(*pair) for pair in pairs]
        of_all = [fact for fact in facts[0] if all(fact in of for of in facts)]
        named = zip(self.names(), facts, strict=True)
        some = [(name, fact) for name, of in named for fact in of if fact not in of_all]
        return [*((f"{name}: {what}", text) for name, (what, text) in some), *of_all]

    def _outcomes(self) -> list[Outcome]:
        return [contender.outcome for row in self.contest.rows for contender in row]

    def _why(self) -> tuple[str, ...]:
        """Reasons why the kernel would not show the same numbers."""
        measured = self.contest.measured[0]
        if self.contest.touches is not None:
            why = [why for host in self.hosts for why in work_why(host, measured)]
        else:
            why = [why for one in self._outcomes() for why in one.why]
            why += sample_words(measured, self._host)
        return tuple(dict.fromkeys(why))

    def _killed(self) -> list[tuple[str, str]]:
        """Who ran out of memory, and why."""
        return [
            (
                f"{word} {name}".strip(),
                f"{group.name} is killed: "
                + killed_because(self._host, measured, contender.outcome, group),
            )
            for word, row in zip(self.words, self.contest.rows, strict=True)
            for name, measured, contender in zip(
                self.names(), self.contest.measured, row, strict=True
            )
            for group in contender.outcome.groups
            if group.killed
        ]

    def _charges(self) -> list[tuple[str, str]]:
        """Why zram has fewer faults under the same limit, where it stands beside zswap."""
        found = [contender.outcome for contender in self.contest.rows[0]]
        limited = any(_is_limited(group) for group in self._host.groups)
        if self._host.cgroup_version == 1 or not limited or self.contest.touches is None:
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
                ""
                if contender.is_killed
                else cell(row, row.value(contender), size)
                + _interval(row, contender.outcome, size)
                + (_BEST if number in top else " ")
                for number, contender in enumerate(contenders)
            ]
            if any(row.value(one) for one in contenders if not one.is_killed):
                table.append((row.title, *cells))
                is_marked |= bool(top)
        names = self.names()
        for start, end in _bands(names, table):
            part = names[start:end]
            show.table(
                ("", *part), [(row[0], *row[start + 1 : end + 1]) for row in table], right=part
            )
        if is_marked:
            show.facts([(_BEST, "the best of its row")])

    def _print_sweep(self, size: Callable[[int], str]) -> None:
        names = self.names()
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
                            _KILLED
                            if c.is_killed
                            else cell(row, row.value(c), size) + _interval(row, c.outcome, size)
                            for c in contenders
                        ),
                    )
                    for value, contenders in zip(self.words, self.contest.rows, strict=True)
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


def _interval(row: Row, outcome: Outcome, size: Callable[[int], str]) -> str:
    """Where *row*'s value is, where it is estimated from a sample."""
    name = _TOTALS.get(row.key, row.key)
    if name not in outcome.intervals:
        return ""
    low, high = (cell(row, edge, size) for edge in outcome.intervals[name])
    return f" ({low} to {high})"


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
