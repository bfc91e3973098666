# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 7.3: nothing new in swapon.

Filled in is swapon; the rest is taken to be as in 7.1.
"""

from __future__ import annotations

from dataclasses import replace

from ghostswap.kernels import v7_1

KERNEL = replace(v7_1.KERNEL, name="7.3", source="7.3.4: swapon recorded")
