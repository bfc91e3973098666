# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 7.1: swapon looks at bad pages one by one, and at fscrypt.

Filled in is swapon; the rest is taken to be as in 6.19.
"""

from __future__ import annotations

from dataclasses import replace

from ghostswap.kernels import v6_12, v6_19
from ghostswap.kernels.rules import Check

_6_19 = v6_19.KERNEL
_COUNTED = (Check.BAD_PAGE_ENTRIES, Check.ANYTHING_LEFT)

KERNEL = replace(
    _6_19,
    name="7.1",
    source="7.1.13: swapon recorded",
    swapon=replace(
        _6_19.swapon,
        checks=(
            *(check for check in v6_12.KERNEL.swapon.checks if check not in _COUNTED),
            Check.BAD_SLOTS,
        ),
    ),
)
