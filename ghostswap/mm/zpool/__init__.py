# SPDX-License-Identifier: GPL-2.0-or-later
"""Allocators of compressed memory: zsmalloc with its size classes, zbud, z3fold.

An allocator has malloc, free and pages (api). May come in: zswap, zram, codecs and all above.
"""
