# SPDX-License-Identifier: GPL-2.0-or-later
"""Touches -> major faults against memory, for all sizes at once.

Lives here: LRU stack distances (distances), and the curve that they make (curve). May come in:
study, and all above.
"""
