# SPDX-License-Identifier: GPL-2.0-or-later
"""This machine, as far as others are judged or simulated by it: its memory, its pages."""

from __future__ import annotations

import os

from ghostswap.errors import UsageError


def mem_total() -> int:
    """``MemTotal`` of /proc/meminfo in bytes.

    :raises UsageError: where it does not tell.
    """
    return _meminfo("MemTotal")


def mem_available() -> int:
    """``MemAvailable`` of /proc/meminfo in bytes: what programs could have without swapping.

    :raises UsageError: where it does not tell.
    """
    return _meminfo("MemAvailable")


def _meminfo(name: str) -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith(f"{name}:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    raise UsageError("/proc/meminfo does not tell this machine's memory", "give it with --ram SIZE")


def lru_gen_enabled() -> bool:
    """Whether the running kernel reclaims by MGLRU (/sys/kernel/mm/lru_gen/enabled, bit 0)."""
    try:
        with open("/sys/kernel/mm/lru_gen/enabled", encoding="ascii") as file:
            return int(file.read(), 16) & 1 == 1
    except (OSError, ValueError):  # a kernel without it
        return False


def page_size() -> int:
    """``PAGE_SIZE`` of the running kernel."""
    return os.sysconf("SC_PAGE_SIZE")
