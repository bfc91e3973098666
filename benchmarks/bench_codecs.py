# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of measuring pages, as ratios to C loops over liblz4 and liblzo2 compiled on the spot.

Run it from the repository with the module built: ``python benchmarks/bench_codecs.py``. It needs
gcc and the two libraries, and prints ratios only: of the library's time to ours on one core, and
of our time on one thread to ours on two. Both are of the best of some rounds, for whoever else is
at work takes from a round, and most of all from one on two cores.
"""

from __future__ import annotations

import ctypes
import glob
import lzma
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ghostswap import codecs

PAGE_SIZE = 4096
PAGES = 4096  # of each corpus at most; the same few pages again and again would train the predictor
CHUNK = 256 * PAGE_SIZE
ROUNDS = 15
#: Times that each round goes through the pages.
PASSES = 4

LOOPS = r"""
#include <stddef.h>
#include <stdlib.h>
int LZ4_sizeofState(void);
int LZ4_compress_fast_extState(void *, const char *, char *, int, int, int);
int lzo1x_1_compress(const unsigned char *, size_t, unsigned char *, size_t *, void *);

void lz4(const char *pages, size_t n, unsigned short *lengths)
{
    void *state = malloc(LZ4_sizeofState());
    char out[4096];
    for (size_t i = 0; i < n; i++)
        lengths[i] = LZ4_compress_fast_extState(state, pages + 4096 * i, out, 4096, 4096, 1);
    free(state);
}

void lzo(const unsigned char *pages, size_t n, unsigned short *lengths)
{
    void *state = malloc(16384 * sizeof(void *));
    unsigned char out[8192];
    for (size_t i = 0; i < n; i++) {
        size_t length;
        lzo1x_1_compress(pages + 4096 * i, 4096, out, &length, state);
        lengths[i] = length;
    }
    free(state);
}
"""


def library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "loops.so")
        command = ["gcc", "-O3", "-shared", "-fPIC", "-x", "c", "-", "-o", path]
        subprocess.run(
            [*command, "-l:liblz4.so.1", "-l:liblzo2.so.2"], input=LOOPS.encode(), check=True
        )
        return ctypes.CDLL(path)


def text() -> bytes:
    path = os.path.join(os.path.dirname(__file__), "..", "tests", "cases", "text.xz")
    with lzma.open(path) as stream:
        return stream.read()


def elf() -> bytes:
    data = b""
    for path in sorted(glob.glob("/usr/lib/*-linux-gnu/*.so.*")):
        with open(path, "rb") as stream:
            data += stream.read(64 * PAGE_SIZE)
    return data


def heap() -> bytes:
    """This process's own anonymous memory, which holds Python objects."""
    data = b""
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps:
            fields = line.split()
            if fields[1] == "rw-p" and (len(fields) < 6 or fields[5] == "[heap]"):
                start, end = (int(edge, 16) for edge in fields[0].split("-"))
                memory.seek(start)
                data += memory.read(min(end - start, 1 << 20))
    return data


def plain(data: bytes) -> bytes:
    """The pages of *data* that are compressed at all, up to PAGES spread evenly."""
    pages = [data[at : at + PAGE_SIZE] for at in range(0, len(data) - PAGE_SIZE + 1, PAGE_SIZE)]
    pages = [page for page in pages if page[8:] != page[:-8]]
    return b"".join(pages[:: max(1, len(pages) // PAGES)][:PAGES])


def seconds(*runs: Callable[[], object]) -> list[float]:
    """The best time of each, taken in turns so that a slow spell hits all alike."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return [*map(min, times)]


def ratios(codec: codecs.Codec, loop: Callable[..., None], data: bytes) -> tuple[float, float]:
    """Theirs to ours on one core; ours on one thread to ours on two."""
    chunks = [memoryview(data)[at : at + CHUNK] for at in range(0, len(data), CHUNK)] * PASSES
    lengths = (ctypes.c_ushort * (len(data) // PAGE_SIZE))()
    with ThreadPoolExecutor(2) as pool:
        theirs, one, two = seconds(
            lambda: [
                loop(ctypes.c_char_p(data), ctypes.c_size_t(len(lengths)), lengths)
                for _ in range(PASSES)
            ],
            lambda: [codec.lengths(chunk) for chunk in chunks],
            lambda: list(pool.map(codec.lengths, chunks)),
        )
    return theirs / one, one / two


def main() -> None:
    loops = library()
    corpora = {name: plain(read()) for name, read in (("text", text), ("elf", elf), ("heap", heap))}
    corpora["all"] = b"".join(corpora.values())
    print(f"{'codec':8} {'library':8} {'corpus':6} {'pages':>6} {'1 core':>7} {'2 threads':>9}")
    for name, against in (("lz4", "lz4"), ("lzo", "lzo"), ("lzo-rle", "lzo")):
        for corpus, data in corpora.items():
            core, threads = ratios(codecs.get(name), getattr(loops, against), data)
            pages = len(data) // PAGE_SIZE
            print(f"{name:8} {against:8} {corpus:6} {pages:6} {core:7.2f} {threads:9.2f}")


if __name__ == "__main__":
    main()
