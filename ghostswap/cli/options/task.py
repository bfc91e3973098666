# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``ghostswap simulate`` is asked to do, whatever the design."""

from __future__ import annotations

from dataclasses import dataclass

from ghostswap.kernels import Kernel


@dataclass(frozen=True, slots=True)
class Task:
    """A simulation to run.

    :ivar spec: of the source.
    :ivar verify: keep the bytes of all pages and compare; *force* is to overwrite full areas.
    """

    spec: str
    compressor: str
    kernel: Kernel
    jobs: int | None
    verify: bool
    force: bool
