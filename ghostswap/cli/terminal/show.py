# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables and lists on the terminal, fit for narrow screens, pipes and NO_COLOR.

rich is imported by what prints, for a run that prints JSON has no use for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ghostswap.cli.terminal.degrade import can_show
from ghostswap.units import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

#: Narrower than this a table becomes a list: a row a paragraph, a line a cell.
NARROW = 60
#: box.SIMPLE_HEAD of rich, in ASCII.
_PLAIN_HEAD = "    \n    \n -- \n    \n    \n    \n    \n    \n"
#: In a pipe nothing wraps: whoever greps wants whole lines.
_UNBOUNDED = 4096
_BARS = " ▁▂▃▄▅▆▇█"


@cache
def console() -> Console:
    """The console that results are printed on."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _UNBOUNDED
    return Console(width=width, highlight=False, markup=False, emoji=False)


def put(renderable: RenderableType) -> None:
    """Print one thing; without the blanks that rich pads lines with, where they would be kept."""
    out = console()
    if out.is_terminal:
        out.print(renderable)
        return
    with out.capture() as captured:
        out.print(renderable)
    for line in captured.get().splitlines():
        print(line.rstrip())


def heading(text: str) -> None:
    """A line that names what follows."""
    from rich.text import Text

    put(Text(printable(text), style="bold"))


def paragraph(text: str) -> None:
    """Plain words, folded to the terminal."""
    from rich.text import Text

    put(Text(printable(text)))


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Print pairs of name and value, values aligned and wrapped beside their names."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(printable(name), printable(value))
    put(grid)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table; on a narrow terminal, a list.

    :param right: the columns that hold numbers and are aligned to the right.
    """
    clean = [[printable(cell) for cell in row] for row in rows]
    if console().width < NARROW:
        for first, *others in clean:
            heading(first.strip())  # what is set in belongs to others, not to the row
            facts(
                (f"  {name}", cell) for name, cell in zip(columns[1:], others, strict=True) if cell
            )
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    lines = box.SIMPLE_HEAD if can_show("─") else box.Box(_PLAIN_HEAD, ascii=True)
    grid = Table(box=lines, header_style="bold", pad_edge=False, show_edge=False)
    for name in columns:
        grid.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in clean:
        grid.add_row(*(Text(cell) for cell in row))
    put(grid)


def spark(values: Sequence[int]) -> str:
    """*values* as bars, as many as the terminal has room for."""
    room = max(min(len(values), console().width - 40), 8)
    step = -(-len(values) // room)
    means = [
        sum(part) / len(part)
        for part in (values[i : i + step] for i in range(0, len(values), step))
    ]
    most = max(means) or 1
    return "".join(_BARS[round(mean / most * (len(_BARS) - 1))] for mean in means)
