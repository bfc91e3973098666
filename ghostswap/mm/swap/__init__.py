# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/swapfile.c and its neighbours: areas, slots, clusters, the slot cache, tiers.

Two spaces give slots: in_order counts them, swapfile gives the kernel's very ones.
May come in: vmscan, designs and all above.
"""
