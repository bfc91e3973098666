# SPDX-License-Identifier: GPL-2.0-or-later
"""What swapon(2) allocates for each slot of an area, used or not, by kernel.

``setup_swap_map`` and ``swap_cgroup_swapon``, Linux 6.1 to 6.18, in bytes a slot. frontswap went
with 6.6, the zeromap came with 6.12; both are bitmaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

_BIT = Fraction(1, 8)
_MAPS = {"swap_map": Fraction(1), "swap_cgroup": Fraction(2)}

SLOT_MAPS: Mapping[str, Mapping[str, Fraction]] = {
    "6.1": {**_MAPS, "frontswap_map": _BIT},
    "6.6": _MAPS,
    "6.12": {**_MAPS, "zeromap": _BIT},
    "6.18": {**_MAPS, "zeromap": _BIT},
    "ghost": {**_MAPS, "zeromap": _BIT},
}
