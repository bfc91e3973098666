# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that a scenario file is the host it describes, and that its errors say where and why."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from conftest import ROOT, Run
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.area.header.header import Header
from ghostswap.errors import GhostswapError, TargetError, UsageError
from ghostswap.scenario.reader import load
from ghostswap.study.host import Area, Group, Host
from ghostswap.study.machine import cgroups

MAN = ROOT / "man" / "ghostswap-scenario.5"
WEB = Group("web", source="synthetic:9:text")
#: The least that is a scenario, and the end of any other here.
LEAST = 'ram = "1G"\n[group.web]\nsource = "synthetic:9:text"\n'


def write(tmp_path: Path, text: str) -> str:
    (tmp_path / "host.toml").write_text(text)
    return str(tmp_path / "host.toml")


def examples() -> list[str]:
    """The literal blocks under EXAMPLES, as mandoc shows them."""
    text = MAN.read_text().partition(".Sh EXAMPLES")[2].partition(".Sh ")[0]
    return re.findall(r"\.Bd -literal.*?\n(.*?)\.Ed", text, re.DOTALL)


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    newest = Host(ram=1 << 30, groups=(WEB,), policy="mglru", policy_from="release")
    assert load(write(tmp_path, LEAST)) == newest


@pytest.mark.parametrize(("kernel", "policy"), [("6.6", "two-lists"), ("6.12", "mglru")])
def test_a_file_reclaims_as_debian_builds_its_kernel_wherever_it_is_read(
    tmp_path: Path, kernel: str, policy: str
) -> None:
    for line in ("", 'reclaim = "kernel"\n'):
        host = load(write(tmp_path, f'kernel = "{kernel}"\n{line}{LEAST}'))
        assert (host.policy, host.policy_from) == (policy, "release")
    host = load(write(tmp_path, f'kernel = "{kernel}"\nreclaim = "two-lists"\n{LEAST}'))
    assert (host.policy, host.policy_from) == ("two-lists", "given")


def test_every_key_reaches_the_host(tmp_path: Path) -> None:
    (tmp_path / "touched.u32").write_bytes(bytes(8))
    (tmp_path / "memory").write_bytes(bytes(4096))
    for name in ("swapfile", "disk"):
        (tmp_path / name).write_bytes(Header(4096, "little", 255).build())
    path = write(
        tmp_path,
        """
        ram = 1073741824
        kernel = "6.12"
        design = "classic"
        compressor = "zstd"
        reclaim = "lru"
        cgroup_version = 2
        cpus = 3
        kernel_pages = 7
        seed = -7
        tiers = "+ssd:100 +hdd:-1"
        zram = { disksize = "4G", mem_limit = "1G", backing_dev = "2G" }
        [zswap]
        max_pool_percent = 25
        accept_threshold_percent = 80
        zpool = "z3fold"
        shrinker_enabled = true
        [[area]]
        path = "swapfile"
        prio = 100
        [[area]]
        path = "disk"
        rotational = true
        discard = true
        [[area]]
        type = "ghost"
        size = "64G"
        [group.web]
        parent = "all"
        source = "memory"
        touches = "touched.u32"
        write_ratio = 1
        changed_ratio = 0.25
        memory_max = "max"
        swap_max = 8192
        zswap_max = "1M"
        zswap_writeback = false
        swap_tiers_max = { ssd = "max", hdd = "0" }
        [group.all]
        memory_max = "512M"
        [group."db 1"]
        source = "mine"
        touches = "scan@5"
        write_ratio = "odd"
        limit_frames = 100
        """,
    )
    assert load(path, any_design=True) == Host(
        ram=1 << 30,
        kernel="6.12",
        design="classic",
        compressor="zstd",
        policy="lru",
        cgroup_version=2,
        cpus=3,
        kernel_pages=7,
        seed=-7,
        tiers="+ssd:100 +hdd:-1",
        zram_disksize=4 << 30,
        zram_mem_limit=1 << 30,
        zram_backing_dev=2 << 30,
        max_pool_percent=25,
        accept_threshold_percent=80,
        zpool="z3fold",
        shrinker_enabled=True,
        areas=(
            Area(f"{tmp_path}/swapfile", prio=100),
            Area(f"{tmp_path}/disk", rotational=True, discard=True),
            Area(type="ghost", size=64 << 30),
        ),
        groups=(
            Group(
                "web",
                parent="all",
                source=f"{tmp_path}/memory",
                touches=f"u32:{tmp_path}/touched.u32",
                write_ratio=1.0,
                changed_ratio=0.25,
                memory_max=None,
                swap_max=8192,
                zswap_max=1 << 20,
                zswap_writeback=False,
                swap_tiers_max={"ssd": "max", "hdd": "0"},
            ),
            Group("all", memory_max=512 << 20),
            Group("db 1", source="mine", touches="scan@5", write_ratio="odd", limit_frames=100),
        ),
    )


def test_paths_start_from_the_directory_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And words that are no paths stay as they are, whatever files there are."""
    (tmp_path / "hosts").mkdir()
    for name in ("mine", "touched", "zipf:1"):
        (tmp_path / "hosts" / name).write_bytes(bytes(8))
    (tmp_path / "area").write_bytes(Header(4096, "little", 255).build())
    write(
        tmp_path / "hosts",
        f"""
        ram = "1G"
        area = [{{ path = "../area" }}]
        [group]
        a = {{ source = "mine", touches = "zipf:1" }}
        b = {{ source = "./mine", touches = "u32:./touched" }}
        c = {{ source = "pid:{os.getpid()}", touches = "u32:touched" }}
        """,
    )
    monkeypatch.chdir(tmp_path)
    host = load("hosts/host.toml")
    assert host.areas[0].path == "hosts/../area"
    assert [group.source for group in host.groups] == ["mine", "hosts/./mine", f"pid:{os.getpid()}"]
    touches = ["zipf:1", "u32:hosts/./touched", "u32:hosts/touched"]
    assert [group.touches for group in host.groups] == touches


def test_the_example_of_the_man_page_is_a_scenario(tmp_path: Path) -> None:
    example = next(text for text in examples() if "ram =" in text)
    host = load(write(tmp_path, example))
    made = cgroups(host)
    assert made["db"].parent is made["jobs"]
    assert {group.name for group in host.groups if group.source} == {"web", "db"}


GROUP = f"{LEAST}[group.db]\n"
ERRORS = {
    # the host
    'ramm = "1G"': ('1: ramm: unknown key', "did you mean ram?"),
    "x = 1": ("1: x: unknown key", "known: ram, kernel"),
    "": (" ram: missing", 'ram = "16G"'),
    'ram = "lots"': ('1: ram: "lots" is no size', "write 512M or 2G"),
    "ram = true": ("1: ram: true is no size", "write 512M"),
    "ram = -1": ("1: ram: -1 is out of range", "write 512M"),
    "ram = 4095": ("1: ram: less than a page", "16G"),
    "ram = [1]": ("1: ram: an array is no size", "write 512M"),
    f'ram = "1.{"0" * 5000}G"': (f'1: ram: "1.{"0" * 58}…" is no size', "write 512M"),
    f"{LEAST}[kernel]": ("4: kernel: a table is no text", '"6.18"'),
    f"kernel = 6.18\n{LEAST}": ("1: kernel: 6.18 is no text", '"6.18"'),
    f'kernel = "6.8"\n{LEAST}': ('1: kernel: unknown: "6.8"', "did you mean 6.18?"),
    f'design = "gost"\n{LEAST}': ('1: design: unknown: "gost"', "did you mean ghost?"),
    f'\n\ncompressor = "brotli"\n{LEAST}': ('3: compressor: unknown: "brotli"', "known: lz4"),
    f'reclaim = "mru"\n{LEAST}': ('1: reclaim: unknown: "mru"', "did you mean mglru?"),
    f"cgroup_version = 3\n{LEAST}": ("1: cgroup_version: 3 is out of range", "write 1 to 2"),
    f'kernel = "6.6"\nflush_every = 0\n{LEAST}': ("2: flush_every: Linux 6.6 has its", "6.8"),
    f'flush_every = 9\n{LEAST}': ("1: flush_every: MGLRU goes by", "set reclaim to two-lists"),
    f'reclaim = "lru"\nflush_every = 9\n{LEAST}': ("2: flush_every: exact LRU", "leave it out"),
    f"cgroup_version = 2.0\n{LEAST}": ("1: cgroup_version: 2.0 is no whole number", "1 to 2"),
    f"seed = true\n{LEAST}": ("1: seed: true is no whole number", "write"),
    f"seed = 0x{'f' * 9000}\n{LEAST}": ("1: seed: a huge number is out of range", "write"),
    f"seed = 1979-05-27\n{LEAST}": ("1: seed: a date or time is no whole number", "write"),
    f'tiers = "+ssd:5"\n{LEAST}': ("1: tiers: no tier has priorities from -1 to 4", "+NAME:-1"),
    # zswap and zram
    f"{LEAST}[zswap]\nmax_pool = 5": ("5: zswap.max_pool: unknown key", "max_pool_percent?"),
    f"zswap.max_pool_percent = 101\n{LEAST}": (
        "1: zswap.max_pool_percent: 101 is out of range", "0 to 100"),
    f"zswap = 3\n{LEAST}": ("1: zswap: 3 is no table", "[table]"),
    f'kernel = "6.18"\n{LEAST}[zswap]\nzpool = "zbud"': (
        "6: zswap.zpool: Linux 6.18 has no zbud", "zsmalloc"),
    f'kernel = "6.6"\n{LEAST}[zswap]\nshrinker_enabled = true': (
        "6: zswap.shrinker_enabled: Linux 6.6 has no shrinker", "6.8"),
    f"{LEAST}[zswap]\nshrinker_enabled = 1": (
        "5: zswap.shrinker_enabled: 1 is not true or false", "no quotes"),
    f'{LEAST}[zram]\ndisksize = "8K"': ('5: zram.disksize: "8K" is no size of an area', "40K"),
    # designs
    f'kernel = "6.6"\ndesign = "vswap"\n{LEAST}': (
        "2: design: vswap is for newer kernels than Linux 6.6", "Linux 6.12 is the nearest"),
    f'{LEAST}[zram]\nmem_limit = "1M"': (
        "5: zram.mem_limit: it is zram's, and the design ghost has none", "leave it out"),
    f'design = "zram"\n{LEAST}[zswap]\nmax_pool_percent = 10': (
        "6: zswap.max_pool_percent: it is zswap's, and the design zram has none", "leave it out"),
    f'design = "disk"\n{LEAST}zswap_max = "1M"': (
        "5: group.web.zswap_max: it is zswap's, and the design disk has none", "leave it out"),
    # areas
    f"area = 1\n{LEAST}": ("1: area: 1 is no array of tables", "[["),
    f"area = [1]\n{LEAST}": ("1: area[1]: 1 is no table", "[table]"),
    f"{LEAST}[[area]]\nprio = 1": ("4: area[1]: neither path nor type is given", "path ="),
    f'{LEAST}[[area]]\ntype = "full"': ("4: area[1]: no size is given", "8G"),
    f'{LEAST}[[area]]\npath = "a"\ntype = "full"': (
        "6: area[1].type: the file at path says that itself", "leave out"),
    f'{LEAST}[[area]]\npath = "a"\nsize = "1G"': (
        "6: area[1].size: the file at path says that itself", "leave out"),
    f'{LEAST}[[area]]\npath = "a"\n[[area]]\npath = "./a"': (
        "7: area[2].path: {}./a is the same area as {}a", "leave one out"),
    f'{LEAST}[[area]]\npath = "a"\n[[area]]\npath = "hard"': (
        "7: area[2].path: {}hard is the same area as {}a", "leave one out"),
    f'design = "classic"\n{LEAST}[[area]]\npath = "a"': (
        "6: area[1].path: {}a is a ghost area, which is of no use to classic", "leave it out"),
    f'design = "zram"\n{LEAST}[[area]]\ntype = "ghost"\nsize = "1M"': (
        "6: area[1].type: (ghost) is a ghost area, which is of no use to zram", "leave it out"),
    f'{LEAST}[[area]]\npath = ""': ('5: area[1].path: "" names nothing', "NUL"),
    f'{LEAST}[[area]]\npath = "a\\u0000"': (r'5: area[1].path: "a\u0000" names nothing', "NUL"),
    f'{LEAST}[[area]]\npath = "a"\nprio = -2': ("6: area[1].prio: -2 is out of range", "0 to 3276"),
    f'{LEAST}[[area]]\ntype = "zram"': ('5: area[1].type: unknown: "zram"', "known: full, ghost"),
    f'{LEAST}[[area]]\ntype = "full"\nsize = "16T"': ('6: area[1].size: "16T" is no', "16T"),
    f'{LEAST}[[area]]\ntype = "full"\nsize = "17T"': ('6: area[1].size: "17T" is no', "16T"),
    f'{LEAST}[[area]]\ntype = "ghost"\nsize = "1G"\nrotational = true': (
        "7: area[1].rotational: a ghost has no disk that turns", "leave it out"),
    # groups
    'ram = "1G"': (" group: no group has a source of memory", "[group.NAME]"),
    'ram = "1G"\n[group.web]': ("2: group: no group has a source of memory", "source ="),
    f"group = []\n{LEAST}": ("3: not TOML: Cannot declare", "toml.io"),
    'ram = "1G"\ngroup.web = 1': ("2: group.web: 1 is no table", "[table]"),
    'ram = "1G"\n[group."a/b"]': ('2: group."a/b": "a/b" is no cgroup\'s name', "without /"),
    'ram = "1G"\n[group.".."]': ('2: group."..": ".." is no cgroup\'s name', "without /"),
    f"{LEAST}[group.web.db]\nmemory_max = 1": (
        "4: group.web.db: groups are not nested here", '[group.db] and in it parent = "web"'),
    f'{GROUP}memory.max = "1G"': ("5: group.db.memory: groups are not nested", "[group.memory]"),
    f'{GROUP}memory-max = "1G"': ("5: group.db.memory-max: unknown key", "memory_max?"),
    f'{GROUP}memory_max = "some"': ('5: group.db.memory_max: "some" is no size', 'or "max"'),
    f"{GROUP}limit_frames = 5\nmemory_max = 5": (
        "5: group.db.limit_frames: memory_max is given too", "leave out"),
    f'{GROUP}parent = "wep"': ('5: group.db.parent: there is no group "wep"', "mean web?"),
    f'{GROUP}parent = "web"': ("5: group.db.parent: web has a process", "of its own below it"),
    f'{GROUP}parent = "db"': ("5: group.db.parent: db is above itself", "no parent"),
    f'{GROUP}parent = "c"\n[group.c]\nparent = "d"\n[group.d]\nparent = "c"': (
        "7: group.c.parent: c is above itself", "no parent"),
    f'{GROUP}source = "pid:x"': ("5: group.db.source: not a process: 'pid:x'", "pid:1234"),
    f'{GROUP}source = "synthetic:5:txt"': ('5: group.db.source: not a kind of pages: "txt"', "tex"),
    f'{GROUP}touches = "scan"': ("5: group.db.touches: there is no source", "add source"),
    f"{LEAST}write_ratio = 0.5": ("4: group.web.write_ratio: there is no touches", "add touches"),
    f'{LEAST}touches = "zip:1"': ('4: group.web.touches: unknown trace: "zip:1"', "zipf:0.8"),
    f'{LEAST}touches = "scan"\nwrite_ratio = nan': (
        "5: group.web.write_ratio: nan is no share", 'or "odd"'),
    f'{LEAST}touches = "scan"\nwrite_ratio = "even"': (
        '5: group.web.write_ratio: "even" is no number', 'or "odd"'),
    f'{LEAST}touches = "scan"\nchanged_ratio = 2': (
        "5: group.web.changed_ratio: 2 is no share", "0 to 1"),
    f'kernel = "6.6"\n{LEAST}zswap_writeback = true': (
        "5: group.web.zswap_writeback: Linux 6.6 has no memory.zswap.writeback", "6.8"),
    f'cgroup_version = 1\n{LEAST}zswap_max = "1G"': (
        "5: group.web.zswap_max: cgroup version 1 has no such limit", "leave it out"),
    f'{LEAST}swap_tiers_max = {{ ssd = "0" }}': (
        "4: group.web.swap_tiers_max.ssd: unknown tier", "there is none"),
    f'tiers = "+ssd:-1"\n{LEAST}swap_tiers_max.sdd = "0"': (
        "5: group.web.swap_tiers_max.sdd: unknown tier", "mean ssd?"),
    f'tiers = "+ssd:-1"\n{LEAST}swap_tiers_max.ssd = 0': (
        "5: group.web.swap_tiers_max.ssd: 0 is no text", '"max", "0"'),
    # standard input
    f'{LEAST}touches = "u32:-"\n[group.db]\nsource = "-"': (
        "4: group.web.touches: standard input is read by group.db.source already", "to a file"),
    f'{LEAST}touches = "u32:-"\n[group.db]\nsource = "synthetic:9:text"\ntouches = "csv:-"': (
        "7: group.db.touches: standard input is read by group.web.touches already", "to a file"),
    # no TOML
    "ram = ": ("1: not TOML: Invalid value", "toml.io"),
    'ram = "1G"\nram = "2G"': ("2: not TOML: Cannot overwrite a value", "toml.io"),
    "\n\nram = '''\n": ("3: not TOML: ", "toml.io"),
    f"ram = {'9' * 5000}": (" a number is too long", "shorten"),
    f"ram = {'[' * 5000}": (" its values are nested too deeply", "flatten"),
    f"\n{'a.' * 500_000}a = 1": ("2: more than 64 names with dots", "no key"),
}  # fmt: skip


@pytest.mark.parametrize("text", ERRORS, ids=lambda text: text[-60:])
def test_errors_name_the_line_the_key_and_the_cure(tmp_path: Path, text: str) -> None:
    message, hint = ERRORS[text]
    path = write(tmp_path, text)
    (tmp_path / "a").write_bytes(Header(4096, "little", 255).build())
    os.link(tmp_path / "a", tmp_path / "hard")
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.message.startswith(f"{path}:{message.replace('{}', f'{tmp_path}/')}")
    assert len(caught.value.message) < len(path) + 200
    assert hint in caught.value.hint


def test_a_source_or_trace_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, f'{GROUP}source = "gone"')
    with pytest.raises(TargetError) as caught:
        load(path)
    gone = f"{tmp_path}/gone: No such file or directory"
    assert caught.value.message == f"{path}:5: group.db.source: {gone}"
    with pytest.raises(TargetError) as caught:
        load(write(tmp_path, f'{LEAST}touches = "gone.csv"'))
    gone = f"{tmp_path}/gone.csv: No such file or directory"
    assert caught.value.message == f"{path}:4: group.web.touches: {gone}"


def test_an_area_that_cannot_be_used_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name, said in (
        ("gone", "gone: cannot open: No such file or directory"),
        ("empty", "empty: is empty"),
        (".", "is a directory, not a file or block device"),
    ):
        path = write(tmp_path, f'{LEAST}[[area]]\npath = "{name}"')
        with pytest.raises(TargetError) as caught:
            load(path)
        assert caught.value.message.startswith(f"{path}:5: area[1].path: {tmp_path}/")
        assert said in caught.value.message


@pytest.mark.parametrize("command", ["replay", "compare"])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('source = "empty"', "3: group.web.source: empty: no memory to work with"),
        (
            'source = "synthetic:64:text"\ntouches = "loop:100"',
            "4: group.web.touches: the trace wants 100 pages, but the memory has 64",
        ),
        (
            'source = "synthetic:64:text"\ntouches = "t.csv"',
            "4: group.web.touches: t.csv: line 1 names group 5, but there is only group 0",
        ),
    ],
)
def test_what_only_the_run_can_tell_is_named_with_its_line(
    run: Run, tmp_path: Path, command: str, keys: str, said: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "t.csv").write_text("0,r,5\n")
    write(tmp_path, f'ram = "1G"\n[group.web]\n{keys}\n')
    done = run(command, "host.toml")
    assert done.returncode in (1, 2)
    assert done.stderr.splitlines()[0] == f"ghostswap: host.toml:{said}"


def test_version_1_lets_a_group_with_a_process_have_others_below(tmp_path: Path) -> None:
    host = load(write(tmp_path, f'cgroup_version = 1\n{GROUP}parent = "web"'))
    assert [group.parent for group in host.groups] == [None, "web"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"gone\.toml: No such file"):
        load(str(tmp_path / "gone.toml"))
    with pytest.raises(TargetError, match="is a directory"):
        load(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(TargetError, match="is a FIFO"):
        load(str(tmp_path / "fifo"))
    (tmp_path / "latin.toml").write_bytes(b"# one\n# caf\xe9\n")
    with pytest.raises(TargetError, match=r"latin\.toml:2: is not UTF-8"):
        load(str(tmp_path / "latin.toml"))
    path = write(tmp_path, LEAST + "#" * ((1 << 20) - len(LEAST)))
    assert load(path).groups == (WEB,)
    with open(path, "a") as file:
        file.write("#")
    with pytest.raises(TargetError, match="is larger than 1 MiB"):
        load(path)


def test_editors_of_other_systems_may_save_it(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    (tmp_path / "host.toml").write_bytes(f"\ufeff{LEAST}".replace("\n", "\r\n").encode())
    assert load(path).groups == (WEB,)
    (tmp_path / "host.toml").write_bytes(f"\ufeff{LEAST}x = 1".replace("\n", "\r\n").encode())
    with pytest.raises(UsageError, match=r"toml:4: group\.web\.x: unknown key"):
        load(path)


TOKENS = re.findall(r'"[^"]*"|[\w.]+|\W', next(text for text in examples() if "ram =" in text))


@given(st.data())
def test_no_mutation_of_a_scenario_is_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Words of it in each other's places, and any text; errors name the file."""
    tokens = TOKENS[:]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(tokens) - 1))
        tokens[at] = data.draw(st.sampled_from([*TOKENS, "-1", "nan", "{}", "[1]"]) | st.text())
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes("".join(tokens).encode("utf-8", "surrogatepass"))
    said = str(path)
    try:
        load(str(path))
    except GhostswapError as error:
        said = error.message
    assert said.startswith(str(path))
