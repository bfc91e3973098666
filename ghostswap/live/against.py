# SPDX-License-Identifier: GPL-2.0-or-later
"""``ghostswap simulate --against-kernel``: the prediction beside the running kernel's counters."""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import click

from ghostswap import codecs, kernels, signals
from ghostswap.cli.reports.report import SCHEMA, lengths_fact, print_skipped, source_json
from ghostswap.cli.terminal import show
from ghostswap.cli.terminal.options import mem_total
from ghostswap.cli.terminal.talk import emit_json, note
from ghostswap.codecs.measure import CHUNK_PAGES
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.live.undo import kernel_lock, undoing
from ghostswap.live.zram import live_zram
from ghostswap.live.zswap import check_zswap, live_zswap, parameter
from ghostswap.mm.swap.in_order import SwapInfo, SwapSpace
from ghostswap.mm.zswap.zswap import Zswap
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.source import Source
from ghostswap.study.fill import Fill
from ghostswap.study.zram_fill import ZramFill
from ghostswap.units import format_size

#: The options that make sense here; what the others say, the running kernel says.
_OPTIONS = {"against_kernel", "spec", "design", "compressor", "mem_limit", "scratch", "as_json"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sets of counters for the same pages.

    :ivar release: of the running kernel; *kernel* is the one whose rules were used.
    :ivar intact: whether the kernel gave back what it took.
    :ivar refused: pages that it did not take, so that there is nothing to give back.
    """

    release: str
    kernel: str
    design: str
    codec: codecs.Codec
    source: Source
    pages: int
    predicted: Mapping[str, int]
    measured: Mapping[str, int]
    intact: bool
    refused: int

    @property
    def names(self) -> list[str]:
        """Counters that both sides have."""
        return [name for name in self.predicted if name in self.measured]

    @property
    def equal(self) -> bool:
        return self.intact and all(
            self.predicted[name] == self.measured[name] for name in self.names
        )

    def emit_json(self) -> None:
        emit_json(
            {
                "schema": SCHEMA,
                "kernel": self.kernel,
                "release": self.release,
                "design": self.design,
                "compressor": self.codec.name,
                "lengths": "exact" if self.codec.exact else "estimate",
                "lengths_error": self.codec.error or None,
                "source": source_json(self.source, self.pages),
                "counters": [
                    {
                        "name": name,
                        "predicted": self.predicted[name],
                        "measured": self.measured[name],
                        "equal": self.predicted[name] == self.measured[name],
                    }
                    for name in self.names
                ],
                "pages_intact": self.intact,
                "pages_refused": self.refused,
                "equal": self.equal,
            }
        )

    def print(self) -> None:
        show.heading(
            f"{self.source.name}: {self.pages} pages through {self.design} of Linux"
            f" {self.release} with {self.codec.name}, beside the model of {self.kernel}"
        )
        rows = [(name, self.predicted[name], self.measured[name]) for name in self.names]
        show.table(
            ("counter", "predicted", "measured", ""),
            [
                (name, str(ours), str(its), "equal" if ours == its else "different")
                for name, ours, its in rows
            ],
            right=("predicted", "measured"),
        )
        equal = sum(ours == its for _, ours, its in rows)
        back = "came back as they were" if self.intact else "came back otherwise"
        if self.refused:
            back = f"{self.pages - self.refused} {back}, {self.refused} were refused"
        show.facts(
            [
                ("counters", f"{equal} of {len(rows)} equal"),
                ("pages", back),
                lengths_fact(self.codec.error),
            ]
        )
        print_skipped(self.source)


def check_options(context: click.Context, swapfiles: Sequence[str]) -> None:
    """Refuse what the running kernel decides itself.

    :raises UsageError: naming the option.
    :raises GhostswapError: without root's rights.
    """
    for param in context.command.params:
        given = context.get_parameter_source(param.name or "")
        allowed = _OPTIONS | {"swapfiles"}
        if given == click.core.ParameterSource.COMMANDLINE and param.name not in allowed:
            raise UsageError(
                f"{param.opts[-1]} and --against-kernel contradict each other",
                "the running kernel is as it is",
            )
    if swapfiles:
        raise UsageError(
            "--against-kernel makes a swap area of its own", f"leave {swapfiles[0]} out"
        )
    if context.params["mem_limit"] is not None and context.params["design"] != "zram":
        raise UsageError("--mem-limit is zram's", "add --design zram")
    if context.params["scratch"] is not None and context.params["design"] == "zram":
        raise UsageError("--scratch is zswap's: zram needs no swap area", "leave it out")
    if context.params["design"] == "ghost":
        raise UsageError("no running kernel has ghost swapfiles", "--design classic, or zram")
    if os.geteuid() != 0:
        raise GhostswapError("--against-kernel needs root", "run it with sudo")


def compare(
    spec: str, design: str, compressor: str | None, mem_limit: int, scratch: str | None
) -> Comparison:
    """Give the pages of the source *spec* to the model and to the running kernel.

    :param compressor: ``None`` for zswap's own, or zram's lz4.
    :param scratch: directory for the scratch area; by default that for temporary files.
    """
    release = os.uname().release
    nearest, known = kernels.nearest(release)
    if not known:
        note(f"no rules for Linux {release}; taking those of {nearest.name}")
    kernel = kernels.get(nearest.name)
    with (
        kernel_lock(lambda: note("another process has the kernel's swap; waiting")),
        _one_cpu(),
        undoing() as undo,
        open_source(spec) as source,
    ):
        if design == "zram":
            codec = codecs.get(compressor or "lz4", kernel.name, "zram")
            chunks = _load(source, undo)
            answer = _zram(kernel, codec, chunks, mem_limit, undo)
        else:
            codec = codecs.get(_zswap_compressor(compressor), kernel.name)
            chunks = _load(source, undo)
            answer = _zswap(kernel, codec, chunks, scratch, undo)
        pages = sum(chunk.pages for chunk in chunks)
        return Comparison(release, kernel.name, design, codec, source, pages, *answer)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some pages in anonymous memory of ours, and what they hash to."""

    memory: mmap.mmap
    pages: int
    digest: bytes

    @contextmanager
    def view(self) -> Iterator[memoryview]:
        with memoryview(self.memory) as whole, whole[: self.pages * PAGE_SIZE] as pages:
            yield pages


def _load(source: Source, undo: ExitStack) -> list[_Chunk]:
    """Read all pages of *source* into memory that MADV_PAGEOUT can take.

    :raises GhostswapError: where they are more than half of what is free, for the kernel needs
        as much again where nothing compresses.
    """
    fits = _mem_available() // 2 // PAGE_SIZE
    if source.pages is not None and source.pages > fits:
        raise _too_large(source.pages, fits)
    chunks: list[_Chunk] = []
    loaded = 0
    while True:
        memory = mmap.mmap(-1, CHUNK_PAGES * PAGE_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        undo.callback(_close, memory)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        with memoryview(memory) as view:
            filled = source.readinto(view)
        if not filled:
            return chunks
        loaded += filled // PAGE_SIZE
        if loaded > fits:
            raise _too_large(loaded, fits)
        with memoryview(memory) as whole, whole[:filled] as pages:
            chunks.append(_Chunk(memory, filled // PAGE_SIZE, _digest(pages)))


def _close(memory: mmap.mmap) -> None:
    with suppress(BufferError):  # an interrupt can leave a view behind; swapoff then takes longer
        memory.close()


def _digest(pages: memoryview) -> bytes:
    return hashlib.blake2b(pages).digest()


def _too_large(pages: int, fits: int) -> GhostswapError:
    return GhostswapError(
        f"{pages} pages are more than the {fits} ({format_size(fits * PAGE_SIZE)}) that fit now",
        "half of MemAvailable can be tried; give a smaller source",
    )


def _mem_available() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":") for line in file)
    return int(fields["MemAvailable"].split()[0]) * 1024


def _zswap_compressor(wanted: str | None) -> str:
    """The compressor that zswap has now.

    :raises UsageError: where that is not the *wanted* one.
    """
    check_zswap()
    has = parameter("compressor")
    if wanted not in (None, has):
        raise UsageError(
            f"zswap here compresses with {has}, not {wanted}",
            f"echo {wanted} > /sys/module/zswap/parameters/compressor, if this kernel has it",
        )
    return has


#: The last four fields of a Comparison.
_Answer = tuple[Mapping[str, int], Mapping[str, int], bool, int]


def _zswap(
    kernel: kernels.Kernel,
    codec: codecs.Codec,
    chunks: list[_Chunk],
    scratch: str | None,
    undo: ExitStack,
) -> _Answer:
    pages = sum(chunk.pages for chunk in chunks)
    with signals.held():
        zswap = undo.enter_context(live_zswap(pages, scratch or tempfile.gettempdir()))
        for chunk in chunks:  # before swapoff, which then has nothing to bring back
            undo.callback(_close, chunk.memory)
    swap = SwapSpace([SwapInfo("(scratch)", "full")])
    percents = (zswap.max_pool_percent, zswap.accept_threshold_percent)
    fill = Fill(Zswap(kernel, mem_total(), swap, *percents, zpool="zsmalloc"), swap)
    for chunk in chunks:
        with chunk.view() as view:
            fill.swap_out(codec.lengths(view))
    if left := zswap.page_out([chunk.memory for chunk in chunks]):
        raise GhostswapError(
            f"{left} pages would not leave memory, so nothing can be compared", "try again"
        )
    measured = zswap.counters()
    intact = True
    for chunk in chunks:
        with chunk.view() as view:
            intact = intact and _digest(view) == chunk.digest
    fill.finish()
    result = fill.result()
    return {**result.zswap, **result.vmstat}, measured, intact, 0


def _zram(
    kernel: kernels.Kernel,
    codec: codecs.Codec,
    chunks: list[_Chunk],
    mem_limit: int,
    undo: ExitStack,
) -> _Answer:
    pages = sum(chunk.pages for chunk in chunks)
    with signals.held():
        device = undo.enter_context(live_zram(codec.name, max(pages, 1), mem_limit))
    fill = ZramFill(kernel, mem_limit)
    with ExitStack() as views:
        pieces = [views.enter_context(chunk.view()) for chunk in chunks]
        for piece in pieces:
            fill.swap_out(codec.lengths(piece))
        refused = device.fill(pieces, singly=mem_limit > 0)
        measured = device.counters()
        intact = device.holds(pieces, refused)
    result = fill.result()
    return result.zram, measured, intact, len(refused)


@contextmanager
def _one_cpu() -> Iterator[None]:
    """Stay on one CPU: pages just touched wait in a list of their CPU's own before they can go."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)
