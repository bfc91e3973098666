# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 7.1: the swap table's third phase, which has the counts of swap_map.

swapon looks at bad pages one by one, and at fscrypt.

A synchronous device such as zram is read through the swap cache now, where it went round it. Its
slot is free at the end of the same fault as before (``should_try_to_free_swap()``).
"""

from __future__ import annotations

from ghostswap.kernels import v6_1, v6_12, v7_0
from ghostswap.kernels.rules import Check, Field, Per

_7_0 = v7_0.KERNEL
_OLD = (Check.SWAP_MAP, Check.BAD_PAGE_ENTRIES, Check.ANYTHING_LEFT)


def cluster_info(size: int, *, published: bool = True) -> Field:
    """``struct swap_cluster_info`` (mm/swap.h) of *size* bytes, one for each cluster."""
    return Field("cluster info", size, Per.CLUSTER, published=published)


KERNEL = _7_0._replace(
    name="7.1",
    source="7.1.13: its source; swapon recorded",
    swapon=_7_0.swapon._replace(
        checks=(
            *(check for check in v6_12.KERNEL.swapon.checks if check not in _OLD),
            Check.BAD_SLOTS,
        ),
    ),
    zswap=_7_0.zswap._replace(counts_incompressible=True),
    zram=_7_0.zram._replace(
        recompresses_by_one=True,
        attributes=(*_7_0.zram.attributes, "compressed_writeback"),
    ),
    vmscan=_7_0.vmscan._replace(mglru=_7_0.vmscan.mglru._replace(stops_at_cluster=True)),
    metadata=_7_0.metadata._replace(
        slot_maps=(
            *(field for field in _7_0.metadata.slot_maps if field is not v6_1.SWAP_MAP),
            cluster_info(40, published=False),
        ),
        zram_entry_actime=16,
    ),
)
