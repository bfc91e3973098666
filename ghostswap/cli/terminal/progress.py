# SPDX-License-Identifier: GPL-2.0-or-later
"""A progress bar for long work, on stderr and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far *what* has come; gone again when the block ends.

    :param total: steps in all, ``None`` where nobody knows.
    :return: what to call with the number of steps just done.
    """
    if not sys.stderr.isatty():
        yield lambda steps: None  # noqa: ARG005
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    screen = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=screen, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)
