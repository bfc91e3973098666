# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel and ``validate`` say the same: errno, log line and pages of every area."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fcntl import ioctl
from pathlib import Path

import pytest
from conftest import load_case, needs_root
from support.swapon import PAGE, Swapon, loop, predicted, swapon, this_kernel

from ghostswap.area.header.header import Header, pack_badpages, parse_as
from ghostswap.area.header.layout import ByteOrder

BLKFLSBUF, LOOP_SET_CAPACITY = 0x1261, 0x4C07
RANDOM_AREAS = 2000

pytestmark = needs_root


@dataclass(frozen=True)
class Image:
    """The first bytes of an area and its size; *holes* are (offset, length) in pages."""

    name: str
    start: bytes
    size: int
    holes: tuple[int, ...] = ()


def generated() -> list[Image]:
    """What gen_headers.py made, whose answers were recorded with 6.18."""
    return [
        Image(row["name"], zlib.decompress(base64.b64decode(row["data_z64"])), row["size"])
        for row in load_case("swapon.json.xz")
        if row["kernel"] == "6.18" and row["mode"] == "file"
    ]


def mutated(seed: int) -> Image:
    """A good area with up to three things wrong, always the same for the same *seed*."""
    dice = random.Random(seed)
    pages = dice.choice((2, 3, 10, 16, 64, 64, 64))
    order: ByteOrder = dice.choice(("little", "little", "big"))
    size = pages * PAGE
    head = Header(
        PAGE, order, pages - 1, sws_uuid=dice.randbytes(16), sws_volume=dice.randbytes(16)
    )
    raw: list[tuple[int, bytes]] = []
    holes: tuple[int, ...] = ()
    for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3))):
        match dice.choice(
            ("last", "version", "bad", "bad", "magic", "size", "page", "raw", "hole")
        ):
            case "last":
                near = (pages - 2, pages, pages + 1, 2 * pages, 0, 1, 2)
                far = (0xFFFFFFFF, 0xFFFFFFFE, 1 << 31, 1 << 24, dice.getrandbits(32))
                head = replace(head, last_page=dice.choice(near + far) & 0xFFFFFFFF)
            case "version":
                odd = (0, 2, 1 << 24, 0xFFFFFFFF, dice.getrandbits(32))
                head = replace(head, version=dice.choice(odd))
            case "bad":
                count = dice.choice((1, 2, pages // 2, pages - 2, pages - 1))
                bad = [dice.randrange(1, pages) for _ in range(count)]
                if dice.random() < 0.3:
                    bad[:1] = [dice.choice((0, pages - 1, pages, dice.getrandbits(32)))]
                number = dice.choice((len(bad),) * 4 + (len(bad) + 1, 637, 638, 0xFFFFFFFF))
                head = replace(head, nr_badpages=number, badpages_raw=pack_badpages(bad, order))
            case "magic":
                magics = (b"SWAP-SPACE", b"S1SUSPEND\0", b"LINHIB0001", b"swapspace2", bytes(10))
                head = replace(head, magic=dice.choice(magics))
            case "size":
                step = dice.choice((1, 511, 512, 513, PAGE - 1, PAGE, 8 * PAGE, size - PAGE))
                size = max(size + dice.choice((-step, step)), 0)
            case "page":
                other = dice.choice((8192, 16384, 32768, 65536))
                head = replace(head, page_size=other)
            case "raw":
                places = (range(1024, 1036), range(1036, 1600), range(PAGE - 12, PAGE), range(PAGE))
                place = dice.choice(dice.choice(places))
                raw.append((place, dice.randbytes(dice.choice((1, 4)))))
            case "hole":
                holes = tuple(dice.sample(range(1, pages), min(pages - 1, dice.choice((1, 3)))))
    start = bytearray(head.build())
    for place, data in raw:
        start[place : place + len(data)] = data
    return Image(f"random-{seed}", bytes(start), size, holes)


def is_safe(image: Image) -> bool:
    """Whether it is no danger to switch it on.

    With more bad pages than pages the kernel's count of them falls below zero, and for that moment
    it believes in 16 TiB of swap.
    """
    head = parse_as(image.start, PAGE)
    return head.nr_badpages <= head.last_page or head.nr_badpages > head.max_badpages


def images() -> list[Image]:
    """All areas to ask for."""
    found, seed = generated(), 0
    wanted = len(found) + RANDOM_AREAS
    while len(found) < wanted:
        image = mutated(seed)
        seed += 1
        if is_safe(image):
            found.append(image)
    return found


def write(path: Path, image: Image) -> None:
    """Make *path* the area, allocated but for its holes."""
    with path.open("r+b") as file:
        file.truncate(0)
        if image.size:
            os.posix_fallocate(file.fileno(), 0, image.size)
        file.write(image.start[: image.size])
    for page in image.holes:
        if (page + 1) * PAGE <= image.size:
            where = ("--offset", str(page * PAGE), "--length", str(PAGE))
            subprocess.run(["fallocate", "--punch-hole", *where, path], check=True)


@pytest.fixture
def ask(tmp_path: Path, kernel_lock: None) -> Iterator[Swapon]:  # noqa: ARG001
    with swapon(tmp_path) as asked:
        yield asked


@pytest.mark.parametrize("kind", ["file", "loop"])
def test_every_area_ends_as_predicted(ask: Swapon, tmp_path: Path, kind: str) -> None:
    judges = this_kernel()
    area = tmp_path / "area"
    area.touch(0o600)
    answers: Counter[str | None] = Counter()
    different = []

    def compare(path: str) -> None:
        expected, found = predicted(path, judges), ask(path)
        answers[found.errno] += 1
        if found != expected:
            different.append((image, expected, found))

    everything = images()
    if kind == "file":
        for image in everything:
            write(area, image)
            compare(str(area))
    else:
        with loop(area) as device:
            for image in everything:
                write(area, image)
                with open(device, "rb") as file:
                    ioctl(file, LOOP_SET_CAPACITY)
                    ioctl(file, BLKFLSBUF)
                compare(device)
    assert [(image.name, *answers) for image, *answers in different] == []
    assert answers.total() == len(everything) == 62 + RANDOM_AREAS
    assert min(answers[None], answers["EINVAL"]) > 400, "too one-sided to show anything"
