# SPDX-License-Identifier: GPL-2.0-or-later
"""Swap, zswap, zram and what steers them, as they are on a host now: read, and nothing changed.

Each reader takes the tree whose /proc, /sys and /etc it reads, so that a recorded host will do.
May come in: live, advise and the command line.
"""
