# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of ``simulate`` with lz4 on real pages, as ratios to a C loop over liblz4.

Pages of /usr/lib (code, tables, text) are copied into one file first, so that every page differs;
pages of one repeated word are left out, for a simulation does not compress them.
Start-up is taken out by the difference to a run over no pages at all.
"""

from __future__ import annotations

import ctypes
import glob
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice

from bench_codecs import PAGE_SIZE, library

PAGES = 100_000
PAGES_A_FILE = 2_000
ROUNDS = 5
GHOSTSWAP = os.path.join(os.path.dirname(sys.executable), "ghostswap")


def gather(path: str) -> bytes:
    """Real pages in one file, which is then in the page cache."""
    with open(path, "wb") as out:
        for name in sorted(glob.glob("/usr/lib/*-linux-gnu/*.so.*")):
            with open(name, "rb") as file:
                pages = iter(lambda: file.read(PAGE_SIZE), b"")  # used up at once
                out.writelines(page for page in islice(pages, PAGES_A_FILE) if not _repeats(page))
            if out.tell() >= PAGES * PAGE_SIZE:
                break
    with open(path, "rb") as file:
        return file.read()


def _repeats(page: bytes) -> bool:
    """Whether a page is one 8-byte word over and over, or is not whole."""
    return len(page) < PAGE_SIZE or page[8:] == page[:-8]


def simulate(path: str, jobs: int) -> float:
    start = time.perf_counter()
    call = [GHOSTSWAP, "simulate", "--json", "--jobs", str(jobs), "--ram", "64G", "--pages", path]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path, empty = os.path.join(directory, "pages"), os.path.join(directory, "empty")
        pages = gather(path)
        open(empty, "wb").close()
        loop, count = library().lz4, len(pages) // PAGE_SIZE
        lengths = (ctypes.c_ushort * count)()
        times: dict[str, list[float]] = {"C loop": [], "one core": [], "two cores": []}
        for _ in range(ROUNDS):
            start = time.perf_counter()
            loop(ctypes.c_char_p(pages), ctypes.c_size_t(count), lengths)
            times["C loop"].append(time.perf_counter() - start)
            times["one core"].append(simulate(path, 1) - simulate(empty, 1))
            times["two cores"].append(simulate(path, 2) - simulate(empty, 2))
    unit = statistics.median(times["C loop"])
    print(f"simulate with lz4 over {count} pages, speed of a C loop = 1")
    for name in ("one core", "two cores"):
        print(f"{name:10} {unit / statistics.median(times[name]):5.2f}")


if __name__ == "__main__":
    main()
