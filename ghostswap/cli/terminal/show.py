# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables and lists on the terminal, fit for narrow screens, pipes and NO_COLOR; or written down.

What prints imports rich, and what writes down the parts of a page: ``--json`` does neither.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from ghostswap.cli.terminal.degrade import can_show
from ghostswap.units import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ghostswap.pictures.page import Part

#: Narrower than this a table becomes a list: a row a paragraph, a line a cell.
NARROW = 60
#: box.SIMPLE_HEAD of rich, in ASCII.
_PLAIN_HEAD = "    \n    \n -- \n    \n    \n    \n    \n    \n"
#: In a pipe nothing wraps: whoever greps wants whole lines.
_UNBOUNDED = 1 << 20
_BARS = " ▁▂▃▄▅▆▇█"


#: Where what would be printed is written down.
_SHEET: ContextVar[list[Part] | None] = ContextVar("sheet", default=None)


@contextmanager
def written_down() -> Iterator[list[Part]]:
    """What is printed within goes to a list, in place of the terminal."""
    sheet: list[Part] = []
    token = _SHEET.set(sheet)
    try:
        yield sheet
    finally:
        _SHEET.reset(token)


def _is_written(part: Callable[[Any], Part]) -> bool:
    """Whether *part*, of those in :mod:`ghostswap.pictures.page`, is written down, not printed."""
    sheet = _SHEET.get()
    if sheet is not None:
        from ghostswap.pictures import page

        sheet.append(part(page))
    return sheet is not None


def console() -> Console:
    """The console that results are printed on; as wide as need be for what is written down."""
    return _console(None if sys.stdout.isatty() and _SHEET.get() is None else _UNBOUNDED)


@cache
def _console(width: int | None) -> Console:
    from rich.console import Console

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
    if _is_written(lambda page: page.Heading(text)):
        return
    from rich.text import Text

    put(Text(printable(text), style="bold"))


def paragraph(text: str) -> None:
    """Plain words, folded to the terminal."""
    if _is_written(lambda page: page.Paragraph(text)):
        return
    from rich.text import Text

    put(Text(printable(text)))


def lines(text: Iterable[str]) -> None:
    """Lines of a file, as they stand there; tabs stay."""
    text = tuple(text)
    if _is_written(lambda page: page.Lines(text)):
        return
    for line in text:
        print("\t".join(map(printable, line.split("\t"))))


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Print pairs of name and value, values aligned and wrapped beside their names."""
    rows = tuple(rows)
    if _is_written(lambda page: page.Facts(rows)):
        return
    from rich.table import Table as Grid

    grid = Grid.grid()  # without padding, for rich renders what it pads twice
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold", no_wrap=console().width == _UNBOUNDED)
    for name, value in rows:
        grid.add_row(f"{printable(name)}  ", printable(value))
    put(grid)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Print a table; on a narrow terminal, a list.

    :param right: the columns that hold numbers and are aligned to the right.
    """
    cells = tuple(tuple(row) for row in rows)
    if _is_written(lambda page: page.Table(tuple(columns), cells, tuple(right))):
        return
    clean = [[printable(cell) for cell in row] for row in cells]
    if console().width < NARROW:
        for first, *others in clean:
            heading(first.strip())  # what is set in belongs to others, not to the row
            facts(
                (f"  {name}", cell) for name, cell in zip(columns[1:], others, strict=True) if cell
            )
        return
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    lines = box.SIMPLE_HEAD if can_show("─") else box.Box(_PLAIN_HEAD, ascii=True)
    grid = Grid(box=lines, header_style="bold", pad_edge=False, show_edge=False)
    no_wrap = console().width == _UNBOUNDED
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        grid.add_column(name, justify=justify, overflow="fold", no_wrap=no_wrap)
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
