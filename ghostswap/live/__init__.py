# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel asked: its zswap and zram filled, counters read, all undone.

May come in: the command line. Each change is registered with undo before it is made.
"""
