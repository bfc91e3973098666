# SPDX-License-Identifier: GPL-2.0-or-later
"""Growth of ``fleet``: who works, what a task costs beside its work, and how hosts add up.

Of 100 profiles and 60 scenarios each: the time of every engine, the first alone being 1. Of tasks
that do nothing but carry a profile: what one takes, and how much of that is work of who asks, which
is what limits many workers. Of synthetic fleets up to 10,000 hosts: what a
host takes to add and to judge, and the most memory that either command has.

Give other numbers of hosts as arguments.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from random import Random

from ghostswap.errors import UsageError
from ghostswap.executor.engine import Engine, Failure, Here
from ghostswap.executor.on_dask import LOCAL, Dask
from ghostswap.executor.processes import Processes
from ghostswap.fleet.tasks import Asked, Sent, identity, store_all
from ghostswap.pages.profiles.format import Column, Group, Profile, build

PROFILES = 100
DESIGNS = ("ghost", "classic", "zram", "vswap")
SIZES = tuple(megabytes << 20 for megabytes in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048))
COMPRESSORS = ("lz4", "lzo-rle")
PAGES = 1500
EMPTY = 1000
HOSTS = (1000, 3000, 10_000)
DEADLINE = 600.0
#: Drawn of as many pages as a host of some GiB has.
DRAWN = 500


def profile(seed: int, pages: int, population: int) -> bytes:
    """A host whose pages are of many lengths."""
    rng = Random(seed)
    mean = rng.choice((700, 1200, 1900))
    lengths = [min(4095, max(40, round(rng.gauss(mean, mean / 3)))) for _ in range(pages)]
    measures = [array("H", lengths) for _ in COMPRESSORS]
    columns = tuple(Column(name, "") for name in COMPRESSORS)
    memory = rng.choice((4, 8, 16, 64)) << 30
    group = Group("", "made up", population, pages, {}, measures)
    return build(Profile("6.18.0", "x86_64", memory, "0", columns, [group]))


def scenarios() -> list[Asked]:
    """Sixty: designs, sizes and compressors."""
    sized = product(DESIGNS[:3], COMPRESSORS, SIZES[2:])
    return [Asked(design, of, "6.18", 4 << 30, 20, size) for design, of, size in sized]


def engines() -> Iterator[tuple[str, Callable[[], Engine]]]:
    yield "this process", Here
    for jobs, many in ((1, "1 process"), (2, "2 processes")):
        yield many, partial(Processes, jobs, DEADLINE)
    for jobs, many in ((1, "1 worker"), (2, "2 workers")):
        yield f"Dask, {many}", partial(Dask, LOCAL, jobs, DEADLINE)


def run(engine: Engine, sent: list[Sent]) -> tuple[float, bytes]:
    """Seconds, and all results in order."""
    start = time.perf_counter()
    found = dict(engine.map(store_all, enumerate(sent)))
    took = time.perf_counter() - start
    assert not any(isinstance(one, Failure) for one in found.values())
    return took, b"".join(b"".join(found[number]) for number in range(len(sent)))  # type: ignore[arg-type]


def compare_engines() -> None:
    asked = scenarios()
    texts = [one.text() for one in asked]
    sent: list[Sent] = [
        (str(seed), profile(seed, PAGES, PAGES), texts, identity(asked[0]))
        for seed in range(PROFILES)
    ]
    print(f"{PROFILES} profiles, {len(texts)} scenarios each; {EMPTY} tasks that do nothing")
    print("engine            time    start   a task, ms   CPU of who asks, ms")
    first, results = 0.0, b""
    for name, made in engines():
        start = time.perf_counter()
        try:
            with made() as engine:
                list(engine.map(len, [(0, b"")]))
                up = time.perf_counter() - start
                took, found = run(engine, sent)
                start, spent = time.perf_counter(), time.process_time()
                list(engine.map(len, ((n, sent[n % PROFILES][1]) for n in range(EMPTY))))
                empty, spent = time.perf_counter() - start, time.process_time() - spent
        except UsageError as error:
            print(f"{name:16}  {error.message}")
            continue
        first, results = first or took, results or found
        assert found == results, "not the same bytes"
        each = (1000 * empty / EMPTY, 1000 * spent / EMPTY)
        print(
            f"{name:16} {took / first:5.2f} {up:7.1f} s {each[0]:12.2f} {each[1]:21.2f}", flush=True
        )


def measure(call: list[str], directory: str) -> tuple[float, float]:
    """Seconds of CPU, and MiB at the most, of one command that works alone."""
    command = [sys.executable, "-m", "ghostswap", "fleet", *call, "--jobs", "1"]
    process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert not process.returncode, command
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def grow(counts: tuple[int, ...]) -> None:
    print("hosts    add, CPU ms a host    MiB   advise, CPU ms a host    MiB   store, KiB a host")
    for count in counts:
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "hosts"))
            for seed in range(count):
                path = os.path.join(directory, "hosts", f"{seed}.gsp")
                with open(path, "wb") as file:
                    file.write(profile(seed, DRAWN, Random(seed).randrange(200_000, 3_000_000)))
            add, added = measure(["add", "hosts"], directory)
            advise, advised = measure(["advise", "--kernel", "6.18"], directory)
            size = os.path.getsize(os.path.join(directory, "fleet.db"))
        each = (1000 * add / count, added, 1000 * advise / count, advised, size / count / 1024)
        print(
            f"{count:6} {each[0]:20.1f} {each[1]:6.0f} {each[2]:23.1f} {each[3]:6.0f}"
            f" {each[4]:19.1f}",
            flush=True,
        )


def main() -> None:
    compare_engines()
    grow(tuple(map(int, sys.argv[1:])) or HOSTS)


if __name__ == "__main__":
    main()
