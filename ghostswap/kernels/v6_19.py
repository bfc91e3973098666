# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.19: every area without a priority has -1; zram writes back in batches."""

from __future__ import annotations

from ghostswap.kernels import v6_18

_6_18 = v6_18.KERNEL

KERNEL = _6_18._replace(
    name="6.19",
    source="from its source, 6.19.11; the priority as 6.19.14 was seen to give it",
    swap=_6_18.swap._replace(default_prio=-1),
    zram=_6_18.zram._replace(attributes=(*_6_18.zram.attributes, "writeback_batch_size")),
)
