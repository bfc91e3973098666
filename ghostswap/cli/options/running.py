# SPDX-License-Identifier: GPL-2.0-or-later
"""Which kernel is meant where none is named."""

from __future__ import annotations

import os

from ghostswap import kernels
from ghostswap.cli.terminal.talk import note
from ghostswap.kernels.rules import Kernel


def running_kernel() -> Kernel:
    """The row that stands for the running kernel; where that is another one, it is said."""
    release = os.uname().release
    kernel, known = kernels.running(release)
    if not known:
        note(f"Linux {release} is not known here: the rules of {kernel.name} are taken")
    return kernel
