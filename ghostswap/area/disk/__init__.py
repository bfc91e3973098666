# SPDX-License-Identifier: GPL-2.0-or-later
"""Disk images and partition tables: where areas lie in them, and where resume would look.

Lives here: GPT and MBR (construct), the scan for areas, resume= lines. May come in: the command
line and reports.
"""
