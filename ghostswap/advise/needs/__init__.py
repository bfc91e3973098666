# SPDX-License-Identifier: GPL-2.0-or-later
"""What else the memory in question needs: room to hibernate, a limit of each group's pool.

May come in: advice, and the command line.
"""
