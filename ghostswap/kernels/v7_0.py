# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 7.0: the swap table's second phase, which changes nothing that is counted here."""

from __future__ import annotations

from ghostswap.kernels import v6_19

KERNEL = v6_19.KERNEL._replace(
    name="7.0",
    source="7.0.13, no source: the strings of its image, and zswap asked; all else as 6.19",
)
