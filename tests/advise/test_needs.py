# SPDX-License-Identifier: GPL-2.0-or-later
"""What else the memory needs is made of the same figures: room to hibernate, recompression."""

from __future__ import annotations

from pathlib import Path

from support.hosts import unpack, write

from ghostswap.advise.advice import Advice
from ghostswap.advise.goal import Goal
from ghostswap.cli.runs.host.advise import Asked, advise
from ghostswap.live.seen.tree import Tree

MIB, GIB = 1 << 20, 1 << 30
MEMORY = "synthetic:3000:text=50%,zero=10%,random"


def asked(root: str, *, ram: int = GIB, kernel: str | None = "6.18", goal: Goal = "disk") -> Advice:
    return advise(Asked(MEMORY, ram, kernel, goal, exact=True, seed=0, jobs=1), Tree(root))[0]


# To hibernate


def test_an_image_finds_no_place_in_zram(tmp_path: Path) -> None:
    found = asked(str(tmp_path))
    one = found.hibernation
    assert found.choice.design == "zram"
    assert (one.image, one.slots, one.disk) == (GIB * 2 // 5, 0, 0)
    assert not one.fits


def test_over_zswap_pages_that_left_have_slots_that_the_image_cannot_have(tmp_path: Path) -> None:
    found = asked(str(tmp_path), goal="memory")
    one = found.hibernation
    assert found.choice.design == "classic"
    assert one.slots == found.memory == 3000 * 4096
    assert one.need == one.image + found.memory
    assert (one.disk, one.fits) == (256 * MIB, False)
    small = asked(str(tmp_path), goal="memory", ram=GIB // 2).hibernation
    assert small.fits, "2/5 of 512 MiB and the slots are less than the area of 256 MiB"


def test_the_pool_is_in_the_image(tmp_path: Path) -> None:
    found = asked(str(tmp_path), ram=8 * MIB)
    assert found.hibernation.image == found.choice.pool > 8 * MIB * 2 // 5


def test_the_kernel_says_how_large_an_image_is_or_makes_none(tmp_path: Path) -> None:
    files = {"/proc/meminfo": "MemTotal: 1048576 kB\n", "/sys/power/image_size": f"{100 * MIB}\n"}
    told = asked(write(files, tmp_path / "told"), kernel=None).hibernation
    assert (told.image, told.lacks) == (100 * MIB, "")
    none = asked(unpack("plain", tmp_path / "none"), kernel=None).hibernation
    assert none.lacks == "this kernel does not hibernate"
    assert not none.fits


# To compress once more


def test_recompression_saves_at_most_what_the_best_compressor_does(tmp_path: Path) -> None:
    found = asked(str(tmp_path))
    zram = {one.compressor: one.pool for one in found.ranked if one.design == "zram"}
    one = next(one for one in found.settings if one.name == "recomp_algorithm")
    assert found.choice.compressor != "zstd"
    assert zram["zstd"] < zram[found.choice.compressor]
    assert one.because.startswith("zstd would save ")
    assert (one.value, one.is_new) == ("none", False)
