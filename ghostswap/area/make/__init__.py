# SPDX-License-Identifier: GPL-2.0-or-later
"""Swap areas made and overwritten: all is prepared and checked before the first byte changes.

Lives here: plans, new files, landing, relabelling, surveys of what is there.
May come in: the command line.
"""
