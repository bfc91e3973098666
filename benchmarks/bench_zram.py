# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of measuring and modelling zram, as a ratio to the running kernel's zram doing the work.

Run it as root from the repository with the module built: ``python benchmarks/bench_zram.py``. The
same pages, from this machine's libraries, programs and memory, are written to a new zram device
(by one process, as a block device is) and simulated (by one process, and by as many as there are
cores). It prints ratios only: the kernel's time to ours, so above 1 we are faster.
"""

from __future__ import annotations

import glob
import mmap
import os
import statistics
import time
from collections.abc import Callable
from contextlib import closing

from ghostswap.study.zram_fill import ZramFill

from ghostswap import codecs, kernels
from ghostswap.codecs.measure import measure
from ghostswap.errors import GhostswapError
from ghostswap.live.undo import kernel_lock, undoing, unstopped
from ghostswap.live.zram import live_zram
from ghostswap.pages import open_source

PAGE_SIZE = 4096
BYTES = 256 << 20
CHUNK = 8 << 20
ROUNDS = 5


def corpus() -> bytes:
    """Varied pages: a quarter from memory, the rest from libraries and programs."""
    with open_source("mine") as source, mmap.mmap(-1, BYTES // 4) as room:
        with memoryview(room) as view:
            filled = source.readinto(view)
        data = bytearray(room[:filled])
    for path in sorted(glob.glob("/usr/lib/*-linux-gnu/*.so.*") + glob.glob("/usr/bin/*")):
        if os.path.isfile(path) and not os.path.islink(path) and len(data) < BYTES:
            with open(path, "rb") as file:
                data += file.read(4 << 20)
    return bytes(data[: min(len(data), BYTES) // PAGE_SIZE * PAGE_SIZE])


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    if os.geteuid() != 0:
        print("bench_zram: needs root")
        return
    kernel = kernels.get(kernels.nearest(os.uname().release)[0].name)
    data = corpus()
    pages = len(data) // PAGE_SIZE
    cores = len(os.sched_getaffinity(0))
    print(f"{'codec':8} {'pages':>6} {'1 process':>10} {f'{cores} processes':>12}")
    with kernel_lock(lambda: None), mmap.mmap(-1, len(data)) as room:
        room[:] = data
        with memoryview(room) as view, os.fdopen(os.memfd_create("corpus"), "wb") as file:
            file.write(data)
            file.flush()
            path = f"/proc/self/fd/{file.fileno()}"
            chunks = [view[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
            for name in ("lz4", "lzo", "lzo-rle"):
                codec = codecs.get(name, kernel.name, "zram")

                def simulate(jobs: int, codec: codecs.Codec = codec) -> None:
                    fill = ZramFill(kernel)
                    with open_source(path) as source, closing(measure(source, codec, jobs)) as all_:
                        for lengths in all_:
                            fill.swap_out(lengths)
                    fill.result()

                def write(name: str = name) -> float:
                    with undoing() as undo:
                        with unstopped():
                            device = undo.enter_context(live_zram(name, pages))
                        return seconds(lambda: device.fill(chunks))

                try:
                    times = [
                        (write(), seconds(lambda: simulate(1)), seconds(lambda: simulate(cores)))
                        for _ in range(ROUNDS)
                    ]
                except GhostswapError as error:
                    print(f"{name:8} {error.message}")
                    continue
                theirs, one, many = map(statistics.median, zip(*times, strict=True))
                print(f"{name:8} {pages:6} {theirs / one:10.2f} {theirs / many:12.2f}")
            for chunk in chunks:
                chunk.release()


if __name__ == "__main__":
    main()
