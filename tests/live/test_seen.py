# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read of a host is what its files say: recorded hosts, and hosts that lack something."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from conftest import needs_root
from support.hosts import unpack, write

from ghostswap.live.seen import cgroups, zram, zswap
from ghostswap.live.seen.status import Status, read
from ghostswap.live.seen.tree import Tree

PAGE = 4096
MIB = 1 << 20


def host(name: str, directory: Path, without: str = "-") -> Status:
    return read(Tree(unpack(name, directory, without)))


def test_a_host_without_swap(tmp_path: Path) -> None:
    seen = host("plain", tmp_path)
    assert (seen.areas, seen.zram, seen.size, seen.used) == ((), (), 0, 0)
    assert seen.zswap is not None
    assert not seen.zswap.enabled
    assert seen.unseen == {}
    assert seen.kernel == "6.18.44"


def test_zswap_over_a_swap_file(tmp_path: Path) -> None:
    """3300 pages went out: 3000 of half entropy, and 300 that 6.18 stores as they are."""
    seen = host("zswap", tmp_path)
    state = seen.zswap
    assert state is not None
    assert state.enabled
    assert state.stored == state.debugfs["stored_pages"] * PAGE == 3300 * PAGE == seen.used
    assert state.debugfs["stored_incompressible_pages"] == 300
    assert state.pool == state.debugfs["pool_total_size"]
    assert 1 < state.stored / state.pool < 2
    assert state.limit == seen.ram // PAGE * 20 // 100 * PAGE
    assert state.accept_threshold == state.limit // PAGE * 90 // 100 * PAGE
    assert state.written_back == 0
    assert state.refused == {"pool_limit_hit": 200}, "before this, since boot"
    (area,) = seen.areas
    assert (area.type, area.size, area.active) == ("file", 8188 * PAGE, True)


def test_zswap_at_its_limit_says_why_it_refused(tmp_path: Path) -> None:
    state = host("full", tmp_path).zswap
    assert state is not None
    assert (state.limit, state.pool) == (0, 0)
    assert set(state.refused) == {"pool_limit_hit"}


def test_without_debugfs_meminfo_says_what_zswap_holds(tmp_path: Path) -> None:
    both = host("zswap", tmp_path / "root")
    alone = host("zswap", tmp_path / "user", without="/sys/kernel/debug")
    assert both.zswap is not None
    assert alone.zswap is not None
    assert (alone.zswap.stored, alone.zswap.pool) == (both.zswap.stored, both.zswap.pool)
    assert alone.zswap.debugfs == {}
    assert "debugfs is not mounted" in alone.unseen["/sys/kernel/debug/zswap"]


def test_zram_as_swap(tmp_path: Path) -> None:
    seen = host("zram", tmp_path)
    (device,) = seen.zram
    assert (device.name, device.disksize, device.compressor) == ("zram1", 16 * MIB, "lzo-rle")
    assert device.known == ("lzo-rle", "lzo", "lz4")
    # The header's page is in there as well.
    assert device.counters["orig_data_size"] >= 2000 * PAGE
    assert device.counters["mem_used_total"] < device.counters["orig_data_size"] < 16 * MIB
    assert [area.medium for area in seen.areas] == ["zram"]
    assert seen.reserved == seen.never_written == 0


def test_areas_come_by_priority(tmp_path: Path) -> None:
    seen = host("both", tmp_path)
    assert [area.priority for area in seen.areas] == [100, 1]
    assert [area.medium for area in seen.areas] == ["zram", ""]
    assert seen.reserved == seen.areas[1].size


def test_what_was_never_written_is_what_so_many_writes_leave(tmp_path: Path) -> None:
    unpack("both", tmp_path)
    (tmp_path / "proc/vmstat").write_text("pswpout 10\n")
    seen = read(Tree(str(tmp_path)))
    assert seen.never_written == seen.reserved - 10 * PAGE > 0


def test_cgroups_of_version_1(tmp_path: Path) -> None:
    seen = host("cgroup1", tmp_path).cgroups
    assert seen.version == 1
    (group,) = seen.groups
    assert (group.path, group.settings) == ("/batch", {"memory.swappiness": "0"})
    assert host("plain", tmp_path / "other").cgroups.groups == ()


#: Written after Documentation/admin-guide/cgroup-v2.rst, Linux 6.18.
V2 = {
    "/proc/self/mountinfo": "24 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
    "/sys/fs/cgroup/cgroup.controllers": "cpu io memory pids\n",
    "/sys/fs/cgroup/a.slice/memory.swap.max": "max\n",
    "/sys/fs/cgroup/a.slice/memory.zswap.max": "max\n",
    "/sys/fs/cgroup/a.slice/memory.zswap.writeback": "1\n",
    "/sys/fs/cgroup/a.slice/b.service/memory.swap.max": "1048576\n",
    "/sys/fs/cgroup/a.slice/b.service/memory.zswap.max": "max\n",
    "/sys/fs/cgroup/a.slice/b.service/memory.zswap.writeback": "0\n",
    "/sys/fs/cgroup/a.slice/b.service/memory.swap.current": "8192\n",
    "/sys/fs/cgroup/a.slice/b.service/memory.swap.events": "high 0\nmax 3\nfail 3\n",
}


def test_cgroups_of_version_2(tmp_path: Path) -> None:
    seen = cgroups.read(Tree(write(V2, tmp_path)))
    assert (seen.version, seen.looked_at, seen.more) == (2, 3, False)
    (group,) = seen.groups
    assert group.path == "/a.slice/b.service"
    assert group.settings == {"memory.swap.max": "1048576", "memory.zswap.writeback": "0"}
    assert group.counters["memory.swap.current"] == 8192
    assert group.counters["memory.swap.events fail"] == 3


def test_of_thousands_of_cgroups_a_thousand_are_read(tmp_path: Path) -> None:
    root = write(V2, tmp_path)
    for number in range(1200):
        (tmp_path / "sys/fs/cgroup/a.slice" / f"{number}.scope").mkdir()
    seen = cgroups.read(Tree(root))
    assert (seen.looked_at, seen.more) == (1000, True)


def test_version_2_without_the_memory_controller_is_none(tmp_path: Path) -> None:
    files = {**V2, "/sys/fs/cgroup/cgroup.controllers": "cpu\n"}
    assert cgroups.read(Tree(write(files, tmp_path))).version is None


# What is not there


def test_a_container_without_sys(tmp_path: Path) -> None:
    seen = host("zswap", tmp_path, without="/sys")
    assert (seen.zswap, seen.zram) == (None, ())
    assert "zswap" in seen.unseen["/sys/kernel"]
    assert seen.used == 3300 * PAGE
    assert seen.reclaim.lru_gen is None


def test_nothing_at_all(tmp_path: Path) -> None:
    seen = read(Tree(str(tmp_path)))
    assert (seen.areas, seen.zswap, seen.ram, seen.kernel) == ((), None, 0, "")
    assert set(seen.unseen) == {"/proc/meminfo", "/sys/kernel"}


@pytest.mark.parametrize(
    "path",
    ["/proc/meminfo", "/proc/vmstat", "/proc/swaps", "/proc/crypto", "/proc/pressure/memory"],
)
@pytest.mark.parametrize("text", ["", "\n\n", "odd", "a:\nb: x kB\n\0", ":\n: :\n"])
def test_an_odd_file_is_no_error(tmp_path: Path, path: str, text: str) -> None:
    root = unpack("both", tmp_path)
    Path(root + path).write_text(text)
    assert read(Tree(root)).kernel == "6.18.44"


@needs_root
def test_what_may_not_be_read_is_said() -> None:
    from ghostswap.live.seen import judged  # noqa: F401  # which the child could not read

    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        root = unpack("zswap", place)
        place.chmod(0o755)
        (place / "sys/kernel/debug").chmod(0o700)
        child = os.fork()
        if not child:
            os.setuid(65534)
            seen = read(Tree(root))
            said = seen.unseen.get("/sys/kernel/debug/zswap", "")
            os._exit(0 if "Permission denied" in said and seen.zswap is not None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# What is configured


@pytest.mark.parametrize(
    ("files", "value", "source", "works"),
    [
        (
            {"/proc/cmdline": "quiet zswap.enabled=1 zswap.compressor=zstd\n"},
            "zstd",
            "the kernel command line",
            True,
        ),
        (
            {"/etc/tmpfiles.d/z.conf": "w /sys/module/zswap/parameters/compressor - - - - lz4\n"},
            "lz4",
            "/etc/tmpfiles.d/z.conf",
            True,
        ),
        (
            {"/etc/modprobe.d/z.conf": "options zswap enabled=1 compressor=zstd\n"},
            "zstd",
            "/etc/modprobe.d/z.conf",
            False,
        ),
    ],
)
def test_which_compressor_zswap_was_told_to_take(
    tmp_path: Path, files: dict[str, str], value: str, source: str, works: bool
) -> None:
    unpack("zswap", tmp_path)
    asked = getattr(zswap.read(Tree(write(files, tmp_path))), "asked")  # noqa: B009
    assert (asked.value, asked.source, asked.works) == (value, source, works)


GENERATOR = {"/usr/lib/systemd/system-generators/zram-generator": ""}
ZRAMSWAP = {
    "/etc/systemd/system/multi-user.target.wants/zramswap.service": "",
    "/etc/default/zramswap": "#ALGO=lz4\nALGO=zstd\nPERCENT=50\n",
}


def test_who_sets_zram_up(tmp_path: Path) -> None:
    conf = {
        "/usr/lib/systemd/zram-generator.conf": "[zram0]\ncompression-algorithm = lzo\n",
        "/etc/systemd/zram-generator.conf.d/a.conf": "#\n[zram0]\ncompression-algorithm=zstd\n",
    }
    found = zram.tools(Tree(write({**GENERATOR, **conf, **ZRAMSWAP}, tmp_path)))
    assert [tool.name for tool in found] == ["zram-generator", "zramswap"]
    assert [tool.compressors for tool in found] == [{"zram0": "zstd"}, {"zram0": "zstd"}]


def test_an_empty_file_of_root_switches_zram_generator_off(tmp_path: Path) -> None:
    conf = {
        "/usr/lib/systemd/zram-generator.conf": "[zram0]\n",
        "/etc/systemd/zram-generator.conf": "",
    }
    assert zram.tools(Tree(write({**GENERATOR, **conf}, tmp_path))) == ()
