# SPDX-License-Identifier: GPL-2.0-or-later
"""The same pages through the running kernel and through its model: counters beside counters."""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from ghostswap import codecs, signals
from ghostswap.codecs.measure import CHUNK_PAGES
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.here import mem_available, mem_total
from ghostswap.kernels.rules import Kernel
from ghostswap.live.undo import kernel_lock, undoing
from ghostswap.live.zram import live_zram
from ghostswap.live.zswap import check_zswap, live_zswap, parameter
from ghostswap.mm.swap.swap_info import SwapArea
from ghostswap.page import PAGE_SIZE
from ghostswap.pages import open_source
from ghostswap.pages.source import Source
from ghostswap.study.fill import Fill
from ghostswap.study.host import Group, Host
from ghostswap.study.memory import check_pages
from ghostswap.study.outcome import Outcome
from ghostswap.units import format_size


class Task(NamedTuple):
    """What to measure.

    :ivar spec: of the source.
    :ivar design: ``zswap`` or ``zram``.
    :ivar kernel: whose model stands beside the running one.
    :ivar compressor: ``None`` for zswap's own, or zram's lz4.
    :ivar mem_limit: zram's, in bytes; 0 for none.
    :ivar scratch: directory for the scratch area; ``None`` for that for temporary files.
    """

    spec: str
    design: str
    kernel: Kernel
    compressor: str | None = None
    mem_limit: int = 0
    scratch: str | None = None


class Comparison(NamedTuple):
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
        """Whether the model said what the kernel did, and nothing was lost."""
        return self.intact and all(
            self.predicted[name] == self.measured[name] for name in self.names
        )


def compare(task: Task, waiting: Callable[[], None]) -> Comparison:
    """Give the pages of a source to the model and to the running kernel; all is undone then.

    :param waiting: called before waiting for whoever has the kernel's swap.
    :raises GhostswapError: where the kernel has not what is to be measured.
    :raises TargetError: where the system refuses something.
    :raises UsageError: where it compresses otherwise than the task says.
    """
    with kernel_lock(waiting), _one_cpu(), undoing() as undo, open_source(task.spec) as source:
        kernel = task.kernel.name
        if task.design == "zram":
            codec = codecs.get(task.compressor or "lz4", kernel, "zram")
            chunks = _load(source, undo)
            answer = _zram(task, codec, chunks, undo)
        else:
            codec = codecs.get(_zswap_compressor(task.compressor), kernel)
            chunks = _load(source, undo)
            answer = _zswap(task, codec, chunks, undo)
        pages = sum(chunk.pages for chunk in chunks)
        release = os.uname().release
        return Comparison(release, kernel, task.design, codec, source, pages, *answer)


class _Chunk(NamedTuple):
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
    fits = mem_available() // 2 // PAGE_SIZE
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
            check_pages(source, loaded)
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


def _zswap(task: Task, codec: codecs.Codec, chunks: list[_Chunk], undo: ExitStack) -> _Answer:
    pages = sum(chunk.pages for chunk in chunks)
    with signals.held():
        zswap = undo.enter_context(live_zswap(pages, task.scratch or tempfile.gettempdir()))
        for chunk in chunks:  # before swapoff, which then has nothing to bring back
            undo.callback(_close, chunk.memory)
    host = Host(
        ram=mem_total(),
        max_pool_percent=zswap.max_pool_percent,
        accept_threshold_percent=zswap.accept_threshold_percent,
        zpool="zsmalloc",
        groups=(Group("process", source=task.spec),),
        kernel=task.kernel.name,
        design="classic",
    )
    measures = _measure(codec, chunks)
    if left := zswap.page_out([chunk.memory for chunk in chunks]):
        raise GhostswapError(
            f"{left} pages would not leave memory, so nothing can be compared", "try again"
        )
    measured = zswap.counters()
    intact = True
    for chunk in chunks:
        with chunk.view() as view:
            intact = intact and _digest(view) == chunk.digest
    outcome = _predict(host, measures, [SwapArea("(scratch)", "full")])
    return {**outcome.zswap, **outcome.vmstat}, measured, intact, 0


def _zram(task: Task, codec: codecs.Codec, chunks: list[_Chunk], undo: ExitStack) -> _Answer:
    pages = sum(chunk.pages for chunk in chunks)
    with signals.held():
        device = undo.enter_context(live_zram(codec.name, max(pages, 1), task.mem_limit))
    host = Host(
        ram=mem_total(),
        zram_mem_limit=task.mem_limit,
        zram_is_device=True,
        groups=(Group("process", source=task.spec),),
        kernel=task.kernel.name,
        design="zram",
    )
    with ExitStack() as views:
        pieces = [views.enter_context(chunk.view()) for chunk in chunks]
        refused = device.fill(pieces, singly=task.mem_limit > 0)
        measured = device.counters()
        intact = device.holds(pieces, refused)
    outcome = _predict(host, _measure(codec, chunks), [])
    return outcome.zram, measured, intact, len(refused)


def _measure(codec: codecs.Codec, chunks: list[_Chunk]) -> array[int]:
    measures = array("H")
    for chunk in chunks:
        with chunk.view() as view:
            measures += codec.measure(view)
    return measures


def _predict(host: Host, measures: array[int], areas: list[SwapArea]) -> Outcome:
    """What the model says; once, as the kernel did it once."""
    fill = Fill(host, [measures], areas)
    fill.run()
    return fill.outcome()


@contextmanager
def _one_cpu() -> Iterator[None]:
    """Stay on one CPU: pages just touched wait in a list of their CPU's own before they can go."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)
