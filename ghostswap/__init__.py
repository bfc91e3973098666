# SPDX-License-Identifier: GPL-2.0-or-later
"""A workbench for Linux swap: areas on disk, memory in pages, and what the kernel does."""

__version__ = "0.1.0"
