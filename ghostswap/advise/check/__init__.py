# SPDX-License-Identifier: GPL-2.0-or-later
"""Advice some weeks later: what was predicted, kept in a file, beside what the host has now.

May come in: the command line.
"""
