# SPDX-License-Identifier: GPL-2.0-or-later
"""Source to what all its pages measure as, in order, on all cores, in flat memory."""

from __future__ import annotations

import mmap
import os
from array import array
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Protocol

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.source import Source

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Pages in a chunk: enough that handing one over costs little beside compressing it, and few enough
#: that most of what was read is still in a cache when it is compressed.
CHUNK_PAGES = 1024
_CHUNK = CHUNK_PAGES * PAGE_SIZE


class Measure(Protocol):
    """What measuring asks of a codec (:mod:`ghostswap.codecs`)."""

    def measure(self, buffer: memoryview) -> array[int]:
        """One number a page, or as many for each."""
        ...


def measure(source: Source, codec: Measure, jobs: int | None = None) -> Generator[array[int]]:
    """Yield what *source*'s pages measure as, chunk by chunk, in order.

    :param jobs: processes that compress; by default one for each core this process may use. One
        job compresses in this process.
    """
    jobs = jobs or len(os.sched_getaffinity(0))
    if jobs == 1 or (source.pages is not None and source.pages <= CHUNK_PAGES):
        yield from _measure_here(source, codec)
    else:
        yield from _measure_apart(source, codec, jobs)


def _measure_here(source: Source, codec: Measure) -> Generator[array[int]]:
    # Not closed by hand: after Ctrl-C the frames of whoever was at work still hold views of it.
    buffer = memoryview(mmap.mmap(-1, _CHUNK))
    while filled := source.readinto(buffer):
        yield codec.measure(buffer[:filled])


def _measure_apart(source: Source, codec: Measure, jobs: int) -> Generator[array[int]]:
    from ghostswap.workers import make_pool  # which one process does without

    # Processes, for most codecs are Python packages that hold the GIL. The chunks lie in memory
    # shared with the workers, so that only lengths travel. Two a worker keep it busy. All workers
    # are there before a progress bar starts its thread.
    chunks = [mmap.mmap(-1, _CHUNK) for _ in range(2 * jobs)]
    with make_pool(jobs, _share, chunks, codec) as pool:
        free = deque(range(len(chunks)))
        running: deque[tuple[Future[array[int]], int]] = deque()
        more = True
        try:
            while more or running:
                while more and free:
                    with memoryview(chunks[free[0]]) as buffer:
                        filled = source.readinto(buffer)
                    more = filled > 0
                    if more:
                        number = free.popleft()
                        running.append((pool.submit(_lengths, number, filled), number))
                if running:
                    future, number = running.popleft()
                    yield future.result()
                    free.append(number)
        finally:
            pool.shutdown(cancel_futures=True)


# A worker's own: the chunks it shares and the codec it runs, set once by _share().
_chunks: list[mmap.mmap] = []
_codec: Measure | None = None


def _share(chunks: list[mmap.mmap], codec: Measure) -> None:
    global _chunks, _codec  # a pool's initializer has no other place
    _chunks, _codec = chunks, codec


def _lengths(number: int, filled: int) -> array[int]:
    assert _codec is not None
    with memoryview(_chunks[number]) as whole, whole[:filled] as pages:
        return _codec.measure(pages)
