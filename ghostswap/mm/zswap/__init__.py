# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/zswap.c: entries, limits, the shrink worker, writeback by the kernel's own list.

May come in: designs and all above; it asks zpool, memcontrol and a Places for slots.
"""
