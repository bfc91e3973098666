# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies on disk: the swap header, where it is, who accepts it, how it is made."""
