# SPDX-License-Identifier: GPL-2.0-or-later
"""What file systems refuse, and how many pages they find; the real ones: tests/kernel/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.area.judge import filesystems
from ghostswap.area.judge.filesystems import ACTIVATIONS, PageCount
from ghostswap.area.target.target import Target, open_target
from ghostswap.extents import Extent, ExtentFlag, extents

BLOCK = 1024
RUNS = st.lists(st.tuples(st.integers(0, 64), st.integers(1, 40)), min_size=1, max_size=12)


def by_block(places: list[int], page_size: int) -> int:
    """Whole pages as ``generic_swapfile_activate`` finds them: it tries block after block."""
    per_page, probe, pages = page_size // BLOCK, 0, 0
    while probe + per_page <= len(places):
        first = places[probe]
        run = range(first, first + per_page)
        if first % per_page == 0 and places[probe : probe + per_page] == list(run):
            pages += 1
            probe += per_page
        else:
            probe += 1
    return pages


@given(runs=RUNS, page_size=st.sampled_from((4096, 16384)))
def test_pages_are_those_that_the_kernel_finds_block_by_block(
    runs: list[tuple[int, int]], page_size: int
) -> None:
    count, places, logical, physical = PageCount(page_size), [], 0, 1
    for gap, length in runs:  # a gap of 0 goes on where the last run ended
        physical += gap
        count.add(Extent(logical * BLOCK, physical * BLOCK, length * BLOCK, ExtentFlag(0)))
        places += range(physical, physical + length)
        logical, physical = logical + length, physical + length
    assert count.total == by_block(places, page_size)


@pytest.fixture
def sparse(tmp_path: Path) -> Iterator[Target]:
    """A file of 16 pages of which only the first is allocated."""
    path = tmp_path / "it's sparse"
    with path.open("wb") as file:
        file.truncate(16 * 4096)
        file.write(b"\xaa" * 4096)
        os.fsync(file.fileno())
    with open_target(str(path)) as target:
        if extents(target.fd) is None:
            pytest.skip(f"{target.fstype} does not tell where a file's blocks lie")
        yield target


@pytest.mark.parametrize(
    ("fstype", "log"),
    [
        ("ext4", "swapon: file {path} has unallocated extents"),
        ("xfs", "swapon: file {path} has unallocated extents"),
        ("vfat", "swapon: swapfile has holes"),
        ("ntfs3", "swapon: swapfile has holes"),
        ("a.name.unheard.of", "swapon: swapfile has holes"),
        ("btrfs", "BTRFS warning (device {device}): swapfile must not be copy-on-write"),
        ("f2fs", "F2FS-fs ({device}): Swapfile has holes"),
        ("nfs4", "swap activate: swapfile has holes"),
        ("fuse.sshfs", "swapon: swapfile has holes"),
        ("cifs", None),
    ],
)
def test_each_file_system_has_its_own_words(sparse: Target, fstype: str, log: str | None) -> None:
    """Of those that this machine lacks too, shown on a file of the one that it has."""
    found = filesystems.activate(sparse._replace(fstype=fstype), 4096, sparse.size).refusal
    assert found is not None
    assert found.errno == "EINVAL"
    if log is None:
        assert found.log is None
    else:
        assert found.log is not None
        assert fnmatchcase(
            found.log, log.format(path=os.path.realpath(sparse.path), device="[!?]*")
        )
    assert found.reason
    assert found.cure


def test_a_cure_names_the_path_fit_for_a_shell(sparse: Target) -> None:
    found = filesystems.activate(sparse._replace(fstype="ext4"), 4096, sparse.size).refusal
    assert found is not None
    assert found.cure.endswith("""it'"'"'s sparse'""")


def test_holes_behind_what_is_declared_count_only_where_the_kernel_looks(sparse: Target) -> None:
    declared = 4096
    for fstype, refused in {"ext4": True, "btrfs": True, "vfat": False, "f2fs": False}.items():
        found = filesystems.activate(sparse._replace(fstype=fstype), 4096, declared)
        assert (found.refusal is not None) == refused, fstype


@pytest.mark.parametrize("fstype", ["tmpfs", "hugetlbfs", "overlay"])
def test_what_cannot_even_read_the_header_says_nothing(sparse: Target, fstype: str) -> None:
    found = filesystems.before_header(sparse._replace(fstype=fstype))
    assert found is not None
    assert (found.errno, found.log) == ("EINVAL", None)
    assert fstype in found.reason


def test_every_row_says_what_to_do() -> None:
    for fstype, rules in ACTIVATIONS.items():
        faults = [rules.hole, rules.no_page, *(fault for _, fault in rules.flags)]
        faults += [fault for *_, fault in rules.inode]
        faults += [rules.never] if rules.never else []
        assert all(fault.cure for fault in faults), fstype
