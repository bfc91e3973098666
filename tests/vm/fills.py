# SPDX-License-Identifier: GPL-2.0-or-later
"""zswap and zram filled with corpora by every compressor of a kernel, and zswap at its limit."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

from support.corpora import CORPORA
from support.machine import filling

from ghostswap import codecs, kernels
from ghostswap.codecs.views import for_zram
from ghostswap.errors import GhostswapError
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.page import SAME
from ghostswap.study.outcome import Outcome
from vm.guest import Answers
from vm.table import Answer, counters

_ZSWAP = "/sys/module/zswap/parameters"
MM_STAT = (
    *("orig_data_size", "compr_data_size", "mem_used_total", "mem_limit", "mem_used_max"),
    *("same_pages", "pages_compacted", "huge_pages", "huge_pages_since"),
)
#: What is there now and not counted since boot; 6.1 leaves an old number until it stores again.
_GAUGES = ("pool_total_size", "stored_pages", "same_filled_pages", "stored_incompressible_pages")
#: Percent of memory for zswap's pool: as it comes, and small enough to be met.
USUAL, SMALL = 20, 1


@dataclass(frozen=True)
class Fill:
    """One fresh fill of zswap.

    :ivar writeback: ``memory.zswap.writeback`` of the group that is paged out, and
    :ivar zmax: its ``memory.zswap.max`` in bytes; ``None`` for no limit.
    """

    corpus: str
    comp: str
    zpool: str = "zsmalloc"
    percent: int = USUAL
    writeback: bool = True
    zmax: int | None = None

    @property
    def name(self) -> str:
        parts = [self.corpus, self.comp, self.zpool, f"{self.percent}%"]
        parts += [] if self.writeback else ["wb0"]
        parts += [] if self.zmax is None else [f"zmax{self.zmax}"]
        return "-".join(parts)

    def script(self, *, each: bool) -> str:
        """As lines of a shell.

        :param each: with the length of each page, which takes longer.
        """
        knob = "" if self.writeback else "echo 0 > /cgroup/fill/memory.zswap.writeback\n"
        if self.zmax is not None:
            knob += f"echo {self.zmax} > /cgroup/fill/memory.zswap.max\n"
            knob += 'echo "@limit $(cat /cgroup/fill/memory.zswap.max)"\n'
        return f"""\
echo "@job zswap-{self.name}"
echo {self.percent} > {_ZSWAP}/max_pool_percent
echo Y > {_ZSWAP}/enabled
if {{ [ ! -e {_ZSWAP}/zpool ] || echo {self.zpool} > {_ZSWAP}/zpool; }} &&
	echo {self.comp} > {_ZSWAP}/compressor; then
mkdir /cgroup/fill
{knob}mkswap $swap > /dev/null && swapon $swap
helper fill /mnt/{self.corpus} /cgroup/fill {int(each)}
swapoff $swap
rmdir /cgroup/fill
fi
"""


def fills(kernel: str) -> list[Fill]:
    """What zswap of *kernel* is filled with, without its limit."""
    found = [Fill(corpus, comp) for comp, corpus in product(codecs.names(), CORPORA)]
    zpools = [zpool for zpool in kernels.get(kernel).zswap.zpools if zpool != "zsmalloc"]
    found += [Fill("text", comp, zpool) for comp, zpool in product(("lz4", "zstd"), zpools)]
    if kernels.get(kernel).zswap.has_writeback_knob:
        found += [Fill("ladder", comp, writeback=False) for comp in codecs.names()]
    return found


def limits(kernel: str) -> list[Fill]:
    """What zswap of *kernel* is filled with beyond its limit, where nothing is written back."""
    knob = kernels.get(kernel).zswap.has_writeback_knob
    found = product(("lz4", "lzo", "zstd"), ("ladder", "mixed"))
    return [Fill(corpus, comp, "zsmalloc", SMALL, not knob) for comp, corpus in found]


def zram_script(comp: str, corpus: str) -> str:
    """A fresh device for a corpus, if the kernel has the compressor."""
    return f"""\
echo "@job zram-{corpus}-{comp}"
if echo {comp} > /sys/block/zram0/comp_algorithm; then
echo {len(CORPORA[corpus]())} > /sys/block/zram0/disksize
helper write /mnt/{corpus} /dev/zram0 /sys/block/zram0
echo 1 > /sys/block/zram0/reset
fi
"""


def script(kernel: str, *, each: bool = False) -> str:
    """All fills and limits."""
    zswap = "".join(fill.script(each=each) for fill in (*fills(kernel), *limits(kernel)))
    return zswap + "".join(zram_script(*job) for job in product(codecs.names(), CORPORA))


@cache
def measured(kernel: str, design: str, comp: str, corpus: str) -> tuple[array[int], bool] | None:
    """What the pages measure as, and whether that is exact; ``None`` where it is not known here."""
    try:
        codec = codecs.get(comp, kernel, design)
        return codec.measure(CORPORA[corpus]()), codec.exact
    except GhostswapError:
        return None


def predicted(kernel: str, fill: Fill, pages: array[int], memtotal: int) -> Outcome:
    stored = filling(
        kernel,
        [SwapArea("disk", "full")],
        ram=memtotal,
        compressor=fill.comp,
        zpool=fill.zpool,
        max_pool_percent=fill.percent,
        zswap_writeback=fill.writeback,
        zswap_max=fill.zmax,
    )
    stored.add(pages)
    stored.finish()
    return stored.outcome()


def compare(kernel: str, said: dict[str, Answers], memtotal: int) -> Iterator[Answer]:
    """A question for each counter of each fill, and for each page's length in zram."""
    for asked, jobs in (("zswap fill", fills(kernel)), ("zswap limit", limits(kernel))):
        for fill in jobs:
            job = said.get(f"zswap-{fill.name}", Answers())
            if "after" in job and (pages := measured(kernel, "zswap", fill.comp, fill.corpus)):
                yield from compare_one(kernel, asked, fill, pages, job, memtotal)
    for comp, corpus in product(codecs.names(), CORPORA):
        job = said.get(f"zram-{corpus}-{comp}", Answers())
        if "mm_stat" in job and (pages := measured(kernel, "zram", comp, corpus)):
            yield from _zram(kernel, f"{corpus}-{comp}", pages, job)


def _asked(what: str, exact: bool) -> str:
    """A row of its own for what goes by lengths that are an estimate."""
    return what if exact else f"{what}, estimate"


def found_counters(job: Answers) -> dict[str, int]:
    """What a fill added to each counter."""
    before, after = job.named("before"), job.named("after")
    before |= dict.fromkeys(_GAUGES, 0)
    return {name: value - before.get(name, 0) for name, value in after.items()}


def compare_one(
    kernel: str,
    asked: str,
    fill: Fill,
    pages: tuple[array[int], bool],
    job: Answers,
    memtotal: int,
) -> Iterator[Answer]:
    """A question for each counter of *fill*, which said *job*."""
    lengths, exact = pages
    outcome = predicted(kernel, fill, lengths, memtotal)
    (group,) = outcome.groups
    expected = {
        **outcome.zswap,
        **outcome.vmstat,
        "memory.zswap.current": group.zswap_current,
    }
    if "nrswpout" in expected:  # pages leave one by one, so each is a submission
        expected["nrswpout"] = expected["pswpout"]
    found = found_counters(job)
    if not fill.writeback:  # what zswap refused and nobody may write is in the swap cache
        expected["swapcached"] = group.resident_pages * 4096
        found["swapcached"] = job.named("stat")["swapcached"]
    yield from counters(kernel, _asked(asked, exact), fill.name, expected, found, exact=exact)


def _zram(kernel: str, name: str, pages: tuple[array[int], bool], job: Answers) -> Iterator[Answer]:
    lengths, exact = pages
    stored = filling(kernel, [], design="zram", zram_is_device=True)
    stored.add(lengths)
    found = dict(zip(MM_STAT, job.numbers("mm_stat"), strict=True))
    expected = stored.outcome().zram
    yield from counters(kernel, _asked("zram fill", exact), name, expected, found, exact=exact)
    view = for_zram(kernels.get(kernel), lengths, zeromap=False)
    asked = _asked("zram length", exact)
    for number, (ours, theirs) in enumerate(zip(view, job.numbers("lens"), strict=True)):
        length = 0 if ours == SAME else ours
        yield Answer(kernel, asked, f"{name} {number}", length, theirs, exact)
