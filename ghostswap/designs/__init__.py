# SPDX-License-Identifier: GPL-2.0-or-later
"""Where pages are that left memory: classic, ghost, zram, virtual swap, one row each.

Lives here: the table of designs, their backends (slotted, virtual), metadata, cost of transfer.
May come in: study and all above.
"""
