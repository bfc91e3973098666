# SPDX-License-Identifier: GPL-2.0-or-later
"""What the running kernel lacks for a test, asked of the kernel itself before the test starts.

Each function skips the test, saying what is not there. None asks ghostswap's own probes, whose
errors are to fail a test. For tests that hold the kernel's lock.
"""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

import pytest

from ghostswap import codecs, kernels
from ghostswap.codecs.algorithms import COMPILED
from support.swapon import make_area

_ZSWAP = Path("/sys/module/zswap/parameters")
_ZRAM = Path("/sys/class/zram-control")
_libc = ctypes.CDLL(None, use_errno=True)


def needs_exact(compressor: str, design: str) -> None:
    """Skip where our lengths of *compressor* are none or estimates for the running kernel."""
    kernel, known = kernels.nearest(os.uname().release)
    if not known:
        pytest.skip(f"no rules for Linux {os.uname().release}")
    if compressor not in codecs.names() or (compressor.startswith("lzo") and not COMPILED):
        pytest.skip(f"no {compressor} here")
    if error := codecs.get(compressor, kernel.name, design).error:
        pytest.skip(f"{compressor} is an estimate here: {error}")


def needs_zram(compressor: str) -> None:
    """Skip where a new zram device cannot have *compressor*."""
    if not _ZRAM.exists():
        pytest.skip("this kernel has no zram loaded")
    number = (_ZRAM / "hot_add").read_text().strip()
    known = Path(f"/sys/block/zram{number}/comp_algorithm").read_text()
    deadline = time.monotonic() + 5
    while True:
        try:
            (_ZRAM / "hot_remove").write_text(number)
            break
        except OSError:  # udev has it open
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    if compressor not in known.replace("[", "").replace("]", "").split():
        pytest.skip(f"this kernel's zram has no {compressor}: {known.strip()}")


def needs_zswap(scratch: Path) -> str:
    """Skip where zswap cannot be measured over a scratch area in the directory *scratch*.

    :return: zswap's compressor.
    """
    if not _ZSWAP.exists():
        pytest.skip("this kernel has no zswap")
    allocator = _ZSWAP / "zpool"
    if allocator.exists() and allocator.read_text().strip() != "zsmalloc":
        pytest.skip(f"zswap allocates by {allocator.read_text().strip()}")
    if "debugfs" not in Path("/proc/filesystems").read_text().split():
        pytest.skip("this kernel has no debugfs")
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    if int(fields["Zswapped"].split()[0]):
        pytest.skip("zswap holds pages of others")
    area = make_area(scratch / "trial", 16)
    try:
        if _libc.swapon(os.fsencode(area), 0):
            said = os.strerror(ctypes.get_errno())
            pytest.skip(f"no swap in the directory for temporary files: {said}")
        assert not _libc.swapoff(os.fsencode(area))
    finally:
        area.unlink()
    return (_ZSWAP / "compressor").read_text().strip()
