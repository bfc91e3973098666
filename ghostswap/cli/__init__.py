# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal: click and rich live here and nowhere else.

Rooms: terminal, options, reports, commands; app is the door. Nothing may come in but __main__.
"""
