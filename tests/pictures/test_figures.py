# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in a figure is what the kernel counts, and what a replay came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from conftest import load_case
from support.corpora import CORPORA

from ghostswap import codecs, kernels
from ghostswap.codecs.views import for_zswap
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.page import SAME, ZEROS
from ghostswap.pictures.figures import BIN, lengths, over_time
from ghostswap.study.host import Group, Host
from ghostswap.study.memory import measure_host
from ghostswap.study.run import replay

KERNEL = kernels.get("6.12")


def histogram(corpus: str, compressor: str) -> Counter[int]:
    """Pages by length, as zswap gets to see them."""
    measured = codecs.get(compressor, KERNEL.name).measure(CORPORA[corpus]())
    found = Counter(for_zswap(KERNEL, measured))
    return Counter({n: pages for n, pages in found.items() if n not in (ZEROS, SAME) and n <= 4096})


def test_size_classes_take_what_debugfs_says_of_them() -> None:
    """Linux 6.12 was given the same pages, and its zsmalloc/*/classes read."""
    (recorded,) = (
        row["classes"]
        for row in load_case("kernel-fills.json.xz")
        if (row["kernel"], row["design"], row.get("zpool"), row["corpus"], row["comp"])
        == ("6.12", "zswap", "zsmalloc", "text", "deflate")
    )
    found = lengths("text", histogram("text", "deflate"), KERNEL.zsmalloc).classes
    assert [(one.length + 8, one.pool_bytes // 4096) for one in found] == [
        (size, pages_used) for _, size, _, _, _, pages_used in recorded
    ]
    assert all(one.above < one.length for one in found)


def test_every_page_is_in_one_bar_and_every_byte_in_one_class() -> None:
    pages = Counter({1: 1, BIN: 2, BIN + 1: 4, 4095: 8, 4096: 16})
    figure = lengths("edges", pages, KERNEL.zsmalloc)
    bars = {number * BIN: count for number, count in enumerate(figure.pages) if count}
    assert bars == {0: 3, BIN: 4, 4096 - BIN: 24}
    assert sum(one.compressed_bytes for one in figure.classes) == sum(
        length * count for length, count in pages.items()
    )
    assert figure.classes[-1].length == 4096
    assert lengths("zbud has none", pages, None).classes == ()


def test_the_steps_of_a_replay_add_up_to_its_totals() -> None:
    source = "synthetic:1024:text=50%,random=50%"
    group = Group("db", source=source, touches="zipf:0.9@5k", memory_max=4 << 20)
    host = Host(ram=1 << 30, kernel="6.12", design="ghost", groups=(group,))
    measured = measure_host(host, (host.design,), 1)
    outcome = replay(host, measured, (SwapArea("/swap", pages=1024, type="ghost"),)).outcome()
    figure = over_time("db", outcome)
    (db,) = outcome.groups
    first = outcome.timeline[0]
    assert sum(figure.major_faults) == db.events["pgmajfault"] - first.pgmajfault
    assert sum(figure.refusals) == db.refused + db.no_slot - first.refused - first.no_slot > 0
    assert figure.touches[-1] == 5000
    assert figure.pool_bytes[-1] == outcome.pool_bytes
    assert figure.killed == ()
    dead = replace(outcome, groups=(db._replace(killed=True),))
    assert over_time("db", dead).killed == ("db",)
