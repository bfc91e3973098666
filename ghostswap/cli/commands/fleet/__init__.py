# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands for many hosts. May come in: as for the rest of commands."""
