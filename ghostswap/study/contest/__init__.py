# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts that have one memory and one workload, side by side: a table, a column of it as a task.

Lives here: what is run, wherever that is, and what came of it. May come in: as for study.
"""
