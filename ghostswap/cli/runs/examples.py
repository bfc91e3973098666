# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap examples``: an example run in all its variants, and what it shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import ghostswap
from ghostswap.claims.claims import EXAMPLES, Example
from ghostswap.claims.conclusions import Figures
from ghostswap.cli.reports.compare_report import cell
from ghostswap.cli.reports.outcome import lengths_fact
from ghostswap.cli.reports.outcome_json import SCHEMA, lengths_json
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.cli.terminal.talk import emit_json
from ghostswap.designs import table
from ghostswap.scenario.areas import open_areas
from ghostswap.scenario.reader import load
from ghostswap.study.comparison import Contender
from ghostswap.study.contest.column import contend
from ghostswap.study.memory import Measured, measure_host
from ghostswap.study.run import Traces, last_touches
from ghostswap.units import format_size

_NOT_SHOWN = "by these figures; --show prints a file that shows it"
_DIRECTORY = os.path.join(os.path.dirname(ghostswap.__file__), "examples")


def run(name: str, path: str | None, *, as_json: bool) -> int:
    """Run the example *name*, on the host at *path* if there is one; 0 where it shows its claim."""
    result = _run(EXAMPLES[name], path or _path(name))
    if as_json:
        result.emit_json()
    else:
        result.print()
    return 0 if result.conclusion else 1


def list_all(*, as_json: bool) -> None:
    """Print what examples there are."""
    claims = {name: _paragraphs(read(name))[0] for name in EXAMPLES}
    if as_json:
        rows = [
            {"name": name, "claim": claim, "path": _path(name)} for name, claim in claims.items()
        ]
        emit_json({"schema": SCHEMA, "examples": rows})
    else:
        show.facts(claims.items())


def read(name: str) -> str:
    """The scenario of the example *name*."""
    with open(_path(name), encoding="utf-8") as file:
        return file.read()


def _path(name: str) -> str:
    return os.path.join(_DIRECTORY, f"{name}.toml")


class _Result(NamedTuple):
    """What an example came to.

    :ivar contenders: what its variants came to, in order; so *figures*, by the keys of its rows.
    :ivar conclusion: what they show; ``None`` where that is not the claim.
    :ivar error: of the lengths, as :class:`ghostswap.study.memory.Measured` has it.
    """

    example: Example
    contenders: Sequence[Contender]
    figures: Sequence[Figures]
    conclusion: str | None
    error: str

    def print(self) -> None:
        claim, *said = _paragraphs(read(self.example.name))
        show.heading(claim)
        for paragraph in said:
            show.paragraph(paragraph)
        names = [variant.name for variant in self.example.variants]
        rows = [
            (row.title, *(cell(row, figures[row.key], format_size) for figures in self.figures))
            for row in self.example.rows
        ]
        show.table(("", *names), rows, right=names)
        outcomes = [contender.outcome for contender in self.contenders]
        show.facts([("shown", self.conclusion) if self.conclusion else ("not shown", _NOT_SHOWN)])
        show.facts(
            (name, f"{table.get(name).description}; {table.get(name).status}")
            for name in dict.fromkeys(outcome.design for outcome in outcomes)
        )
        kernels = dict.fromkeys(outcome.kernel for outcome in outcomes)
        show.facts([("Linux", ", ".join(kernels)), lengths_fact(self.error)])

    def emit_json(self) -> None:
        claim, *said = _paragraphs(read(self.example.name))
        runs = zip(self.example.variants, self.contenders, self.figures, strict=True)
        emit_json(
            {
                "schema": SCHEMA,
                "example": self.example.name,
                "claim": claim,
                "said": said,
                "shown": self.conclusion is not None,
                "conclusion": self.conclusion,
                **lengths_json(self.error),
                "variants": [
                    {
                        "name": variant.name,
                        "design": contender.outcome.design,
                        "kernel": contender.outcome.kernel,
                        "rows": figures,
                    }
                    for variant, contender, figures in runs
                ],
            }
        )


def _paragraphs(text: str) -> list[str]:
    """The comment that *text*, a scenario, starts with: the claim, then who said so and where."""
    found = [""]
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        line = line.removeprefix("#").strip()
        if line:
            found[-1] += f" {line}" if found[-1] else line
        else:
            found.append("")
    return found


def _run(example: Example, path: str) -> _Result:
    """Run all variants of *example* on the host that *path* describes."""
    host = load(path, any_design=True)
    hosts = [variant.change(host) for variant in example.variants]
    designs = {changed.design for changed in hosts}
    measured: dict[str, Measured] = {}
    contenders: list[Contender] = []
    with progress_bar("variants", len(hosts)) as advance:
        for changed in hosts:
            if changed.kernel not in measured:
                measured[changed.kernel] = measure_host(changed, designs, None)
            pages = measured[changed.kernel]
            areas = list(open_areas(changed.areas))
            last = last_touches(pages, Traces(changed, pages))
            contenders.append(contend(changed, pages, areas, last))
            advance(1)
    figures = [{row.key: row.value(c) or 0 for row in example.rows} for c in contenders]
    error = measured[hosts[0].kernel].error
    return _Result(example, contenders, figures, example.conclude(*figures), error)
