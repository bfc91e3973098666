# SPDX-License-Identifier: GPL-2.0-or-later
"""A report as one page of HTML that needs nothing else: no script, no network, no other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ghostswap import __version__
from ghostswap.units import printable


class Heading(NamedTuple):
    """A line that names what follows."""

    text: str


class Paragraph(NamedTuple):
    """Plain words."""

    text: str


class Facts(NamedTuple):
    """Pairs of name and value."""

    rows: tuple[tuple[str, str], ...]


class Table(NamedTuple):
    """Rows of cells; the columns that *right* names hold numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[str, ...]


class Lines(NamedTuple):
    """Lines of a file, as they stand there; tabs stay."""

    lines: tuple[str, ...]


#: What a report consists of.
Part = Heading | Paragraph | Facts | Table | Lines

#: Nothing is loaded and nothing runs; styles are those in the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #111; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
figure { margin: 1.5rem 0; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 32rem; max-width: 46rem; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; overflow-wrap: normal; }
th, td { padding: .2rem .75rem .2rem 0; text-align: left; vertical-align: top; white-space: pre; }
thead th { border-bottom: 1px solid #111; }
tbody tr + tr { border-top: 1px solid #ddd; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .2rem 1rem; }
dt { color: #444; }
dd { margin: 0; }
pre { white-space: pre-wrap; background: #f3f3f3; padding: .75rem; }
pre.wide { white-space: pre; }
footer { color: #444; margin-top: 2rem; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; } }
""".strip()


def page(
    question: str, parts: Sequence[Part], svg: str, notes: Sequence[str], command: str
) -> bytes:
    """The page, which is the same for the same report.

    :param question: that the report answers.
    :param parts: of the report; what stands before any heading or table is the answer.
    :param svg: of its figure, as a file.
    :param notes: that are said beside it.
    :param command: that prints it again.
    """
    first = next((n for n, part in enumerate(parts) if not isinstance(part, Paragraph)), len(parts))
    lines = [
        "<!DOCTYPE html>",
        f"<!-- ghostswap {__version__} -->",
        '<html lang="en">',
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(question)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f"<h1>{_text(question)}</h1>",
        *(line for part in parts[:first] for line in _part(part)),
        f'<figure tabindex="0">\n{svg[svg.index("<svg") :].strip()}\n</figure>',
        *(line for part in parts[first:] for line in _part(part)),
        *(f"<p>Note: {_text(note)}</p>" for note in notes),
        "<h2>To repeat it</h2>",
        f"<pre><code>{_text(command)}</code></pre>",
        f"<footer>ghostswap {__version__}</footer>",
        "</html>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _text(text: str) -> str:
    from html import escape  # which most runs do without

    return escape(printable(text))


def _part(part: Part) -> Iterator[str]:
    match part:
        case Heading():
            yield f"<h2>{_text(part.text)}</h2>"
        case Paragraph():
            yield f"<p>{_text(part.text)}</p>"
        case Facts(()):
            return
        case Facts():
            yield "<dl>"
            yield from (
                f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in part.rows
            )
            yield "</dl>"
        case Lines():
            cells = (map(_text, line.split("\t")) for line in part.lines)
            yield f'<pre class="wide">{"&#10;".join(map("&#9;".join, cells))}</pre>'
        case Table():
            numbers = [' class="n"' * (name in part.right) for name in part.columns]
            yield '<div class="wide" tabindex="0"><table>'
            yield f"<thead>{_row('th scope=col', 'th scope=col', part.columns, numbers)}</thead>"
            yield "<tbody>"
            yield from (_row("th scope=row", "td", row, numbers) for row in part.rows)
            yield "</tbody>"
            yield "</table></div>"


def _row(first: str, other: str, cells: Sequence[str], numbers: Sequence[str]) -> str:
    tags = [first, *[other] * (len(cells) - 1)]
    parts = zip(tags, numbers, cells, strict=True)
    row = (f"<{tag}{kind}>{_text(cell)}</{tag[:2]}>" for tag, kind, cell in parts)
    return f"<tr>{''.join(row)}</tr>"
