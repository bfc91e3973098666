# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed of ``simulate`` with lz4 on 1 GiB of real pages.

Beside a C loop over liblz4, start-up taken out by the difference to a run over one page; and, start
to end, beside the bare measuring that is a part of it. Pages of programs, libraries and what they
read (code, tables, text) are copied into one file first, so that every page differs; pages of one
repeated word are left out, for a simulation does not compress them.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

from bench_codecs import PAGE_SIZE, library

from ghostswap import codecs
from ghostswap.codecs.measure import measure
from ghostswap.pages import open_source

PAGES = (1 << 30) // PAGE_SIZE
PAGES_A_FILE = 2_000
PLACES = ("/usr/lib", "/usr/bin", "/usr/share", "/usr/local", os.path.expanduser("~"))
ROUNDS = 5
#: As where ghostswap was installed: what is imported has been compiled.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
GHOSTSWAP = os.path.join(os.path.dirname(sys.executable), "ghostswap")


def gather(path: str) -> bytes:
    """Real pages in one file, which is then in the page cache."""
    with open(path, "wb") as out:
        for name in files():
            with open(name, "rb") as file:
                pages = iter(lambda: file.read(PAGE_SIZE), b"")  # used up at once
                out.writelines(page for page in islice(pages, PAGES_A_FILE) if not _repeats(page))
            if out.tell() >= PAGES * PAGE_SIZE:
                break
        out.truncate(min(out.tell(), PAGES * PAGE_SIZE))
    with open(path, "rb") as file:
        return file.read()


def files() -> Iterator[str]:
    for place in PLACES:
        for directory, _, names in os.walk(place):
            for name in sorted(names):
                path = os.path.join(directory, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    yield path


def _repeats(page: bytes) -> bool:
    """Whether a page is one 8-byte word over and over, or is not whole."""
    return len(page) < PAGE_SIZE or page[8:] == page[:-8]


def simulate(path: str, jobs: int) -> None:
    call = [GHOSTSWAP, "simulate", "--json", "--jobs", str(jobs), "--ram", "64G", "--pages", path]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)


def bare(path: str, jobs: int) -> None:
    """Only the measuring."""
    codec = codecs.get("lz4", "6.18")
    with open_source(path) as source, closing(measure(source, codec, jobs)) as chunks:
        for _ in chunks:
            pass


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path, one = os.path.join(directory, "pages"), os.path.join(directory, "one")
        pages = gather(path)
        with open(one, "wb") as file:
            file.write(pages[:PAGE_SIZE])
        loop, count = library().lz4, len(pages) // PAGE_SIZE
        lengths = (ctypes.c_ushort * count)()
        simulate(one, 2)
        calls = {
            "loop": lambda: loop(ctypes.c_char_p(pages), ctypes.c_size_t(count), lengths),
            **{f"bare {jobs}": lambda jobs=jobs: bare(path, jobs) for jobs in (1, 2)},
            **{f"start {jobs}": lambda jobs=jobs: simulate(one, jobs) for jobs in (1, 2)},
            **{f"whole {jobs}": lambda jobs=jobs: simulate(path, jobs) for jobs in (1, 2)},
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(ROUNDS):  # in turns, so that a busy moment hits all alike
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    took = {name: statistics.median(found) for name, found in times.items()}
    print(f"simulate with lz4 over {count} pages")
    print("           C loop = 1   time, bare measuring = 1")
    for jobs, name in ((1, "one core"), (2, "two cores")):
        whole = took[f"whole {jobs}"]
        speed = took["loop"] / (whole - took[f"start {jobs}"])
        print(f"{name:10} {speed:10.2f} {whole / took[f'bare {jobs}']:26.2f}")


if __name__ == "__main__":
    main()
