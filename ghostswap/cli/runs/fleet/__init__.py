# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands for many hosts do. May come in: as for the rest of runs."""
