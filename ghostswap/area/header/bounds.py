# SPDX-License-Identifier: GPL-2.0-or-later
"""How large a swap area can be, in pages, its header's included."""

from __future__ import annotations

#: Fewest pages that mkswap makes an area of; as many must be good.
MIN_PAGES = 10
#: Most pages: the kernel counts slots in an unsigned int.
MAX_PAGES = (1 << 32) - 1
