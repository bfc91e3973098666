# SPDX-License-Identifier: GPL-2.0-or-later
"""Help texts for terminals of any width: lines end between words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

_WIDEST = 80
_NARROWEST = 24
#: Narrower than this, what an option does stands below its name.
_NARROW = 60


class Formatter(click.HelpFormatter):
    """click's, which takes no terminal for narrower than 50 columns."""

    def __init__(
        self,
        indent_increment: int = 2,
        width: int | None = None,  # noqa: ARG002
        max_width: int | None = None,  # noqa: ARG002
    ) -> None:
        import shutil  # which brings three compressors along

        columns = shutil.get_terminal_size().columns
        super().__init__(indent_increment, max(min(columns, _WIDEST) - 2, _NARROWEST))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        if self.width >= _NARROW:
            super().write_dl(list(rows), col_max, col_spacing)
            return
        for name, text in rows:
            self.write_text(name)
            with self.indentation():
                self.write_text(text)

    def write_examples(self, lines: Sequence[str]) -> None:
        """Command lines as they can be typed, long ones with their ends escaped."""
        from textwrap import wrap

        with self.section("Examples" if len(lines) > 1 else "Example"):
            indent = " " * self.current_indent
            for line in lines:
                parts = wrap(
                    line,
                    self.width - len(r" \ "),
                    initial_indent=indent,
                    subsequent_indent=f"{indent}  ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
                self.write(" \\\n".join(parts) + "\n")
