# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that measuring ends as it was ended, whatever was at work then."""

from __future__ import annotations

from array import array

import pytest

from ghostswap.codecs.measure import measure
from ghostswap.pages import open_source


class Interrupted:
    """A codec that Ctrl-C comes to while it looks at its pages."""

    def measure(self, buffer: memoryview) -> array[int]:
        words = buffer.cast("Q")
        raise KeyboardInterrupt(words[0])


def test_an_interrupt_in_one_process_stays_one() -> None:
    """The frames that it passes hold views of the memory that was measured."""
    with open_source("synthetic:9:text") as source, pytest.raises(KeyboardInterrupt):
        next(measure(source, Interrupted(), jobs=1))
