# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel's zram and ours count the same: every field of mm_stat, over many pages."""

from __future__ import annotations

import glob
import mmap
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from conftest import needs_root
from support.corpora import CORPORA
from support.machine import filling
from support.running import needs_exact, needs_zram

from ghostswap import codecs, kernels
from ghostswap.kernels.rules import Kernel
from ghostswap.live.zram import live_zram
from ghostswap.pages import open_source

PAGE = 4096
MIB = 1 << 20
COMPRESSORS = ("lz4", "lzo", "lzo-rle")
pytestmark = [needs_root, pytest.mark.usefixtures("kernel_lock")]


def source(spec: str, limit: int) -> bytes:
    """Up to *limit* bytes of a source's pages."""
    with open_source(spec) as found, mmap.mmap(-1, limit) as room, memoryview(room) as view:
        filled = 0
        while filled < limit:
            with view[filled:] as rest:
                got = found.readinto(rest)
            if not got:
                break
            filled += got
        return bytes(view[:filled])


def memory() -> bytes:
    """Anonymous pages of this machine's processes, this one's among them."""
    own = source(f"pid:{os.getpid()}", 24 * MIB)
    return own + source("mine", 40 * MIB - len(own))


def code() -> bytes:
    """Programs and libraries."""
    return starts("/usr/lib/*-linux-gnu/*.so.*", "/usr/lib64/*.so.*", "/usr/bin/*")


def text() -> bytes:
    """Python's own sources."""
    return CORPORA["text"]() + starts(f"{os.path.dirname(os.__file__)}/*.py")


def starts(*patterns: str) -> bytes:
    """The start of each file, up to 1 MiB, and 40 MiB in all."""
    paths = sorted({os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern)})
    data = bytearray()
    for path in paths:
        if len(data) < 40 * MIB and os.path.isfile(path):
            with open(path, "rb") as file:
                data += file.read(MIB)
    return whole(bytes(data))


def whole(data: bytes) -> bytes:
    return data[: len(data) // PAGE * PAGE]


def ladder() -> bytes:
    return CORPORA["ladder"]()


def patterns() -> bytes:
    """Same-filled pages of all kinds, and pages that are nearly so."""
    dice = random.Random(7)
    pages = []
    for _ in range(1000):
        page = bytearray(dice.choice((bytes(8), dice.randbytes(8), b"\xff" * 8)) * 512)
        if dice.random() < 0.5:
            page[dice.randrange(PAGE)] ^= 1
        pages.append(bytes(page))
    return b"".join(pages)


def mixture() -> bytes:
    """Pages sewn from pieces of the others and noise, cut at odd places."""
    dice = random.Random(8)
    stocks = (text(), ladder(), patterns(), dice.randbytes(MIB), code()[: 8 * MIB])
    pieces = []
    for _ in range(20_000):
        stock = dice.choice(stocks)
        start = dice.randrange(len(stock))
        pieces.append(stock[start : start + dice.choice((16, 100, 700, 3000))])
    return whole(b"".join(pieces))


MADE = {
    "memory": memory,
    "code": code,
    "text": text,
    "ladder": ladder,
    "patterns": patterns,
    "noise": lambda: random.Random(9).randbytes(4 * MIB),
    "mixture": mixture,
}


@pytest.fixture(scope="module")
def corpora() -> dict[str, bytes]:
    return {name: make() for name, make in MADE.items()}


@contextmanager
def aligned(data: bytes) -> Iterator[memoryview]:
    """*data* at the start of a page, as O_DIRECT wants it."""
    with mmap.mmap(-1, len(data)) as room:
        room[:] = data
        with memoryview(room) as view:
            yield view


def this_kernel() -> Kernel:
    nearest, known = kernels.nearest(os.uname().release)
    if not known:
        pytest.skip(f"no rules for Linux {os.uname().release}")
    return nearest


def both(
    compressor: str, data: bytes, mem_limit: int = 0, *, singly: bool = False
) -> tuple[dict[str, int], dict[str, int], bool]:
    """Our counters, the kernel's, and whether the kernel gives back what it took."""
    kernel = this_kernel()
    needs_exact(compressor, "zram")
    needs_zram(compressor)
    with ExitStack() as stack:
        codec = codecs.get(compressor, kernel.name, "zram")
        device = stack.enter_context(live_zram(compressor, len(data) // PAGE, mem_limit))
        view = stack.enter_context(aligned(data))
        refused = device.fill([view], singly=singly)
        counted = device.counters()
        fill = filling(
            kernel.name, [], design="zram", zram_is_device=True, zram_mem_limit=mem_limit
        )
        fill.add(codec.measure(view))
        outcome = fill.outcome()
        assert len(refused) == outcome.kept_pages
        ours = {name: outcome.zram[name] for name in counted}
        return ours, counted, device.holds([view], refused)


def test_there_are_pages_enough(corpora: dict[str, bytes]) -> None:
    assert sum(map(len, corpora.values())) // PAGE >= 20_000


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("name", MADE)
def test_every_counter_is_equal(corpora: dict[str, bytes], name: str, compressor: str) -> None:
    ours, counted, intact = both(compressor, corpora[name])
    assert ours == counted
    assert intact


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("mem_limit", [1, 700_001, 4 * MIB])
def test_limit_refuses_the_same_pages(
    corpora: dict[str, bytes], compressor: str, mem_limit: int
) -> None:
    data = corpora["mixture"][: 2000 * PAGE] + corpora["patterns"][: 200 * PAGE]
    ours, counted, intact = both(compressor, data, mem_limit, singly=True)
    assert ours == counted
    assert intact
    assert counted["failed_writes"] > 0


def test_another_page_is_noticed_beside_those_refused() -> None:
    needs_zram("lz4")
    data = random.Random(6).randbytes(20 * PAGE)
    with live_zram("lz4", 20, 10 * PAGE) as device, aligned(data) as view:
        refused = device.fill([view], singly=True)
        assert refused == set(range(10, 20))
        assert not device.holds([view]), "what was refused reads as zeros"
        assert device.holds([view], refused)
        with aligned(view[: 5 * PAGE].tobytes() + bytes(PAGE)) as other:
            assert not device.holds([other], refused)


def test_device_is_gone_afterwards() -> None:
    before = sorted(glob.glob("/dev/zram*"))
    both("lz4", CORPORA["ladder"]())
    with pytest.raises(RuntimeError), live_zram("lz4", 10):
        raise RuntimeError
    assert sorted(glob.glob("/dev/zram*")) == before
