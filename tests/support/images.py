# SPDX-License-Identifier: GPL-2.0-or-later
"""Swap areas, good and bad ones: those that kernels were asked about, and as many more by dice."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

from conftest import load_case

from ghostswap.area.header.header import Header, pack_badpages
from ghostswap.area.header.layout import ByteOrder

PAGE = os.sysconf("SC_PAGE_SIZE")


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
        if not row["name"].startswith("random-")  # one of mutated(), if a later run recorded it
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
                head = head._replace(last_page=dice.choice(near + far) & 0xFFFFFFFF)
            case "version":
                odd = (0, 2, 1 << 24, 0xFFFFFFFF, dice.getrandbits(32))
                head = head._replace(version=dice.choice(odd))
            case "bad":
                count = dice.choice((1, 2, pages // 2, pages - 2, pages - 1))
                bad = [dice.randrange(1, pages) for _ in range(count)]
                if dice.random() < 0.3:
                    bad[:1] = [dice.choice((0, pages - 1, pages, dice.getrandbits(32)))]
                number = dice.choice((len(bad),) * 4 + (len(bad) + 1, 637, 638, 0xFFFFFFFF))
                head = head._replace(nr_badpages=number, badpages_raw=pack_badpages(bad, order))
            case "magic":
                magics = (b"SWAP-SPACE", b"S1SUSPEND\0", b"LINHIB0001", b"swapspace2", bytes(10))
                head = head._replace(magic=dice.choice(magics))
            case "size":
                step = dice.choice((1, 511, 512, 513, PAGE - 1, PAGE, 8 * PAGE, size - PAGE))
                size = max(size + dice.choice((-step, step)), 0)
            case "page":
                other = dice.choice((8192, 16384, 32768, 65536))
                head = head._replace(page_size=other)
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
