# SPDX-License-Identifier: GPL-2.0-or-later
"""How many hosts are printed. May come in: as for the rest of reports."""
