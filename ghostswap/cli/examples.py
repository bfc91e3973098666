# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap examples``: claims about ghost swapfiles and virtual swap, each put to the test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ghostswap.cli.args import Command
from ghostswap.cli.claims import EXAMPLES, Example
from ghostswap.cli.options import json_option
from ghostswap.errors import UsageError
from ghostswap.units import format_size

if TYPE_CHECKING:
    from array import array

    from ghostswap.cli.conclusions import Figures
    from ghostswap.cli.hosts import Measured
    from ghostswap.mm.comparison import Contender, Row
    from ghostswap.mm.host import Host

_NOT_SHOWN = "by these figures; --show prints a file that shows it"
_DIRECTORY = os.path.join(os.path.dirname(os.path.dirname(__file__)), "examples")


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
    example = EXAMPLES[name]
    contenders = _run(example, path or _path(name))
    figures = [{row.key: row.value(c) or 0 for row in example.rows} for c in contenders]
    shown = example.conclude(*figures)
    if as_json:
        _emit_json(example, contenders, figures, shown)
    else:
        _print(example, figures, shown)
    return 0 if shown else 1


def _path(name: str) -> str:
    return os.path.join(_DIRECTORY, f"{name}.toml")


def _read(name: str) -> str:
    with open(_path(name), encoding="utf-8") as file:
        return file.read()


def paragraphs(text: str) -> list[str]:
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


def _run(example: Example, path: str) -> list[Contender]:
    """Run all variants of *example* on the host that *path* describes."""
    from ghostswap.cli.hosts import measure_host, open_areas
    from ghostswap.cli.progress import progress_bar
    from ghostswap.cli.scenario import load
    from ghostswap.cli.workload import replay
    from ghostswap.mm.comparison import Contender, inversion

    host = load(path)
    hosts = [variant.change(host) for variant in example.variants]
    designs = {changed.design for changed in hosts}
    measured: dict[str, Measured] = {}
    contenders: list[Contender] = []
    with progress_bar("variants", len(hosts)) as advance:
        for changed in hosts:
            if changed.kernel not in measured:
                measured[changed.kernel] = measure_host(changed, designs, None)
            pages = measured[changed.kernel]
            done = replay(changed, changed.design, pages, open_areas(changed.areas), quiet=True)
            last = _last_touches(changed, pages)
            contenders.append(Contender(done.outcome(), inversion(last, done.disk_pages())))
            advance(1)
    return contenders


def _last_touches(host: Host, measured: Measured) -> array[int]:
    from ghostswap.cli.workload import open_traces
    from ghostswap.mm.comparison import last_touches

    counts = [len(lengths) for lengths in measured.of(host.design)]
    firsts = [sum(counts[:number]) for number in range(len(counts))]
    return last_touches(sum(counts), firsts, open_traces(host, measured)[0])


# Printing


def _list(as_json: bool) -> None:
    claims = {name: paragraphs(_read(name))[0] for name in EXAMPLES}
    if as_json:
        from ghostswap.cli.report import SCHEMA
        from ghostswap.cli.talk import emit_json

        rows = [
            {"name": name, "claim": claim, "path": _path(name)} for name, claim in claims.items()
        ]
        emit_json({"schema": SCHEMA, "examples": rows})
        return
    from ghostswap.cli import show

    show.facts(claims.items())


def _print(example: Example, figures: Sequence[Figures], shown: str | None) -> None:
    from rich.text import Text

    from ghostswap.cli import show

    claim, *said = paragraphs(_read(example.name))
    show.heading(claim)
    for paragraph in said:
        show.put(Text(paragraph))
    names = [variant.name for variant in example.variants]
    show.table(
        ("", *names),
        [(row.title, *(_cell(row, each[row.key]) for each in figures)) for row in example.rows],
        right=names,
    )
    show.facts([("shown", shown) if shown else ("not shown", _NOT_SHOWN)])


def _cell(row: Row, value: float) -> str:
    match row.unit:
        case "bytes":
            return format_size(round(value))
        case "share":
            return f"{100 * value:.1f} %"
        case _:
            return str(round(value))


def _emit_json(
    example: Example,
    contenders: Sequence[Contender],
    figures: Sequence[Figures],
    shown: str | None,
) -> None:
    from ghostswap.cli.report import SCHEMA
    from ghostswap.cli.talk import emit_json

    claim, *said = paragraphs(_read(example.name))
    emit_json(
        {
            "schema": SCHEMA,
            "example": example.name,
            "claim": claim,
            "said": said,
            "shown": shown is not None,
            "conclusion": shown,
            "variants": [
                {
                    "name": variant.name,
                    "design": contender.outcome.design,
                    "kernel": contender.outcome.kernel,
                    "rows": rows,
                }
                for variant, contender, rows in zip(
                    example.variants, contenders, figures, strict=True
                )
            ],
        }
    )
