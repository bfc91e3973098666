# SPDX-License-Identifier: GPL-2.0-or-later
"""Results put into words, tables and JSON. May come in: commands."""
