# SPDX-License-Identifier: GPL-2.0-or-later
"""What commands do that look at this host. May come in: as for the rest of runs."""
