# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux 7.2: the swap table's fourth phase; an unused slot takes a share of its cluster's head."""

from __future__ import annotations

from ghostswap.kernels import v6_1, v6_18, v7_1
from ghostswap.kernels.rules import Field, Per

_7_1 = v7_1.KERNEL

#: ``struct swap_memcg_table``: ids of cgroups, allocated with a cluster's swap table.
MEMCG_TABLE = Field("memcg table", 2, Per.USED, in_clusters=True)

KERNEL = _7_1._replace(
    name="7.2",
    source="7.2.13: its source",
    vmscan=_7_1.vmscan._replace(
        mglru=_7_1.vmscan.mglru._replace(
            evicts_after_aging=True,
            most_scan=64,  # MIN_LRU_BATCH
            moves_on_written=False,
            fault_activates=False,
            counts_refs=True,
            marks_go_further=True,
            activates_all_refaults=False,
        ),
    ),
    metadata=_7_1.metadata._replace(
        slot_maps=(v7_1.cluster_info(48),),
        in_use=(v6_18.SWAP_TABLE, MEMCG_TABLE, v6_18.TREE, v6_1.zswap_entry(56), v6_1.HANDLE),
    ),
)
