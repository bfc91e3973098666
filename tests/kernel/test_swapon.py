# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel and ``validate`` say the same: errno, log line and pages of every area."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import pytest
from conftest import needs_root
from support.images import Image, generated, mutated, write
from support.swapon import PAGE, Swapon, loop, predicted, swapon, this_kernel

from ghostswap.area.header.header import parse_as

BLKFLSBUF, LOOP_SET_CAPACITY = 0x1261, 0x4C07
RANDOM_AREAS = 2000

pytestmark = needs_root


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
