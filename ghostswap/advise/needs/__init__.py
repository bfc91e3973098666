# SPDX-License-Identifier: GPL-2.0-or-later
"""What else the memory needs: room to hibernate, a limit of each group's pool, waits of its work.

May come in: advice, and the command line.
"""
