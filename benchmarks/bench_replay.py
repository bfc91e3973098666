# SPDX-License-Identifier: GPL-2.0-or-later
"""Speed and memory of a replay, beside libcachesim (C) doing nothing but exact LRU.

Processes write all their pages once, then touch them by zipf:0.8 with half of them in memory; the
rest goes through a design. All read the same touches from files, and the first writes are touches
too. Run it as ``python benchmarks/bench_replay.py [--full | PAGES TOUCHES] [--runs N]``: a machine
that is busy shows in touches a second, less in the ratios, which are of one run; of several runs
the best counts. Beside each row stands how many times as fast as plain Python it is, but with
``--full``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any

from ghostswap import hot
from ghostswap.page import PAGE_SIZE
from ghostswap.pages.touches import Touches
from ghostswap.pages.trace import open_trace
from ghostswap.study.host import Group, Host
from ghostswap.study.replay import Replay

PAGES, TOUCHES = 200_000, 2_000_000
FULL_PAGES, FULL_TOUCHES = 1_000_000, 10_000_000
#: Compressed lengths, as if of real pages: some are zero, some do not compress.
LENGTHS = (0, 300, 700, 1200, 1500, 2000, 2500, 3000, 4096)
#: oracleGeneral: time, object, its size, next access.
RECORD = struct.Struct("<IQIq")
#: Rows of the table: what is theirs of a host, and into how many groups the pages are split.
ROWS: dict[str, dict[str, Any]] = {
    "classic, lru": {"design": "classic", "policy": "lru"},
    "classic": {"design": "classic"},
    "ghost, lru": {"design": "ghost", "policy": "lru"},
    "ghost": {"design": "ghost"},
    "classic, 6.1": {"design": "classic", "kernel": "6.1"},
    "classic, 6.12": {"design": "classic", "kernel": "6.12"},
    "vswap": {"design": "vswap"},
    "zram": {"design": "zram"},
    "writeback to disk": {"design": "classic", "tight": True},
    "four groups": {"design": "classic", "groups": 4},
}
#: These are to be faster than libcachesim.
AHEAD = 4


def replay(path: str, pages: int, row: dict[str, Any]) -> tuple[float, int, float]:
    """Seconds, faults (the first writes included) and bytes a page."""
    knobs = dict(row)
    groups, is_tight = knobs.pop("groups", 1), knobs.pop("tight", False)
    rng = random.Random(1)
    before = _peak_rss()
    each = pages // groups
    measured = [array("H", rng.choices(LENGTHS, k=each)) for _ in range(groups)]
    # So that slots are kept, as where swap is not half full.
    knobs["size"] = (2 * pages + 1) * PAGE_SIZE
    host = Host(
        pages * PAGE_SIZE * 2 if is_tight else 1 << 44,
        groups=tuple(
            Group(str(number), source="-", touches="-", limit_frames=each // 2)
            for number in range(groups)
        ),
        cgroup_version=1,
        max_pool_percent=3 if is_tight else 20,
        **{"kernel": "6.18", **knobs},
    )
    run = Replay(host, measured, [])
    trace = open_trace(path)
    start = time.process_time()
    for _ in run.run(_dealt(trace.chunks([pages]), groups, each), trace.touches):
        pass
    seconds = time.process_time() - start
    faults = sum(group.events["pgfault"] for group in run.outcome().groups)
    return seconds, faults, (_peak_rss() - before) / pages


def _dealt(chunks: Iterator[Touches], groups: int, pages: int) -> Iterator[Touches]:
    """*chunks*, whole ones to each of the *groups* in turn."""
    for number, chunk in enumerate(chunks):
        if groups == 1:
            yield chunk
        else:
            yield Touches(number % groups, array("I", (page % pages for page in chunk.pages)), None)


def libcachesim(path: str, pages: int, _: dict[str, Any]) -> tuple[float, int, float]:
    """Seconds and misses of the trace at *path*."""
    import libcachesim as simulator

    requests = os.path.getsize(path) // RECORD.size
    reader = simulator.TraceReader(path, simulator.TraceType.ORACLE_GENERAL_TRACE)
    cache = simulator.LRU(cache_size=pages // 2)
    start = time.process_time()
    ratio, _ = cache.process_trace(reader)
    return time.process_time() - start, round(ratio * requests), 0


def ordered_dict(path: str, pages: int, _: dict[str, Any]) -> tuple[float, int, float]:
    """Seconds of an OrderedDict that does exact LRU and nothing else: what Python is here."""
    wanted = [*range(pages)]
    for chunk in open_trace(path).chunks([pages]):
        wanted += chunk.pages
    order: OrderedDict[int, None] = OrderedDict.fromkeys(range(-(pages // 2), 0))
    misses = 0
    start = time.process_time()
    for page in wanted:
        if page in order:
            order.move_to_end(page)
        else:
            misses += 1
            order[page] = None
            order.popitem(last=False)
    return time.process_time() - start, misses, 0


WORK = {work.__name__: work for work in (replay, libcachesim, ordered_dict)}


def alone(
    name: str, path: str, pages: int, row: dict[str, Any] | None = None, *, plain: bool = False
) -> tuple[float, int, float]:
    """Have *name* done in a process of its own; *plain* without anything compiled."""
    asked = json.dumps([name, path, pages, row or {}])
    done = subprocess.run(
        [sys.executable, __file__, "--one", asked],
        env={**os.environ, "GHOSTSWAP_PURE": "1" if plain else ""},
        stdout=subprocess.PIPE,
        check=True,
    )
    seconds, count, size = json.loads(done.stdout)
    return seconds, count, size


def write_traces(stem: str, pages: int, touches: int) -> None:
    """The touches as a .u32 file; all pages in order, then the touches, as an oracleGeneral one."""
    with open(f"{stem}.u32", "wb") as ours, open(f"{stem}.oracleGeneral", "wb") as theirs:
        theirs.write(_records(range(pages)))
        for chunk in open_trace(f"zipf:0.8@{touches}").chunks([pages]):
            ours.write(chunk.pages.tobytes())
            theirs.write(_records(chunk.pages))


def _records(pages: Iterable[int]) -> bytes:
    return b"".join(RECORD.pack(0, page + 1, 1, -1) for page in pages)


def _peak_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _table(stem: str, pages: int, touches: int, *, with_plain: bool) -> dict[str, float]:
    """Print one run; by row, its speed in libcachesim's."""
    path, every = f"{stem}.u32", pages + touches
    unit, misses, _ = alone("libcachesim", f"{stem}.oracleGeneral", pages)
    bare, _, _ = alone("ordered_dict", path, pages)
    print(
        "                     touches/s   misses  bytes/page  libcachesim = 1  OrderedDict = 1"
        + "  plain = 1" * with_plain
    )
    print(f"{'libcachesim LRU':19}{every / unit:11.0f} {misses:8}")
    print(f"{'OrderedDict LRU':19}{every / bare:11.0f} {misses:8}")
    ratios = {}
    for title, row in ROWS.items():
        seconds, faults, size = alone("replay", path, pages, row)
        ratios[title] = unit / seconds
        line = f"{title:19}{every / seconds:11.0f} {faults:8} {size:11.0f}"
        line += f" {unit / seconds:16.3f} {bare / seconds:16.3f}"
        if with_plain:
            line += f" {alone('replay', path, pages, row, plain=True)[0] / seconds:10.1f}"
        print(line, flush=True)
        if row.get("policy") == "lru" and faults != misses:
            sys.exit(f"{title}: {faults} misses, but libcachesim has {misses}")
    return ratios


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        name, *args = json.loads(sys.argv[2])
        print(json.dumps(WORK[name](*args)))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("counts", type=int, nargs="*", metavar="PAGES TOUCHES")
    asked = parser.parse_args()
    pages, touches = FULL_PAGES if asked.full else PAGES, FULL_TOUCHES if asked.full else TOUCHES
    if asked.counts:
        pages, touches = asked.counts
    print(f"{pages} first writes and {touches} touches, half of the pages in memory, zipf:0.8")
    print(f"hot modules: {hot.obstacle() or 'compiled'}")
    with tempfile.TemporaryDirectory() as directory:
        stem = os.path.join(directory, "trace")
        write_traces(stem, pages, touches)
        runs = [
            _table(stem, pages, touches, with_plain=not (asked.full or hot.obstacle() or number))
            for number in range(asked.runs)
        ]
    best = {title: max(run[title] for run in runs) for title in ROWS}
    print(f"best of {asked.runs}: ", ", ".join(f"{title} {of:.2f}" for title, of in best.items()))
    print(f"least of the first {AHEAD}: {min(list(best.values())[:AHEAD]):.2f} of libcachesim")


if __name__ == "__main__":
    main()
