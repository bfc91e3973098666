# SPDX-License-Identifier: GPL-2.0-or-later
"""What a sample says of all memory: totals and counts with their intervals, a pool's among them.

Lives here: the statistics, which know pages only as values (estimators), and a fill of a part of
memory as one of all of it (estimate). May come in: study/.
"""
