# SPDX-License-Identifier: GPL-2.0-or-later
"""Profiles of hosts that were never there: their memory is made up, their files are real."""

from __future__ import annotations

from array import array
from pathlib import Path
from random import Random

from ghostswap.page import INCOMPRESSIBLE, ZEROS
from ghostswap.pages.profiles.format import Column, Group, Profile, build

GIB = 1 << 30


def profile(
    seed: int,
    pages: int,
    *,
    memory: int = 4 * GIB,
    mean: int = 1500,
    drawn: int | None = None,
    times: int = 1,
) -> bytes:
    """A host with so many *pages* in use and *memory*, whose pages are about *mean* bytes by lz4.

    :param drawn: how many of them were; all unless given.
    :param times: how many times over they are there.
    """
    rng = Random(seed)
    number = pages if drawn is None else drawn

    def measure(mean: int) -> int:
        kind = rng.random()
        if kind < 0.05:
            return ZEROS
        if kind < 0.15:
            return INCOMPRESSIBLE
        return min(4095, max(30, round(rng.gauss(mean, mean / 3))))

    columns = (Column("lz4", ""), Column("lzo-rle", ""))
    measures = [array("H", (measure(one) for _ in range(number))) for one in (mean, mean * 9 // 10)]
    measures = [one * times for one in measures]
    group = Group("", "made up", pages * times, number * times, {}, measures)
    return build(Profile("6.18.1", "x86_64", memory, "0", columns, [group]))


def fleet(directory: Path, hosts: int = 6) -> list[Path]:
    """Files of so many hosts in *directory*: small and large ones, some of them samples."""
    directory.mkdir(exist_ok=True)
    files = []
    for number in range(hosts):
        file = directory / f"host{number}.gsp"
        pages = (300, 900, 2500)[number % 3]
        memory = (1, 4)[number % 2] * GIB
        mean = (900, 1800)[number // 2 % 2]
        drawn = 200 if number % 4 == 3 else None
        file.write_bytes(profile(number, pages, memory=memory, mean=mean, drawn=drawn))
        files.append(file)
    return files
