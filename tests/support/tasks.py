# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks for engines: what workers on other machines would find under the same name."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ghostswap.errors import TargetError


def square(number: int) -> int:
    """Some work."""
    return number * number


def refuse_odd(number: int) -> int:
    """Refuse every other number."""
    if number % 2:
        raise TargetError(f"host{number}", "is odd", "give another one")
    return number


def fall_over(number: int) -> float:
    """A fault of the program."""
    return 1 / number


def meet(sent: tuple[str, int]) -> int:
    """Say who works on a number, and wait until it may go on.

    :param sent: a directory, and the number.
    """
    directory, number = Path(sent[0]), sent[1]
    (directory / f"{number}.{os.getpid()}").touch()
    while not (directory / "go").exists():
        time.sleep(0.01)
    return number


def end_with_three(number: int) -> int:
    """End the process that works on 3."""
    if number == 3:
        os._exit(7)
    return number


def sleep_at_three(number: int) -> int:
    """Sleep where others are done long since."""
    if number == 3:
        time.sleep(600)
    return number
