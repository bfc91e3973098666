# SPDX-License-Identifier: GPL-2.0-or-later
"""All pages of a source measured, with a progress bar, and handed on as lengths."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import closing

from ghostswap.cli.terminal.progress import progress_bar
from ghostswap.codecs.measure import Lengths, measure
from ghostswap.pages.source import Source


def measure_all(
    source: Source, codec: Lengths, jobs: int | None, swap_out: Callable[[array[int]], None]
) -> None:
    """Call *swap_out* with the lengths of the pages of *source*, chunk by chunk, in order."""
    with (
        closing(measure(source, codec, jobs)) as chunks,
        progress_bar("compressing", source.pages) as advance,
    ):
        for lengths in chunks:
            swap_out(lengths)
            advance(len(lengths))
