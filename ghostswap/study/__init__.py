# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine, a workload, a run and its outcome; designs compared; bands of timing.

Lives here: whatever makes one experiment of parts below. May come in: live, claims, cli.
"""
