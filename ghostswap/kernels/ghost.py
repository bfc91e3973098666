# SPDX-License-Identifier: GPL-2.0-or-later
"""The ghost swapfile RFC (20251121-ghost-v1-1-cfc0efcf3855@kernel.org), posted against 6.18."""

from __future__ import annotations

from ghostswap.kernels import v6_18

_6_18 = v6_18.KERNEL

KERNEL = _6_18._replace(
    name="ghost",
    source="the series, built on 6.18 and asked: swapon recorded",
    swapon=_6_18.swapon._replace(ghost=True),
    released=False,
)
