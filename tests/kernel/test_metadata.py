# SPDX-License-Identifier: GPL-2.0-or-later
"""The running kernel allocates what ghostswap.designs.metadata says, structure by structure."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import Run, needs_root

from ghostswap import kernels

pytestmark = needs_root

SLOTS = 1 << 14


@pytest.fixture
def fields() -> dict[str, int]:
    """Bytes of classic's fields in the running kernel, where it is the one that was modelled."""
    kernel, known = kernels.nearest(os.uname().release)
    if not known or kernel.name != "6.18":
        pytest.skip(f"allocates in another way: Linux {os.uname().release}")
    rules = kernel.metadata
    return {field.name: int(field.one_bytes) for field in rules.slot_maps + rules.in_use}


def test_a_zswap_entry_is_as_large_as_its_slab_says(fields: dict[str, int]) -> None:
    slab = Path("/sys/kernel/slab/zswap_entry/object_size")
    if not slab.exists():
        pytest.skip("no slab for zswap_entry")
    assert fields["zswap_entry"] == int(slab.read_text())


def vmalloc_pages() -> Counter[tuple[str, int]]:
    """Pages of each allocation that swapon(2) made, by the function."""
    lines = Path("/proc/vmallocinfo").read_text().splitlines()
    found = (re.search(r" (\w*swapon)\+\S+ pages=(\d+) vmalloc", line) for line in lines)
    return Counter((match[1], int(match[2])) for match in found if match)


@pytest.mark.usefixtures("kernel_lock")
def test_swapon_allocates_a_byte_and_two_bytes_a_slot(
    run: Run, tmp_path: Path, fields: dict[str, int]
) -> None:
    area = tmp_path / "area"
    assert run("mkswap", "--file", "--size", str(SLOTS * 4096), "area").returncode == 0
    before = vmalloc_pages()
    if subprocess.run(["swapon", area], capture_output=True, check=False).returncode != 0:
        pytest.skip("no swap on the file system of the temporary files")
    try:
        new = vmalloc_pages() - before
    finally:
        subprocess.run(["swapoff", area], check=True)
    assert new == {
        ("__do_sys_swapon", SLOTS * fields["swap_map"] // 4096): 1,
        ("swap_cgroup_swapon", SLOTS * fields["swap_cgroup"] // 4096): 1,
    }
