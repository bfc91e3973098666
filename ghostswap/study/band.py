# SPDX-License-Identifier: GPL-2.0-or-later
"""The same run several times over, where the kernel itself would not repeat its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: Counter -> the least and the most of several runs.
Band = dict[str, tuple[int, int]]


def band(runs: Sequence[Mapping[str, int]]) -> Band:
    """The counters that differ between *runs*, all of which have the same."""
    found = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: (min(of), max(of)) for name, of in found.items() if min(of) != max(of)}
