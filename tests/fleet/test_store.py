# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects what was added to a store: it is there once and whole, whatever was killed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from array import array
from pathlib import Path

import pytest
from conftest import ROOT, needs_root
from support.fleets import fleet, profile
from support.strace import _usable

from ghostswap.errors import TargetError
from ghostswap.fleet.figures import Figures, read
from ghostswap.fleet.store import Store
from ghostswap.page import PAGE_SIZE, SAME
from ghostswap.pages.profiles.format import Column, Group, Profile, build


def add(store: Store, *files: Path) -> None:
    with store.writing():
        for file in files:
            data = file.read_bytes()
            store.add(*read(str(file), file.stem, data), data)


def test_a_store_gives_back_what_was_put_in(tmp_path: Path) -> None:
    files = fleet(tmp_path / "hosts")
    with Store(str(tmp_path / "fleet"), create=True) as store:
        add(store, *files)
    with Store(str(tmp_path / "fleet")) as store:
        hosts = store.hosts()
        assert [host.name for host in hosts] == [file.stem for file in files]
        for host, file in zip(hosts, files, strict=True):
            data = file.read_bytes()
            assert store.profile(host) == data
            assert (host, store.columns(host)) == read(str(file), file.stem, data)
    assert oct((tmp_path / "fleet").stat().st_mode & 0o777) == "0o600"


def test_figures_count_every_page_of_the_host_and_come_back_as_they_were(tmp_path: Path) -> None:
    for number, file in enumerate(fleet(tmp_path / "hosts")):
        host, columns = read("it", "it", file.read_bytes())
        for column in columns:
            figures = column.figures
            assert Figures.unpack(figures.pack()) == figures
            # A sample's are weighed, and each number is rounded by itself.
            assert abs(figures.pages - host.pages) <= (0 if number % 4 != 3 else 200)
            assert 1 < figures.ratio < 10


def test_the_same_profile_is_one_host(tmp_path: Path) -> None:
    (file,) = fleet(tmp_path / "hosts", 1)
    with Store(str(tmp_path / "fleet"), create=True) as store:
        add(store, file, file)
        add(store, file)
        assert store.count() == 1


def test_others_read_what_was_there_while_one_writes(tmp_path: Path) -> None:
    files = fleet(tmp_path / "hosts")
    path = str(tmp_path / "fleet")
    with Store(path, create=True) as writer:
        add(writer, files[0])
        with Store(path) as reader:
            with writer.writing():
                data = files[1].read_bytes()
                writer.add(*read("it", "it", data), data)
                assert [host.name for host in reader.hosts()] == ["host0"]
            assert [host.name for host in reader.hosts()] == ["host0", "it"]


@pytest.mark.parametrize("name", ["a b", "a%20b", "what?mode=memory", "a#b", "caf\udce9"])
def test_a_store_may_be_called_anything(tmp_path: Path, name: str) -> None:
    path = os.path.join(tmp_path, name)
    with Store(path, create=True) as store:
        assert store.count() == 0
    assert os.path.getsize(path)


def test_what_is_no_store_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE mine (a)")
    database.commit()
    database.close()
    (tmp_path / "text").write_text("no database at all" * 100)
    for name, said in (("other", "no store"), ("text", "no store"), ("none", "no such store")):
        before = (tmp_path / name).read_bytes() if name != "none" else b""
        for create in (False, True)[: 1 if name == "none" else 2]:
            with pytest.raises(TargetError, match=said):
                Store(str(tmp_path / name), create=create)
        if name != "none":
            assert (tmp_path / name).read_bytes() == before


def test_a_store_that_was_not_made_to_the_end_is_empty_and_is_made_by_the_next(
    tmp_path: Path,
) -> None:
    """As a full disk leaves it: a database with a log, and without tables."""
    path = str(tmp_path / "fleet")
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    with pytest.raises(TargetError, match="is empty"):
        Store(path)
    (file,) = fleet(tmp_path / "hosts", 1)
    with Store(path, create=True) as store:
        add(store, file)
    with Store(path) as store:
        assert store.count() == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"memory": 1 << 52}, "more memory than any host has"),
        ({"pages": 1 << 41, "drawn": 100}, "more memory than any host has"),
        ({"measure": PAGE_SIZE + 1}, "no profile that makes sense"),
        ({"measure": SAME}, "no profile that makes sense"),
    ],
)
def test_a_profile_of_no_host_there_is_is_refused(change: dict[str, int], said: str) -> None:
    measure = change.pop("measure", None)
    if measure is None:
        data = profile(1, **{"pages": 100, **change})
    else:
        group = Group("", "made up", 2, 2, {}, [array("H", (1000, measure))])
        data = build(Profile("6.18.1", "x86_64", 1 << 30, "0", (Column("lz4", ""),), [group]))
    with pytest.raises(TargetError, match=said):
        read("it", "it", data)


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "fleet")
    Store(path, create=True).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(TargetError, match="version 2, and versions up to 1"):
        Store(path)


def test_who_may_not_write_can_read(tmp_path: Path) -> None:
    (file,) = fleet(tmp_path / "hosts", 1)
    home = tmp_path / "kept"
    home.mkdir()
    with Store(str(home / "fleet"), create=True) as store:
        add(store, file)
    home.chmod(0o555)
    (home / "fleet").chmod(0o444)
    code = (
        "import os, sys\n"
        "from ghostswap.fleet.store import Store\n"
        "if not os.geteuid(): os.setgid(65534); os.setuid(65534)\n"
        "with Store(sys.argv[1]) as store: print(store.count(), store.may_write)"
    )
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.geteuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o111)
    done = subprocess.run(
        [sys.executable, "-c", code, str(home / "fleet")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1 False\n", "")


#: Adds the files one by one, in children that die at their first, second, third… write each.
ADDER = """
import os, sys
from ghostswap.fleet.figures import read
from ghostswap.fleet.store import Store

home, when, *files = sys.argv[1:]
hosts = []
for number, file in enumerate(files):
    with open(file, "rb") as opened:
        data = opened.read()
    hosts.append((*read(file, str(number), data), data))
null = os.open("/dev/null", os.O_WRONLY)
for at in range(int(when)):
    child = os.fork()
    if not child:
        for _ in range(int(when) - at - 1):
            os.pwrite(null, b"", 0)
        with Store(f"{home}/{at}", create=True) as store:
            for host in hosts:
                with store.writing():
                    store.add(*host)
                os.write(1, f"{at} {host[0].name}\\n".encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not status:
        os.write(1, f"{at} ended\\n".encode())
        break
"""


def test_killed_at_any_write_a_store_has_all_that_was_added_and_goes_on(tmp_path: Path) -> None:
    """Every child makes a new store, and SIGKILL meets its nth write to it, n from one on."""
    strace, most = _usable(), 150
    files = fleet(tmp_path / "hosts", 3)
    (tmp_path / "stores").mkdir()
    kill = f"inject=pwrite64:signal=SIGKILL:when={most}"
    done = subprocess.run(
        [
            *(strace, "-f", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", kill, sys.executable),
            *("-c", ADDER, str(tmp_path / "stores"), str(most), *map(str, files)),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
        check=False,
    )
    said = [line.split() for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert said[-1][1] == "ended", "more writes than were tried"
    last = int(said[-1][0])
    assert last > 20
    kept = set()
    for at in range(last):
        path = str(tmp_path / "stores" / str(at))
        with Store(path, create=True) as store:
            there = {host.name for host in store.hosts()}
            told = {name for number, name in said if number == str(at)}
            assert told <= there, f"killed at write {at + 1}"
            assert len(there - told) <= 1, "what was being added, whole or not at all"
            kept.add(len(there))
            add(store, *files)
            assert store.count() == len(files)
            assert [store.profile(host) for host in store.hosts()]
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
    assert kept == {0, 1, 2, 3}


@needs_root
def test_on_a_full_disk_it_is_said_and_what_was_added_stays(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        path = str(disk / "fleet")
        added = 0
        with Store(path, create=True) as store:
            with pytest.raises(TargetError, match="no room is left") as refused:  # noqa: PT012
                for number in range(100):
                    data = profile(number, 3000)
                    with store.writing():
                        store.add(*read("it", str(number), data), data)
                    added += 1
            assert "what was added is kept" in refused.value.hint
            assert added == store.count() > 5
        with Store(path) as store:
            assert added == store.count()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
