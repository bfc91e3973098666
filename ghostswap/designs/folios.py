# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of folios of several pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Folios:
    """Folios of several pages, by what became of them.

    :ivar zero: in the zeromap, being zeros only.
    :ivar stored: all in zswap.
    :ivar written: all on disk.
    :ivar kept: in memory.
    :ivar split: swapped out page by page, for want of slots in a row.
    """

    zero: int = 0
    stored: int = 0
    written: int = 0
    kept: int = 0
    split: int = 0
