# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line on a terminal of a given width."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys


def on_screen(columns: int, *args: str) -> list[str]:
    """What a terminal of so many columns shows of standard output."""
    terminal, its_end = pty.openpty()
    call = [sys.executable, "-m", "ghostswap", *args]
    shown = bytearray()
    with subprocess.Popen(
        call,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=its_end,
        stderr=subprocess.DEVNULL,
    ):
        os.close(its_end)
        while True:
            try:
                block = os.read(terminal, 4096)
            except OSError:  # EIO, once it is gone
                break
            shown += block
    os.close(terminal)
    return re.sub("\x1b\\[[0-9;]*m", "", shown.decode()).splitlines()
