# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that a test looks at while they work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def start(directory: Path, *args: str) -> subprocess.Popen[str]:
    """Run ghostswap with *args* in *directory*, as the first of a group that can be interrupted."""
    return subprocess.Popen(
        [sys.executable, "-m", "ghostswap", *args],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
        text=True,
    )


def await_cpu_time(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait until *process* has worked that long, however busy the machine is, or has ended."""
    while process.poll() is None:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / _TICKS >= seconds:  # utime and stime of proc(5)
            return
        time.sleep(0.01)
