# SPDX-License-Identifier: GPL-2.0-or-later
"""How this host, and advice for it, are printed. May come in: as for the rest of reports."""
