# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that a fleet's advice is the same bytes whoever works, whatever is killed or stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run
from support.dask_workers import scheduler, workers
from support.fleets import GIB, fleet, profile

HOSTS = 12


@pytest.fixture
def filled(run: Run, tmp_path: Path) -> Path:
    """A store with hosts of which nothing was run."""
    fleet(tmp_path / "hosts", HOSTS)
    assert run("fleet", "add", "hosts").returncode == 0
    return tmp_path / "fleet.db"


def advise(run: Run, store: Path, name: str, *args: str) -> str:
    """Advice from a store of its own, so that all of it is run."""
    (store.parent / name).write_bytes(store.read_bytes())
    done = run("fleet", "advise", "--store", name, "--kernel", "6.18", "--json", *args)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_advice_is_the_same_bytes_from_every_engine(run: Run, filled: Path, address: str) -> None:
    alone = advise(run, filled, "alone", "--jobs", "1")
    assert advise(run, filled, "processes", "--jobs", "2") == alone
    assert advise(run, filled, "dask", "--scheduler", address) == alone
    assert advise(run, filled, "local", "--scheduler", "local", "--jobs", "2") == alone


def started(directory: Path, *args: str) -> subprocess.Popen[str]:
    """Advice that is being worked on, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ghostswap", "fleet", "advise", "--kernel", "6.18", *args],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def session(number: int) -> set[int]:
    """All processes of a session."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == number and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found


@pytest.mark.parametrize("args", [("--jobs", "2"), ("--scheduler", "local", "--jobs", "2")])
def test_ctrl_c_leaves_no_process_and_what_was_run_is_kept(
    run: Run, filled: Path, args: tuple[str, ...]
) -> None:
    """The last host takes long, and a terminal sends Ctrl-C to all processes of its job."""
    if "--scheduler" in args:
        pytest.importorskip("distributed", reason="Dask is not installed")
    (filled.parent / "zlast.gsp").write_bytes(profile(77, 10_000, times=300))
    assert run("fleet", "add", "zlast.gsp").returncode == 0
    with started(filled.parent, *args) as process:
        until = time.monotonic() + 60
        while not kept(filled):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)
        assert len(session(process.pid)) > 2
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said.strip()) == (130, "ghostswap: interrupted")
        until = time.monotonic() + 10  # those that it had killed may be about to end
        while (left := session(process.pid)) and time.monotonic() < until:
            time.sleep(0.05)
        assert left == set()
    assert kept(filled)


def test_advice_is_the_same_bytes_where_a_worker_is_killed_at_work(
    run: Run, filled: Path, tmp_path: Path
) -> None:
    """The last host takes long; who works on it is killed, and its nanny starts another one."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    from distributed import Client

    (tmp_path / "zlast.gsp").write_bytes(profile(77, 10_000, memory=64 * GIB, times=100))
    assert run("fleet", "add", "zlast.gsp").returncode == 0
    alone = advise(run, filled, "alone", "--jobs", "1")
    with (
        scheduler(tmp_path) as (address, _),
        workers(address, tmp_path, 2),
        Client(address, timeout=60, set_as_default=False) as client,
    ):
        processes = client.run(os.getpid)
        with started(tmp_path, "--scheduler", address, "--json") as process:
            until = time.monotonic() + 60
            while not (
                kept(filled) and (busy := [at for at, of in client.processing().items() if of])
            ):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < until
            os.kill(processes[busy[0]], signal.SIGKILL)
            found, said = process.communicate(timeout=120)
        client.wait_for_workers(2, timeout=60)
        assert set(client.run(os.getpid).values()) != set(processes.values())
    assert (process.returncode, said) == (0, "")
    assert found == alone


def kept(store: Path) -> int:
    """How many results are in *store*."""
    import sqlite3

    database = sqlite3.connect(store)
    try:
        (found,) = database.execute("SELECT count(*) FROM result").fetchone()
    finally:
        database.close()
    return int(found)
