# SPDX-License-Identifier: GPL-2.0-or-later
"""Options, scenario files and the values they become. May come in: commands, reports."""
