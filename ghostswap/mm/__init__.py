# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's memory management without the bytes, each part under the kernel's own name.

Rooms: zpool, zswap, swap, vmscan; zram and memcontrol are modules. Nothing here knows a design, a
command or a file. May come in: designs and all above.
"""
