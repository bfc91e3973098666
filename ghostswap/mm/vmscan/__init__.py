# SPDX-License-Identifier: GPL-2.0-or-later
"""mm/vmscan.c: memory with limits, the lists that choose which page leaves, shrinkers.

A policy chooses (two_lists, mglru, exact_lru); pageout is the door to what takes the page.
May come in: designs and all above.
"""
