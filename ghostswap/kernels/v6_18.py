# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 6.18: zswap keeps what does not compress, and has no layer of pools; the swap table."""

from __future__ import annotations

from ghostswap.kernels import v6_1, v6_17
from ghostswap.kernels.rules import Field, Per

_6_17 = v6_17.KERNEL

SWAP_TABLE = Field("swap table", 8, Per.USED, in_clusters=True)
TREE = Field("zswap tree", 8, Per.ZSWAP)

KERNEL = _6_17._replace(
    name="6.18",
    source="6.18.44, running: swapon, slots, zswap, zram, metadata and replays asked live;"
    " 6.18.15: zswap, zram and replays recorded",
    zswap=_6_17.zswap._replace(
        stores_incompressible=True,
        debugfs=(*_6_17.zswap.debugfs, "stored_incompressible_pages"),
        parameters=tuple(name for name in _6_17.zswap.parameters if name != "zpool"),
    ),
    metadata=_6_17.metadata._replace(
        in_use=(SWAP_TABLE, TREE, v6_1.zswap_entry(56), v6_1.HANDLE),
    ),
)
