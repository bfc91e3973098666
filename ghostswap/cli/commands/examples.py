# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap examples``: claims about ghost swapfiles and virtual swap, each put to the test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

import ghostswap
from ghostswap.claims.claims import EXAMPLES, Example
from ghostswap.cli.terminal.args import Command
from ghostswap.cli.terminal.options import json_option
from ghostswap.errors import UsageError
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.claims.conclusions import Figures
    from ghostswap.cli.options.hosts import Measured
    from ghostswap.study.comparison import Contender

_NOT_SHOWN = "by these figures; --show prints a file that shows it"
_DIRECTORY = os.path.join(os.path.dirname(ghostswap.__file__), "examples")


@click.command("examples", cls=Command)
@click.argument("name", metavar="[NAME]", required=False, type=click.Choice(list(EXAMPLES)))
@click.argument("path", metavar="[HOST.toml]", required=False)
@click.option("--show", "is_shown", is_flag=True, help="Print the scenario file, run nothing.")
@json_option
def command(name: str | None, path: str | None, is_shown: bool, as_json: bool) -> int:
    """Put a claim about swap to the test, or list those there are.

    Each is a scenario that runs in seconds, in several variants side by side. What they show is
    said where their figures show it. With HOST.toml, that is run in place of the example's own.
    """
    if name is None:
        if is_shown:
            raise UsageError("--show of which example?", "'ghostswap examples' lists them")
        _list(as_json)
        return 0
    if is_shown:
        if path is not None or as_json:
            other = "HOST.toml" if path is not None else "--json"
            raise UsageError(f"--show and {other} exclude each other", f"leave out {other}")
        print(_read(name), end="")
        return 0
    result = _run(EXAMPLES[name], path or _path(name))
    if as_json:
        result.emit_json()
    else:
        result.print()
    return 0 if result.conclusion else 1


@dataclass(frozen=True, slots=True)
class _Result:
    """What an example came to.

    :ivar contenders: what its variants came to, in order; so *figures*, by the keys of its rows.
    :ivar conclusion: what they show; ``None`` where that is not the claim.
    :ivar error: of the lengths, as :class:`ghostswap.cli.options.hosts.Measured` has it.
    """

    example: Example
    contenders: Sequence[Contender]
    figures: Sequence[Figures]
    conclusion: str | None
    error: str

    def print(self) -> None:
        from ghostswap.cli.reports.compare_report import cell
        from ghostswap.cli.reports.report import lengths_fact
        from ghostswap.cli.terminal import show
        from ghostswap.designs import table as designs

        claim, *said = _paragraphs(_read(self.example.name))
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
            (name, f"{designs.record(name).description}; {designs.record(name).status}")
            for name in dict.fromkeys(outcome.design for outcome in outcomes)
        )
        kernels = dict.fromkeys(outcome.kernel for outcome in outcomes)
        show.facts([("Linux", ", ".join(kernels)), lengths_fact(self.error)])

    def emit_json(self) -> None:
        from ghostswap.cli.reports.report import SCHEMA
        from ghostswap.cli.terminal.talk import emit_json

        claim, *said = _paragraphs(_read(self.example.name))
        runs = zip(self.example.variants, self.contenders, self.figures, strict=True)
        emit_json(
            {
                "schema": SCHEMA,
                "example": self.example.name,
                "claim": claim,
                "said": said,
                "shown": self.conclusion is not None,
                "conclusion": self.conclusion,
                "lengths": "estimate" if self.error else "exact",
                "lengths_error": self.error or None,
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


def _list(as_json: bool) -> None:
    from ghostswap.cli.reports.report import SCHEMA
    from ghostswap.cli.terminal import show
    from ghostswap.cli.terminal.talk import emit_json

    claims = {name: _paragraphs(_read(name))[0] for name in EXAMPLES}
    if as_json:
        rows = [
            {"name": name, "claim": claim, "path": _path(name)} for name, claim in claims.items()
        ]
        emit_json({"schema": SCHEMA, "examples": rows})
    else:
        show.facts(claims.items())


# Files


def _path(name: str) -> str:
    return os.path.join(_DIRECTORY, f"{name}.toml")


def _read(name: str) -> str:
    with open(_path(name), encoding="utf-8") as file:
        return file.read()


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


# Running


def _run(example: Example, path: str) -> _Result:
    """Run all variants of *example* on the host that *path* describes."""
    from ghostswap.cli.commands.workload import last_touches, replay
    from ghostswap.cli.options.areas import open_areas
    from ghostswap.cli.options.hosts import measure_host
    from ghostswap.cli.options.scenario import load
    from ghostswap.cli.terminal.progress import progress_bar
    from ghostswap.study.comparison import Contender, inversion

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
            done = replay(changed, changed.design, pages, areas, quiet=True)
            last = last_touches(changed, pages)
            contenders.append(Contender(done.outcome(), inversion(last, done.disk_pages())))
            advance(1)
    figures = [{row.key: row.value(c) or 0 for row in example.rows} for c in contenders]
    error = measured[hosts[0].kernel].error
    return _Result(example, contenders, figures, example.conclude(*figures), error)
