# SPDX-License-Identifier: GPL-2.0-or-later
"""What Python code in a child process has to make memory with."""

from __future__ import annotations

#: What every child can use: anonymous memory that reserves nothing, and a pause that lasts until
#: a line comes from the test.
PRELUDE = """
import ctypes, mmap, sys
libc = ctypes.CDLL(None, use_errno=True)
MAP_NORESERVE, MAP_HUGETLB = 0x4000, 0x40000
def anonymous(pages, flags=MAP_NORESERVE):
    return mmap.mmap(-1, pages * 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | flags)
def address(memory):
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
def fill(memory, numbers, text=b"ghost"):
    for number in numbers:
        memory[number * 4096 : (number + 1) * 4096] = (b"%s%08d" % (text, number)).ljust(4096, b".")
def pause():
    print(flush=True)
    sys.stdin.readline()
"""
