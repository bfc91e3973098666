# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed and memory of a replay, beside libcachesim (C) doing nothing but exact LRU.

A process writes all its pages once, then touches them by zipf:0.8 with half of them in memory; the
rest goes through zswap into the slots of one area. All read the same touches from files, and the
first writes are touches too. Run it as ``python benchmarks/bench_replay.py [--full | PAGES
TOUCHES]``: a machine that is busy shows in touches a second, less in the ratio.
"""

from __future__ import annotations

import os
import random
import resource
import struct
import sys
import tempfile
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from typing import Literal, TypeVar

from ghostswap.page import PAGE_SIZE
from ghostswap.pages.trace import open_trace
from ghostswap.study.host import Group, Host
from ghostswap.study.replay import Replay

PAGES, TOUCHES = 200_000, 2_000_000
FULL_PAGES, FULL_TOUCHES = 1_000_000, 10_000_000
#: Compressed lengths, as if of real pages: some are zero, some do not compress.
LENGTHS = (0, 300, 700, 1200, 1500, 2000, 2500, 3000, 4096)
#: oracleGeneral: time, object, its size, next access.
RECORD = struct.Struct("<IQIq")

_T = TypeVar("_T")


def replay(
    design: str, policy: Literal["two-lists", "lru"], pages: int, path: str
) -> tuple[float, int, float]:
    """Seconds, faults (the first writes included) and bytes a page."""
    rng = random.Random(1)
    before = _peak_rss()
    measured = array("H", rng.choices(LENGTHS, k=pages))
    group = Group("p", source="-", touches="-", limit_frames=pages // 2)
    size = (2 * pages + 1) * PAGE_SIZE  # so that slots are kept, as where swap is not half full
    host = Host(1 << 44, (group,), design=design, policy=policy, cgroup_version=1, size=size)
    run = Replay(host, [measured], [])
    trace = open_trace(path)
    start = time.process_time()
    for _ in run.run(trace.chunks([pages]), trace.touches):
        pass
    seconds = time.process_time() - start
    faults = run.outcome().groups[0].events["pgfault"]
    return seconds, faults, (_peak_rss() - before) / pages


def libcachesim(path: str, frames: int) -> tuple[float, int]:
    """Seconds and misses of the trace at *path*."""
    import libcachesim as simulator

    requests = os.path.getsize(path) // RECORD.size
    reader = simulator.TraceReader(path, simulator.TraceType.ORACLE_GENERAL_TRACE)
    cache = simulator.LRU(cache_size=frames)
    start = time.process_time()
    ratio, _ = cache.process_trace(reader)
    return time.process_time() - start, round(ratio * requests)


def ordered_dict(pages: int, path: str) -> float:
    """Seconds of an OrderedDict that does exact LRU and nothing else: what Python is here."""
    wanted = [*range(pages)]
    for chunk in open_trace(path).chunks([pages]):
        wanted += chunk.pages
    order: OrderedDict[int, None] = OrderedDict.fromkeys(range(-(pages // 2), 0))
    start = time.process_time()
    for page in wanted:
        if page in order:
            order.move_to_end(page)
        else:
            order[page] = None
            order.popitem(last=False)
    return time.process_time() - start


def write_traces(stem: str, pages: int, touches: int) -> None:
    """The touches as a .u32 file; all pages in order, then the touches, as an oracleGeneral one."""
    with open(f"{stem}.u32", "wb") as ours, open(f"{stem}.oracleGeneral", "wb") as theirs:
        _write(theirs.write, range(pages))
        for chunk in open_trace(f"zipf:0.8@{touches}").chunks([pages]):
            ours.write(chunk.pages.tobytes())
            _write(theirs.write, chunk.pages)


def _write(write: Callable[[bytes], object], pages: Iterable[int]) -> None:
    write(b"".join(RECORD.pack(0, page + 1, 1, -1) for page in pages))


def _peak_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _alone(work: Callable[..., _T], *args: object) -> _T:
    """What *work* gives in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args)


def main() -> None:
    pages, touches = PAGES, TOUCHES
    if sys.argv[1:] == ["--full"]:
        pages, touches = FULL_PAGES, FULL_TOUCHES
    elif len(sys.argv) == 3:
        pages, touches = map(int, sys.argv[1:])
    elif sys.argv[1:]:
        sys.exit("usage: bench_replay.py [--full | PAGES TOUCHES]")
    with tempfile.TemporaryDirectory() as directory:
        stem = os.path.join(directory, "trace")
        path = f"{stem}.u32"
        _alone(write_traces, stem, pages, touches)
        unit, misses = _alone(libcachesim, f"{stem}.oracleGeneral", pages // 2)
        print(f"{pages} first writes and {touches} touches, half of the pages in memory, zipf:0.8")
        bare = _alone(ordered_dict, pages, path)
        every = pages + touches
        print(
            "                    touches/s   misses  bytes/page  libcachesim = 1  OrderedDict = 1"
        )
        print(f"libcachesim LRU   {every / unit:11.0f} {misses:8}")
        print(f"OrderedDict LRU   {every / bare:11.0f} {misses:8}")
        for design in ("classic", "ghost"):
            for policy in ("lru", "two-lists"):
                seconds, faults, size = _alone(replay, design, policy, pages, path)
                row = f"{design:10} {policy:9}{every / seconds:11.0f} {faults:8} {size:11.0f}"
                print(f"{row} {unit / seconds:16.3f} {bare / seconds:16.3f}")
                if policy == "lru" and faults != misses:
                    sys.exit(f"{design}: {faults} misses, but libcachesim has {misses}")


if __name__ == "__main__":
    main()
