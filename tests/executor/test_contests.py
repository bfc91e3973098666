# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that a comparison is the same bytes whoever works, who may have none of its files."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
from conftest import Run

MEMORY = ("--pages", "synthetic:1500:zero,text,random", "--kernel", "6.18")
WORK = (*MEMORY, "--limit", "3M", "--touches", "touches.u32", "--write-ratio", "0.3")


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(MEMORY, id="stored-once"),
        pytest.param((*MEMORY, "--sample", "300"), id="sample"),
        pytest.param((*MEMORY, "--sweep", "compressor=lz4,zstd"), id="compressors"),
        pytest.param((*WORK, "--design", "ghost", "--design", "vswap"), id="touches"),
        pytest.param((*WORK, "--sweep", "limit=2M,4M", "--design", "zram"), id="limits"),
        pytest.param((*WORK, "--kernel", "6.1,6.12,7.1"), id="kernels"),
        pytest.param(("host.toml",), id="two-groups"),
    ],
)
def test_a_comparison_is_the_same_bytes_from_every_engine(
    run: Run, tmp_path: Path, address: str, args: tuple[str, ...]
) -> None:
    """The workers are in another directory, where the trace is not to be found."""
    touches = array("I", (number * 7919 % 1500 for number in range(4000)))
    (tmp_path / "touches.u32").write_bytes(touches.tobytes())
    (tmp_path / "host.toml").write_text(
        'ram = "1G"\nkernel = "6.18"\n'
        '[group.one]\nsource = "synthetic:1500:text"\ntouches = "u32:touches.u32"\n'
        'memory_max = "4M"\n'
        '[group.two]\nsource = "synthetic:700:random"\ntouches = "zipf:1@3k"\n'
        'memory_max = "2M"\nwrite_ratio = 0.5\n'
    )
    alone = run("compare", *args, "--json", "--jobs", "1")
    assert (alone.returncode, alone.stderr) == (0, "")
    for engine in (("--jobs", "2"), ("--scheduler", address)):
        other = run("compare", *args, "--json", *engine)
        assert (other.returncode, other.stderr, other.stdout) == (0, "", alone.stdout)


def test_a_scheduler_that_is_not_there_is_said_before_any_memory_is_read(run: Run) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    done = run("compare", "--pages", "nothing", "--scheduler", "tcp://127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("ghostswap: tcp://127.0.0.1:1: no scheduler of Dask is there\n")
