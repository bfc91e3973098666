# SPDX-License-Identifier: GPL-2.0-or-later
"""What /proc/swaps and /proc/meminfo would show of swap after a workload."""

from __future__ import annotations

import os

from ghostswap.mm.swap.swap_info import SwapInfo
from ghostswap.page import PAGE_SIZE
from ghostswap.study.outcome import Outcome

_KIB = 1024
_PAGE_KIB = PAGE_SIZE // _KIB


def swaps(outcome: Outcome) -> str:
    """/proc/swaps (``swap_show()``, mm/swapfile.c): a virtual swap is in no line of it.

    The kernel leaves control characters as they are, but for tabs and newlines.
    """
    lines = ["Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"]
    for area in outcome.areas:
        name, kind = _name(area)
        name = _mangle(name)
        size, used = (area.pages or 0) * _PAGE_KIB, area.inuse_pages * _PAGE_KIB
        blanks = " " * max(1, 40 - len(os.fsencode(name)))
        lines.append(
            f"{name}{blanks}{kind}\t{'' if len(kind) > 8 else chr(9)}"
            f"{size}\t{_tab(size)}{used}\t{_tab(used)}{area.prio}"
        )
    return "\n".join(lines)


def meminfo(outcome: Outcome) -> str:
    """The lines of /proc/meminfo that are about swap, in the kernel's order."""
    total = sum(area.pages or 0 for area in outcome.areas) * _PAGE_KIB
    used = sum(area.inuse_pages for area in outcome.areas) * _PAGE_KIB
    rows = {"SwapTotal": total, "SwapFree": total - used}
    if outcome.zswap:
        rows["Zswap"] = outcome.zswap["pool_total_size"] // _KIB
        rows["Zswapped"] = outcome.zswap["stored_pages"] * _PAGE_KIB
    return "\n".join(f"{name + ':':<16}{kib:8} kB" for name, kib in rows.items())


def _name(area: SwapInfo) -> tuple[str, str]:
    if area.type == "zram":
        return f"/dev/{area.path}", "partition"
    if area.type == "ghost":
        return area.path, "ghost"
    return area.path, "partition" if area.blkdev else "file"


def _mangle(path: str) -> str:
    """*path* as ``seq_file_path()`` has it for swaps: these four characters in octal."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in path)


def _tab(kib: int) -> str:
    """``seq_puts(swap, "\\t")`` where a number is short."""
    return "\t" if kib < 10_000_000 else ""
