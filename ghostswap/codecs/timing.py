# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a codec takes for a page on this machine, in user space and on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ghostswap.codecs import Codec

#: The quickest of so many goes counts: others run beside it.
_GOES = 15


class PageTime(NamedTuple):
    """CPU time of one page in nanoseconds, the mean of those that were tried.

    The kernel's own code is not run here: these are the libraries that ghostswap measures by, and
    what Python takes to call them.
    """

    compress_ns: int
    decompress_ns: int

    @property
    def round_trip_us(self) -> float:
        """Both, in microseconds."""
        return (self.compress_ns + self.decompress_ns) / 1000


def time_codec(codec: Codec, pages: Sequence[bytes]) -> PageTime | None:
    """Compress and decompress *pages*; ``None`` where there is none that compresses."""
    good = []
    for page in pages:
        data = codec.compress(page)
        if len(data) < len(page):
            good.append((page, data))
    if not good:
        return None
    joined = b"".join(page for page, _ in good)
    packed = [data for _, data in good]

    def decompress() -> None:
        for data in packed:
            codec.decompress(data)

    return PageTime(
        _quickest(lambda: codec.raw_lengths(joined)) // len(good),
        _quickest(decompress) // len(good),
    )


def _quickest(work: Callable[[], object]) -> int:
    found = []
    for _ in range(_GOES):
        before = time.thread_time_ns()
        work()
        found.append(time.thread_time_ns() - before)
    return min(found)
