# SPDX-License-Identifier: GPL-2.0-or-later
"""zswap as it is on a host: its parameters, its pool against its limit, what it refused.

Read: /sys/module/zswap/parameters, /proc/meminfo, /proc/vmstat and, for root, debugfs' zswap/
(mm/zswap.c, Linux 6.1 to 6.18). ``zswap_max_pages()`` and ``zswap_accept_thr_pages()`` are of the
same file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ghostswap.live.seen.tree import Tree, number
from ghostswap.page import PAGE_SIZE

PARAMETERS = "/sys/module/zswap/parameters"
_DEBUGFS = "/sys/kernel/debug/zswap"
_MODPROBE = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d")
_TMPFILES = ("/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/lib/tmpfiles.d")
#: Why a page was refused, by the names of the counters in debugfs.
REFUSALS = {
    "pool_limit_hit": "the pool was at its limit",
    "reject_reclaim_fail": "nothing could be written back to make room",
    "reject_alloc_fail": "there was no memory for it",
    "reject_kmemcache_fail": "there was no memory for its entry",
    "reject_compress_fail": "it did not compress",
    "reject_compress_poor": "it compressed too little",
}


class Asked(NamedTuple):
    """A value that some file asks for.

    :ivar works: whether what is written there reaches the kernel: modprobe.d never sets what is
        built in.
    """

    value: str
    source: str
    works: bool = True


class Zswap(NamedTuple):
    """zswap on a host; sizes in bytes.

    :ivar parameters: all of them, by name, as the kernel shows them.
    :ivar ram: ``MemTotal``, of which ``max_pool_percent`` is a part.
    :ivar pool: ``Zswap`` of /proc/meminfo, or ``pool_total_size``.
    :ivar stored: ``Zswapped`` there, or ``stored_pages`` in bytes.
    :ivar debugfs: its counters; none where it cannot be read.
    :ivar vmstat: ``zswpin``, ``zswpout`` and ``zswpwb``, since boot, in pages.
    :ivar asked: the compressor that a file asks for.
    """

    parameters: Mapping[str, str]
    ram: int
    pool: int
    stored: int
    debugfs: Mapping[str, int]
    vmstat: Mapping[str, int]
    asked: Asked | None

    @property
    def enabled(self) -> bool:
        return self.parameters.get("enabled") == "Y"

    @property
    def compressor(self) -> str:
        return self.parameters.get("compressor", "")

    @property
    def zpool(self) -> str:
        """The allocator: since Linux 6.18 zsmalloc, and no parameter says so."""
        return self.parameters.get("zpool", "zsmalloc")

    @property
    def max_pool_percent(self) -> int:
        return self._percent("max_pool_percent")

    @property
    def limit(self) -> int:
        """``zswap_max_pages()``."""
        return self.ram // PAGE_SIZE * self.max_pool_percent // 100 * PAGE_SIZE

    @property
    def accept_threshold(self) -> int:
        """``zswap_accept_thr_pages()``: a pool that was full takes pages again below it."""
        return (
            self.limit // PAGE_SIZE * self._percent("accept_threshold_percent") // 100 * PAGE_SIZE
        )

    @property
    def written_back(self) -> int:
        """Pages written back to disk since boot."""
        return self.vmstat.get("zswpwb", self.debugfs.get("written_back_pages", 0))

    @property
    def refused(self) -> dict[str, int]:
        """How often it refused a page, by the counter; those that are not 0."""
        return {name: self.debugfs[name] for name in REFUSALS if self.debugfs.get(name)}

    def _percent(self, name: str) -> int:
        return number(self.parameters.get(name, "")) or 0


def read(tree: Tree) -> Zswap | None:
    """zswap of the host; ``None`` where its kernel has none, or /sys is not there."""
    names = tree.names(PARAMETERS)
    if not names:
        return None
    parameters = {name: tree.word(f"{PARAMETERS}/{name}") for name in names}
    counters = {name: tree.number(f"{_DEBUGFS}/{name}") for name in tree.names(_DEBUGFS)}
    debugfs = {name: value for name, value in counters.items() if value is not None}
    # It comes with the first time that zswap is on.
    if not counters and parameters.get("enabled") == "Y" and _DEBUGFS not in tree.barred:
        tree.bar(_DEBUGFS, "debugfs is not mounted")
    meminfo = tree.numbers("/proc/meminfo")
    vmstat = tree.numbers("/proc/vmstat")
    return Zswap(
        parameters,
        ram=meminfo.get("MemTotal", 0),
        pool=debugfs.get("pool_total_size", meminfo.get("Zswap", 0)),
        stored=debugfs["stored_pages"] * PAGE_SIZE
        if "stored_pages" in debugfs
        else meminfo.get("Zswapped", 0),
        debugfs=debugfs,
        vmstat={name: vmstat[name] for name in ("zswpin", "zswpout", "zswpwb") if name in vmstat},
        asked=_asked(tree),
    )


def _asked(tree: Tree) -> Asked | None:
    """Which compressor is configured: what is written last at boot decides."""
    found = None
    for directory in reversed(_MODPROBE):
        for name in tree.names(directory):
            for line in tree.lines(f"{directory}/{name}"):
                kind, module, *options = (*line.split(), "", "")
                values = [each[11:] for each in options if each.startswith("compressor=")]
                if (kind, module) == ("options", "zswap") and values:
                    found = Asked(values[-1], f"{directory}/{name}", works=False)
    for word in tree.word("/proc/cmdline").split():
        if word.startswith("zswap.compressor="):
            found = Asked(word.partition("=")[2], "the kernel command line")
    for directory in reversed(_TMPFILES):
        for name in tree.names(directory):
            for line in tree.lines(f"{directory}/{name}"):
                words = line.split(None, 6)
                if len(words) == 7 and words[1] == f"{PARAMETERS}/compressor":
                    found = Asked(words[6], f"{directory}/{name}")
    return found
