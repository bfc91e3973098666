# SPDX-License-Identifier: GPL-2.0-or-later
"""How we talk: parsing as util-linux does, notes, progress, tables for any terminal.

May come in: all of cli/.
"""
