# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel does with memory: codecs, zsmalloc, zswap, slots."""
